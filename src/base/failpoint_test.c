/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failpoint_test - named places where a test can make the process die or wait
 *
 * The variable is read before main: every case runs in a child that reads its own.
 */
#include "base/failpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Status of a child that passes "a" `passes` times under the given variable, then exits 0. */
static int status_of(const char *variable, int passes)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (variable == NULL) {
            unsetenv("SLUICE_FAILPOINT");
        } else {
            setenv("SLUICE_FAILPOINT", variable, 1);
        }
        failpoint_read();
        for (int i = 0; i < passes; i++) {
            FAILPOINT("a");
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    if (WIFSTOPPED(status)) {
        int last;
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &last, 0), child);
    }
    return status;
}

static void point_that_is_not_set_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(status_of(NULL, 3), 0);
    assert_int_equal(status_of("", 3), 0);
    assert_int_equal(status_of("b", 3), 0);
    assert_int_equal(status_of("aa", 3), 0);
}

static void point_kills_at_the_count_given(void **state)
{
    (void)state;
    int status = status_of("a", 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(status_of("a:3", 2), 0);
    status = status_of("a:3", 3);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void point_may_stop_instead(void **state)
{
    (void)state;
    int status = status_of("a:2:pause", 5);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
}

/* As a user sets it: the program runs itself anew, with the variable in its environment. */
static void the_variable_counts_from_the_start_of_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("SLUICE_FAILPOINT", "a", 1);
        execl("/proc/self/exe", "failpoint_test", "pass", (char *)NULL);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        FAILPOINT("a");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variable_counts_from_the_start_of_the_process),
        cmocka_unit_test(point_that_is_not_set_does_nothing),
        cmocka_unit_test(point_kills_at_the_count_given),
        cmocka_unit_test(point_may_stop_instead),
    };
    return cmocka_run_group_tests_name("failpoint", tests, NULL, NULL);
}
