/* Any text as resources. What is taken prints to a text that reads as it was; what the algebra does with
 * two of them (the text is cut in two at '|') keeps its promises. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct resources *sum)
{
    CLEANUP(resources_fini) struct resources again = {0};
    CLEANUP(buf_fini) struct buf text = {0}, text_again = {0};

    resources_print(sum, &text);
    BUG_ON(resources_parse(&again, buf_text(&text), NULL) < 0);
    BUG_ON(!resources_are_equal(sum, &again));
    resources_print(&again, &text_again);
    BUG_ON(strcmp(buf_text(&text), buf_text(&text_again)) != 0);
}

static void check_addition(const struct resources *a, const struct resources *b)
{
    CLEANUP(resources_fini) struct resources sum = {0}, swapped = {0};
    int rc;

    resources_copy(&sum, a);
    resources_copy(&swapped, b);
    rc = resources_add(&sum, b, NULL);
    BUG_ON(resources_add(&swapped, a, NULL) != rc);
    if (rc < 0) {
        BUG_ON(!resources_are_equal(&sum, a));
        return;
    }
    BUG_ON(!resources_are_equal(&sum, &swapped));
    BUG_ON(!resources_contain(&sum, a) || !resources_contain(&sum, b));
    check_text(&sum);
    BUG_ON(resources_subtract(&sum, b, NULL) < 0);
    BUG_ON(!resources_are_equal(&sum, a));
}

static void check_parts(const struct resources *a, const struct resources *b)
{
    CLEANUP(resources_fini) struct resources common = {0}, rest = {0}, taken = {0};
    CLEANUP(buf_fini) struct buf lack = {0};

    resources_intersect(&common, a, b);
    BUG_ON(!resources_contain(a, &common) || !resources_contain(b, &common));
    resources_describe_lack(a, b, &lack);
    BUG_ON((lack.size == 0) != resources_contain(a, b));
    BUG_ON(resources_are_equal(&common, b) != resources_contain(a, b));
    resources_copy(&rest, a);
    BUG_ON(resources_subtract(&rest, &common, NULL) < 0);
    BUG_ON(resources_add(&rest, &common, NULL) < 0);
    BUG_ON(!resources_are_equal(&rest, a));
    if (resources_pick(a, "ads", b, &taken, NULL) >= 0)
        BUG_ON(!resources_contain(a, &taken));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(resources_fini) struct resources a = {0}, b = {0};
    CLEANUP(free_p) char *text = mem_alloc(size + 1);
    struct err err = {""};
    char *second;
    int rc;

    memcpy(text, data, size);
    text[size] = '\0';
    second = strchr(text, '|');
    if (second)
        *second++ = '\0';
    rc = resources_parse(&a, text, &err);
    BUG_ON((rc < 0) != (*err.text != '\0'));
    if (second)
        resources_parse(&b, second, NULL);
    check_text(&a);
    check_addition(&a, &b);
    check_parts(&a, &b);
    check_parts(&b, &a);
    return 0;
}
