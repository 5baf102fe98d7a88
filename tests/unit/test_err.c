#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void set_writes_the_text_and_returns_the_code(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_set(&err, -EINVAL, "task %s has %d ports", "web", 3), -EINVAL);
    assert_string_equal(err.text, "task web has 3 ports");
}

static void errno_adds_what_the_code_means(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_errno(&err, -ENOENT, "open %s", "/x"), -ENOENT);
    assert_string_equal(err.text, "open /x: No such file or directory");
}

static void wrapping_puts_context_in_front(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, -ENOSPC, "disk full");
    assert_int_equal(err_wrap(&err, -ENOSPC, "task %s", "web"), -ENOSPC);
    assert_int_equal(err_wrap(&err, -EIO, "agent"), -EIO);
    assert_string_equal(err.text, "agent: task web: disk full");
}

static void a_null_err_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
    assert_int_equal(err_errno(NULL, -EINVAL, "x"), -EINVAL);
    assert_int_equal(err_wrap(NULL, -EINVAL, "x"), -EINVAL);
}

static void a_text_that_is_too_long_is_cut_and_terminated(void **state)
{
    char text[3 * ERR_TEXT_MAX];
    struct err err;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&err, -EINVAL, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_errno(&err, -EINVAL, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_wrap(&err, -EINVAL, "y");
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    assert_memory_equal(err.text, "y: xxx", 6);
    err_wrap(&err, -EINVAL, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

/* Texts go into messages, whose readers end the session over what is no UTF-8. */
static void a_text_with_a_character_cut_in_half_is_still_utf8(void **state)
{
    char text[2 * ERR_TEXT_MAX + 1] = "";
    struct err err;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\303\251", 3);
    err_set(&err, -EINVAL, "task %.3s is in use", text);
    assert_string_equal(err.text, "task \303\251? is in use");
    err_set(&err, -EINVAL, "%s", text);
    assert_true(utf8_is_valid(err.text, strlen(err.text)));
    err_wrap(&err, -EINVAL, "%.5s", text);
    assert_true(utf8_is_valid(err.text, strlen(err.text)));
    err_errno(&err, -EINVAL, "%.235s", text);
    assert_true(utf8_is_valid(err.text, strlen(err.text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_writes_the_text_and_returns_the_code),
        cmocka_unit_test(errno_adds_what_the_code_means),
        cmocka_unit_test(wrapping_puts_context_in_front),
        cmocka_unit_test(a_null_err_is_allowed),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_and_terminated),
        cmocka_unit_test(a_text_with_a_character_cut_in_half_is_still_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
