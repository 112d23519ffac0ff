/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread_test - pthread wrappers that abort on misuse, and a stop flag
 */
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

struct counter {
    struct mutex lock;
    int64_t count; /* guarded by .lock */
};

static void count_up(void *user)
{
    struct counter *c = user;
    for (int i = 0; i < 10000; i++) {
        MUTEX_GUARD(&c->lock);
        c->count++;
    }
}

static void guard_excludes_other_threads(void **state)
{
    (void)state;
    struct counter c = {0};
    mutex_init(&c.lock);
    struct thread threads[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        thread_start(&threads[i], "counter", count_up, &c);
    }
    for (size_t i = 0; i < 4; i++) {
        thread_join(&threads[i]);
    }
    assert_int_equal(c.count, 40000);
    mutex_done(&c.lock);
}

struct seen {
    char name[16];
    bool term_is_blocked;
};

static void look_around(void *user)
{
    struct seen *seen = user;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    seen->term_is_blocked = sigismember(&blocked, SIGTERM) == 1;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
}

static void thread_has_its_name_and_no_signals(void **state)
{
    (void)state;
    struct thread t = {0};
    struct seen seen = {0};
    thread_start(&t, "a-name-that-is-too-long", look_around, &seen);
    thread_join(&t);
    assert_string_equal(seen.name, "a-name-that-is-");
    assert_true(seen.term_is_blocked);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

static void join_of_a_thread_not_running_is_fine(void **state)
{
    (void)state;
    struct thread t = {0};
    thread_join(&t);
    struct seen seen;
    thread_start(&t, "x", look_around, &seen);
    thread_join(&t);
    thread_join(&t);
    assert_false(t.running);
}

static void wait_ends_at_its_time(void **state)
{
    (void)state;
    struct mutex lock;
    struct cond cond;
    mutex_init(&lock);
    cond_init(&cond);
    mutex_lock(&lock);
    int64_t until_us = clock_mono_us() + 5000;
    while (cond_wait_until(&cond, &lock, until_us)) {
    }
    assert_true(clock_mono_us() >= until_us);
    assert_false(cond_wait_until(&cond, &lock, 0));
    assert_false(cond_wait_until(&cond, &lock, INT64_MIN));
    mutex_unlock(&lock);
    cond_done(&cond);
    mutex_done(&lock);
}

static void set_soon(void *user)
{
    clock_sleep_us(2000);
    stop_set(user);
}

static void stop_wakes_who_waits(void **state)
{
    (void)state;
    struct stop stop;
    stop_init(&stop);
    assert_false(stop_is_set(&stop));
    assert_false(stop_wait_us(&stop, 1000));
    assert_false(stop_wait_us(&stop, 0));
    assert_false(stop_wait_us(&stop, -5));
    struct thread t = {0};
    thread_start(&t, "stopper", set_soon, &stop);
    assert_true(stop_wait_us(&stop, INT64_MAX));
    assert_true(stop_wait_us(&stop, 0));
    assert_true(stop_is_set(&stop));
    thread_join(&t);
    stop_set(&stop);
    stop_done(&stop);
}

static void misuse_of_a_mutex_aborts(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        struct mutex lock;
        mutex_init(&lock);
        mutex_lock(&lock);
        mutex_lock(&lock);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_excludes_other_threads),
        cmocka_unit_test(thread_has_its_name_and_no_signals),
        cmocka_unit_test(join_of_a_thread_not_running_is_fine),
        cmocka_unit_test(wait_ends_at_its_time),
        cmocka_unit_test(stop_wakes_who_waits),
        cmocka_unit_test(misuse_of_a_mutex_aborts),
    };
    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
