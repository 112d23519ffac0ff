/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_test - the kernel's figures about this process
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "job/self.h"

static void a_process_knows_itself(void **state)
{
    (void)state;
    struct self_figures f;
    self_read(&f);
    double now = (double)clock_wall_us() / 1e6;
    assert_true(f.cpu_seconds > 0);
    assert_true(f.resident_bytes > 100000);
    assert_true(f.start_seconds > now - 3600 && f.start_seconds < now + 5);
    assert_true(f.open_fds >= 3 && f.open_fds < 1000);
    assert_true(f.max_fds >= f.open_fds);
}

static void an_open_file_is_counted(void **state)
{
    (void)state;
    struct self_figures before;
    struct self_figures after;
    self_read(&before);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    self_read(&after);
    assert_int_equal(after.open_fds, before.open_fds + 2);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_knows_itself),
        cmocka_unit_test(an_open_file_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
