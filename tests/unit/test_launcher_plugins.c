/* Isolators from files: loaded by the launcher that can, refused when they could be somebody else's, or are of another
 * version. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/launcher_rig.h"

static const char *plugin_path(const char *name)
{
    static char path[PATH_MAX + 64];
    const char *launcher = rig_launcher_path();

    snprintf(path, sizeof(path), "%.*s/%s", (int)(strstr(launcher, "/libexec/") - launcher),
             launcher, name);
    return path;
}

/* In a folder that is root's alone, wherever the build stands. */
static char *copy_of(const char *name, char *folder)
{
    char path[PATH_MAX];
    int from, to;
    struct stat info;

    snprintf(folder, 64, "/run/proffer-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/plugin.so", folder);
    from = open(plugin_path(name), O_RDONLY | O_CLOEXEC);
    if (from < 0)
        fail_msg("%s is not there", plugin_path(name));
    to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_true(to >= 0);
    assert_int_equal(fstat(from, &info), 0);
    assert_int_equal(sendfile(to, from, NULL, (size_t)info.st_size), info.st_size);
    close(from);
    close(to);
    return strdup(path);
}

static void an_isolator_from_a_file_holds_tasks(void **state)
{
    rig_skip_unless_root();
    char folder[64];
    CLEANUP(free_p) char *module = copy_of("examples/isolator/oom_score.so", folder);
    static const struct label_info options[] = {{"example/oom_score.adj", "321"}, {NULL, NULL}};
    const struct rig_plan plan = {
        .module = module, .also = ARGV("example/oom_score"), .options = options};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_string_equal(rig->ready.launcher_ready->error, "");
    assert_int_equal(rig->ready.launcher_ready->warnings_count, 0);
    rig_run(rig, &(struct rig_task){.id = "t1", .shell = "cat /proc/self/oom_score_adj"});
    assert_string_equal(rig_read(rig, "t1", "stdout"), "321\n");
    rig_remove(folder);
}

static void a_setting_that_is_wrong_is_refused(void **state)
{
    rig_skip_unless_root();
    char folder[64];
    CLEANUP(free_p) char *module = copy_of("examples/isolator/oom_score.so", folder);
    static const struct label_info options[] = {{"example/oom_score.adj", "9999"}, {NULL, NULL}};
    const struct rig_plan plan = {
        .module = module, .also = ARGV("example/oom_score"), .options = options};
    CLEANUP(rig_destroy) struct rig *rig = rig_new(&plan);

    (void)state;
    assert_string_equal(rig->ready.launcher_ready->error,
                        "example/oom_score.adj=9999: want 0 to 1000");
    rig_end_launcher(rig, 0);
    rig_remove(folder);
}

static void expect_refusal(const char *module, const char *text)
{
    const struct rig_plan plan = {.module = module, .also = ARGV("example/oom_score")};
    struct rig *rig = rig_new(&plan);
    const char *error = rig->ready.launcher_ready->error;

    if (!strstr(error, text))
        fail_msg("'%s' does not say '%s'", error, text);
    rig_end_launcher(rig, 0);
    rig_destroy(&rig);
}

static void what_others_could_write_is_not_loaded(void **state)
{
    rig_skip_unless_root();
    char folder[64];
    CLEANUP(free_p) char *module = copy_of("examples/isolator/oom_score.so", folder);

    (void)state;
    assert_int_equal(chmod(module, 0777), 0);
    expect_refusal(module, "others than its owner may write to /run/proffer-test-");
    assert_int_equal(chmod(module, 0755), 0);
    assert_int_equal(chown(module, 65534, 65534), 0);
    expect_refusal(module, "belongs to user 65534: want root");
    assert_int_equal(chown(module, 0, 0), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    expect_refusal(module, "plugin.so is not loaded: others than its owner may write to "
                           "/run/proffer-test-");
    rig_remove(folder);
}

static void one_for_another_version_is_not_loaded(void **state)
{
    rig_skip_unless_root();
    char folder[64];
    CLEANUP(free_p) char *module = copy_of("tests/plugin_other_version.so", folder);

    (void)state;
    expect_refusal(module, "is for version 1 of the isolator interface");
    rig_remove(folder);
}

static void one_that_crashes_or_hangs_as_it_is_loaded_is_told_of(void **state)
{
    rig_skip_unless_root();
    char folder[64];
    CLEANUP(free_p) char *crash = copy_of("tests/plugin_crash.so", folder);
    char other[64];
    CLEANUP(free_p) char *hang = copy_of("tests/plugin_hang.so", other);

    (void)state;
    expect_refusal(crash, "plugin.so ended the process that loaded it by signal 6 (Aborted)");
    expect_refusal(hang, "plugin.so takes longer than 10 seconds to load");
    rig_remove(folder);
    rig_remove(other);
}

static void what_is_no_plugin_is_not_loaded(void **state)
{
    rig_skip_unless_root();
    char folder[64];
    CLEANUP(free_p) char *program = copy_of("libexec/proffer/proffer-launcher", folder);

    CLEANUP(free_p) char *text = NULL;
    CLEANUP(free_p) char *library = NULL;
    char others[2][64];

    (void)state;
    expect_refusal(program, "cannot dynamically load");
    text = copy_of("lib/pkgconfig/proffer.pc", others[0]);
    expect_refusal(text, "invalid ELF header");
    library = copy_of("lib/libproffer.so", others[1]);
    expect_refusal(library, "plugin.so is no plug-in: it has no proffer_isolator_plugin");
    assert_int_equal(truncate(library, 100), 0);
    expect_refusal(library, "cannot read file data");
    rig_remove(others[0]);
    rig_remove(others[1]);
    expect_refusal("/nowhere/x.so", "/nowhere/x.so: No such file or directory");
    rig_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_isolator_from_a_file_holds_tasks),
        cmocka_unit_test(a_setting_that_is_wrong_is_refused),
        cmocka_unit_test(what_others_could_write_is_not_loaded),
        cmocka_unit_test(one_for_another_version_is_not_loaded),
        cmocka_unit_test(one_that_crashes_or_hangs_as_it_is_loaded_is_told_of),
        cmocka_unit_test(what_is_no_plugin_is_not_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
