/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse_test - whether a piece of work still moves
 */
#include "base/pulse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

static void a_thread_without_a_pulse_steps_nowhere(void **state)
{
    (void)state;
    assert_null(pulse_attached());
    pulse_step();
    pulse_step_of(NULL);
}

static void steps_go_to_the_pulse_that_is_attached(void **state)
{
    (void)state;
    struct pulse a = {0};
    struct pulse b = {0};
    pulse_attach(&a);
    pulse_step();
    pulse_step();
    pulse_attach(&b);
    pulse_step();
    pulse_step_of(&a);
    pulse_attach(NULL);
    pulse_step();
    assert_int_equal(atomic_load(&a.steps), 3);
    assert_int_equal(atomic_load(&b.steps), 1);
}

static void step_a_thousand_times(void *user)
{
    (void)user;
    for (int i = 0; i < 1000; i++) {
        pulse_step();
    }
}

static void start_one_more(void *user)
{
    struct thread inner = {0};
    thread_start(&inner, "inner", step_a_thousand_times, user);
    step_a_thousand_times(user);
    thread_join(&inner);
}

static void started_threads_share_the_pulse_of_their_starter(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    struct thread threads[2] = {0};
    pulse_attach(&pulse);
    for (int i = 0; i < 2; i++) {
        thread_start(&threads[i], "outer", start_one_more, NULL);
    }
    pulse_attach(NULL); /* of no matter to those that run */
    for (int i = 0; i < 2; i++) {
        thread_join(&threads[i]);
    }
    assert_int_equal(atomic_load(&pulse.steps), 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_without_a_pulse_steps_nowhere),
        cmocka_unit_test(steps_go_to_the_pulse_that_is_attached),
        cmocka_unit_test(started_threads_share_the_pulse_of_their_starter),
    };
    return cmocka_run_group_tests_name("pulse", tests, NULL, NULL);
}
