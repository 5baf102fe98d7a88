#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/options.h"
#include "base/version.h"

#define ARGUMENTS_MAX 16

static struct values {
    bool verbose;
    bool color;
    const char *address;
    int64_t port;
    int64_t timeout_ms;
    int64_t memory;
    int64_t offset;
    struct option_strings labels;
} values;

static const struct option_def options[] = {
    {OPTION_FLAG, "verbose", 'v', NULL, "say more", &values.verbose, 0, 0, false},
    {OPTION_FLAG, "color", 0, NULL, "colors", &values.color, 0, 0, false},
    {OPTION_STRING, "address", 'a', "ADDR", "where to listen", &values.address, 0, 0, false},
    {OPTION_INT, "port", 'p', "PORT", "the port", &values.port, 1, 65535, false},
    {OPTION_DURATION, "offer-timeout", 0, "TIME",
     "how long a framework may think about an offer before it is taken back from it again",
     &values.timeout_ms, 1000, 3600000, false},
    {OPTION_BYTES, "memory", 'm', "SIZE", "how much", &values.memory, 0, 0, false},
    {OPTION_INT, "offset", 0, "N", "how far", &values.offset, -5, 5, true},
    {OPTION_STRINGS, "label", 'l', "KEY=VALUE", "a label", &values.labels, 0, 0, false},
    {0},
};

static struct command_def command = {
    .name = "proffer-test",
    .synopsis = "[OPTION...] [FILE...]",
    .summary =
        "Does nothing, and does so in one or two lines of text that have to be wrapped by it.",
    .footer = "Exit status: 0.",
    .options = options,
};

/* Only ours: the test library reads its own from the environment. */
static void forget_variable(const char *option)
{
    char name[64] = "PROFFER_";
    size_t used = strlen(name);

    for (; *option && used < sizeof(name) - 1; option++)
        name[used++] = *option == '-' ? '_' : (char)toupper((unsigned char)*option);
    name[used] = '\0';
    unsetenv(name);
}

static int start(void **state)
{
    (void)state;
    values =
        (struct values){.address = "127.0.0.1", .port = 5050, .timeout_ms = 90000, .color = true};
    command.stop_at_operand = false;
    for (const struct option_def *def = options; def->name; def++)
        forget_variable(def->name);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    options_fini_strings(&values.labels);
    for (const struct option_def *def = options; def->name; def++)
        forget_variable(def->name);
    return 0;
}

static char *arguments[ARGUMENTS_MAX];
static int operand;
static struct err last;

/* The line is split at spaces. */
static int parse(const char *line)
{
    static char copy[512];
    char *rest = copy, *word;
    int count = 0;

    snprintf(copy, sizeof(copy), "proffer-test %s", line);
    while ((word = strsep(&rest, " ")))
        if (*word)
            arguments[count++] = word;
    arguments[count] = NULL;
    operand = -1;
    last.text[0] = '\0';
    return options_parse(&command, count, arguments, &operand, &last);
}

static void assert_refused(const char *line, const char *reason)
{
    assert_int_equal(parse(line), -EINVAL);
    if (!strstr(last.text, reason))
        fail_msg("%s: %s", line, last.text);
    assert_int_equal(operand, -1);
}

static void what_is_not_given_keeps_its_default(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(operand, 1);
    assert_string_equal(values.address, "127.0.0.1");
    assert_int_equal(values.port, 5050);
    assert_true(values.color);
    assert_false(values.verbose);
}

static void every_kind_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse("-v --no-color --address=::1 -p 80 --offer-timeout 5m -m1.5GiB "
                           "--offset -3 -l a=1 --label b=2"),
                     0);
    assert_true(values.verbose);
    assert_false(values.color);
    assert_string_equal(values.address, "::1");
    assert_int_equal(values.port, 80);
    assert_int_equal(values.timeout_ms, 300000);
    assert_int_equal(values.memory, 1610612736);
    assert_int_equal(values.offset, -3);
    assert_int_equal(values.labels.count, 2);
    assert_string_equal(values.labels.items[0], "a=1");
    assert_string_equal(values.labels.items[1], "b=2");
}

static void the_last_of_several_counts(void **state)
{
    (void)state;
    assert_int_equal(parse("-p 1 -p 2 --color --no-color --no-verbose --verbose"), 0);
    assert_int_equal(values.port, 2);
    assert_false(values.color);
    assert_true(values.verbose);
}

static void operands_may_stand_between_options(void **state)
{
    (void)state;
    assert_int_equal(parse("one -p 1 two -v"), 0);
    assert_int_equal(values.port, 1);
    assert_true(values.verbose);
    assert_string_equal(arguments[operand], "one");
    assert_string_equal(arguments[operand + 1], "two");
    assert_int_equal(parse("-- -v"), 0);
    assert_string_equal(arguments[operand], "-v");
}

static void what_follows_the_first_operand_can_be_left_alone(void **state)
{
    (void)state;
    command.stop_at_operand = true;
    assert_int_equal(parse("-p 1 cmd -v --help --bogus"), 0);
    assert_int_equal(values.port, 1);
    assert_false(values.verbose);
    assert_string_equal(arguments[operand], "cmd");
    assert_string_equal(arguments[operand + 1], "-v");
}

