/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_test - another program, run to its end
 */
#include "base/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

#define PATIENCE_US (INT64_C(60) * 1000000)

/* The shell is the program; its exit code, with the first 1,000 bytes of what it says. */
static int run_shell(const char *script, struct buf *said, struct err *err)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    int code = 1000;
    int rc = process_run(argv, clock_mono_us() + PATIENCE_US, NULL, 1000, said, &code, err);
    return rc < 0 ? rc : code;
}

static int code_of(const char *script)
{
    AUTO_BUF struct buf said = {0};
    struct err err = {0};
    int code = run_shell(script, &said, &err);
    assert_string_equal(err.msg, "");
    return code;
}

static void assert_no_child(void)
{
    int status;
    assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void the_exit_code_is_told(void **state)
{
    (void)state;
    assert_int_equal(code_of("exit 0"), 0);
    assert_int_equal(code_of("exit 3"), 3);
    assert_int_equal(code_of("exit 255"), 255);
    assert_int_equal(code_of("kill -KILL $$"), -SIGKILL);
    assert_no_child();
}

static void stderr_is_heard_and_stdout_is_not(void **state)
{
    (void)state;
    AUTO_BUF struct buf said = {0};
    struct err err;
    buf_add_c(&said, "before: ");
    assert_int_equal(run_shell("echo no; echo one >&2; echo two >&2; exit 2", &said, &err), 2);
    assert_string_equal(said.ptr, "before: one\ntwo\n");
}

static void stdin_is_empty(void **state)
{
    (void)state;
    assert_int_equal(code_of("if read x; then exit 5; else exit 6; fi"), 6);
}

static void no_shell_reads_the_arguments(void **state)
{
    (void)state;
    AUTO_BUF struct buf said = {0};
    struct err err;
    int code = 1000;
    const char *argv[] = {"sh", "-c", "printf %s \"$1\" >&2", "-", "a b;$(exit 1)*", NULL};
    assert_int_equal(
        process_run(argv, clock_mono_us() + PATIENCE_US, NULL, 1000, &said, &code, &err), 0);
    assert_int_equal(code, 0);
    assert_string_equal(said.ptr, "a b;$(exit 1)*");
}

/* More than a pipe holds: a program whose words are not read would never end. */
static void what_is_said_beyond_the_maximum_is_dropped(void **state)
{
    (void)state;
    AUTO_BUF struct buf said = {0};
    struct err err;
    buf_add_c(&said, "12345");
    assert_int_equal(run_shell("head -c 1000000 /dev/zero >&2; exit 7", &said, &err), 7);
    assert_int_equal(said.len, 1005);
    assert_no_child();
}

static void programs_left_behind_hold_nothing_up(void **state)
{
    (void)state;
    AUTO_BUF struct buf said = {0};
    struct err err;
    assert_int_equal(run_shell("sleep 100 & echo $! >&2; exit 4", &said, &err), 4);
    uint64_t left;
    assert_true(str_to_u64(str_trim(buf_str(&said)), &left));
    assert_int_equal(kill((pid_t)left, SIGKILL), 0); /* it runs still */
}

static void the_deadline_kills(void **state)
{
    (void)state;
    static const char *const scripts[] = {"exec sleep 100", "exec sleep 100 2>&-",
                                          "while :; do echo word >&2; done"};
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
        AUTO_BUF struct buf said = {0};
        const char *argv[] = {"sh", "-c", scripts[i], NULL};
        struct err err = {0};
        int code = 1000;
        int rc = process_run(argv, clock_mono_us() + 50000, NULL, 1000, &said, &code, &err);
        assert_int_equal(rc, ERR_IO);
        assert_true(err.retry);
        assert_string_equal(err.msg, "sh did not end in time");
        assert_int_equal(code, 1000);
        assert_no_child();
    }
}

static void set_after_a_moment(void *user)
{
    clock_sleep_us(20000);
    stop_set(user);
}

static void the_stop_kills(void **state)
{
    (void)state;
    AUTO_BUF struct buf said = {0};
    const char *argv[] = {"sleep", "100", NULL};
    struct err err = {0};
    struct stop stop;
    struct thread thread = {0};
    int code = 1000;
    stop_init(&stop);
    thread_start(&thread, "stopper", set_after_a_moment, &stop);
    for (int i = 0; i < 2; i++) { /* the second time it is set already */
        int rc = process_run(argv, clock_mono_us() + PATIENCE_US, &stop, 1000, &said, &code, &err);
        assert_int_equal(rc, ERR_CANCELED);
        assert_string_equal(err.msg, "sleep: canceled");
        assert_no_child();
    }
    thread_join(&thread);
    stop_done(&stop);
}

static void a_missing_program_is_named(void **state)
{
    (void)state;
    AUTO_BUF struct buf said = {0};
    static const char *const gone[] = {"no-such-program-here", "/etc/passwd"};
    for (size_t i = 0; i < ARRAY_COUNT(gone); i++) { /* the second one is not executable */
        const char *argv[] = {gone[i], NULL};
        struct err err = {0};
        int code = 1000;
        int rc = process_run(argv, clock_mono_us() + PATIENCE_US, NULL, 1000, &said, &code, &err);
        assert_int_equal(rc, ERR_CONFIG);
        assert_non_null(strstr(err.msg, gone[i]));
        assert_no_child();
    }
}

static void signals_are_those_of_a_fresh_process(void **state)
{
    (void)state;
    sigset_t blocked;
    sigset_t before;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    sigaction(SIGINT, &ignore, &old);
    int term = code_of("kill -TERM $$; exit 1");
    int interrupt = code_of("kill -INT $$; exit 1");
    sigaction(SIGINT, &old, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(term, -SIGTERM);
    assert_int_equal(interrupt, -SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_code_is_told),
        cmocka_unit_test(stderr_is_heard_and_stdout_is_not),
        cmocka_unit_test(stdin_is_empty),
        cmocka_unit_test(no_shell_reads_the_arguments),
        cmocka_unit_test(what_is_said_beyond_the_maximum_is_dropped),
        cmocka_unit_test(programs_left_behind_hold_nothing_up),
        cmocka_unit_test(the_deadline_kills),
        cmocka_unit_test(the_stop_kills),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(signals_are_those_of_a_fresh_process),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