static void an_unknown_option_names_the_nearest(void **state)
{
    (void)state;
    assert_refused("--adress=1", "unknown option --adress; did you mean --address?");
    assert_refused("--prot 1", "did you mean --port?");
    assert_refused("--offer-time-out=1s", "did you mean --offer-timeout?");
    assert_refused("--hlep", "did you mean --help?");
    assert_refused("--xyzzy", "unknown option --xyzzy; see proffer-test --help");
    assert_refused("-x", "unknown option -x");
    assert_refused("-vx", "unknown option -x");
    assert_refused("--off=3", "--off could be --offer-timeout, --offset");
    assert_refused("--"
                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                   "unknown option --xxx");
}

static void a_bad_value_is_shown_with_its_option(void **state)
{
    (void)state;
    assert_refused("--port=0", "--port: 0 is not within 1 and 65535");
    assert_refused("-p 70000", "--port: 70000 is not within 1 and 65535");
    assert_refused("-p http", "--port: \"http\" is not a whole number");
    assert_refused("--offer-timeout=1ms",
                   "--offer-timeout: 1ms is too little, at least 1s is possible");
    assert_refused("--offer-timeout=soon", "--offer-timeout: \"soon\" is not a duration");
    assert_refused("--memory=-1", "--memory: \"-1\"");
    assert_refused("--port", "--port needs a value");
    assert_refused("-p", "-p needs a value");
    assert_refused("--verbose=yes", "--verbose=yes: this option takes no value");
    assert_int_equal(values.port, 5050);
}

static void the_environment_counts_where_no_option_is_given(void **state)
{
    (void)state;
    setenv("PROFFER_PORT", "81", 1);
    setenv("PROFFER_OFFER_TIMEOUT", "2s", 1);
    setenv("PROFFER_VERBOSE", "yes", 1);
    setenv("PROFFER_COLOR", "0", 1);
    setenv("PROFFER_ADDRESS", "", 1);
    setenv("PROFFER_LABEL", "env=1", 1);
    setenv("PROFFER_OFFSET", "9999", 1);
    assert_int_equal(parse("-p 80 -l a=1"), 0);
    assert_int_equal(values.port, 80);
    assert_int_equal(values.timeout_ms, 2000);
    assert_true(values.verbose);
    assert_false(values.color);
    assert_string_equal(values.address, "127.0.0.1");
    assert_int_equal(values.offset, 0);
    assert_int_equal(values.labels.count, 1);
    assert_string_equal(values.labels.items[0], "a=1");
}

static void a_bad_value_in_the_environment_is_shown_with_its_variable(void **state)
{
    (void)state;
    setenv("PROFFER_OFFER_TIMEOUT", "x", 1);
    assert_refused("", "environment variable PROFFER_OFFER_TIMEOUT: \"x\" is not a duration");
    assert_int_equal(parse("--offer-timeout=5s"), 0);
    setenv("PROFFER_VERBOSE", "maybe", 1);
    assert_refused("--offer-timeout=5s", "PROFFER_VERBOSE: \"maybe\" is neither true nor false");
}

/* What a call prints to stdout. */
static int parse_and_read(const char *line, char *text, size_t size)
{
    CLEANUP(close_fd) int fd = memfd_create("stdout", MFD_CLOEXEC);
    CLEANUP(close_fd) int kept = dup(STDOUT_FILENO);
    ssize_t got;
    int rc;

    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    rc = parse(line);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    got = pread(fd, text, size - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    return rc;
}

static void help_and_version_are_answered_whatever_else_is_wrong(void **state)
{
    char text[4096];

    (void)state;
    assert_int_equal(parse_and_read("--version", text, sizeof(text)), OPTIONS_VERSION);
    assert_memory_equal(text, "proffer-test " PROFFER_VERSION, 13 + strlen(PROFFER_VERSION));
    assert_int_equal(parse_and_read("-V", text, sizeof(text)), OPTIONS_VERSION);
    assert_int_equal(parse_and_read("-p 1 --bogus -h", text, sizeof(text)), OPTIONS_HELP);
    assert_memory_equal(text, "Usage: proffer-test [OPTION...] [FILE...]\n", 42);
    assert_non_null(strstr(text, "[5050]")); /* the default, not what stood before -h */
    assert_int_equal(values.port, 5050);
}

static void help_fits_the_terminal(void **state)
{
    CLEANUP(buf_fini) struct buf text = {0};
    size_t lines = 0;

    (void)state;
    options_print_help(&command, &text);
    for (const char *line = buf_text(&text); *line; lines++) {
        size_t size = strcspn(line, "\n");

        assert_true(size <= 80);
        assert_true(size == 0 || line[size - 1] != ' ');
        line += size + 1;
    }
    assert_true(lines <= 24);
    assert_non_null(strstr(text.data, "  -p, --port=PORT          the port [5050]\n"));
    assert_non_null(strstr(text.data, "      --color              colors [on]\n"));
    assert_non_null(strstr(text.data, "again [1m30s]\n"));
    assert_non_null(strstr(text.data, "  -h, --help               print this text\n"));
    assert_non_null(strstr(text.data, "\n\nExit status: 0.\n"));
}

#define option_test(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        option_test(what_is_not_given_keeps_its_default),
        option_test(every_kind_is_read),
        option_test(the_last_of_several_counts),
        option_test(operands_may_stand_between_options),
        option_test(what_follows_the_first_operand_can_be_left_alone),
        option_test(an_unknown_option_names_the_nearest),
        option_test(a_bad_value_is_shown_with_its_option),
        option_test(the_environment_counts_where_no_option_is_given),
        option_test(a_bad_value_in_the_environment_is_shown_with_its_variable),
        option_test(help_and_version_are_answered_whatever_else_is_wrong),
        option_test(help_fits_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
