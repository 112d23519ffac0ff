/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread - base/thread.h on fibers
 *
 * Linked instead of base/thread.c.  What the engine starts as a thread becomes a fiber of the same
 * process; what it waits for, a point where others may run.
 *
 *  (1) Mutexes are real ones that check for errors.  A lock that is held across a
 *      store operation, while another fiber wants it, ends the program: nothing in
 *      the engine may do that.
 *  (2) Who takes or leaves a lock may let others run, before and after, never while
 *      holding one: what lies between two critical sections is where races are.
 *  (3) Threads that are not ours (DuckDB's workers) may lock, but not wait.
 */
#include "base/thread.h"
#include "base/pulse.h"

#include "fiber.h"

#include <stdio.h>
#include <stdlib.h>

static void check(int rc, const char *what)
{
    if (rc != 0) {
        fprintf(stderr, "sim: %s: %s\n", what, strerrordesc_np(rc));
        abort();
    }
}

void mutex_init(struct mutex *m)
{
    pthread_mutexattr_t attr;
    check(pthread_mutexattr_init(&attr), "pthread_mutexattr_init");
    check(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK), "pthread_mutexattr_settype");
    check(pthread_mutex_init(&m->m, &attr), "pthread_mutex_init");
    check(pthread_mutexattr_destroy(&attr), "pthread_mutexattr_destroy");
}

void mutex_done(struct mutex *m)
{
    check(pthread_mutex_destroy(&m->m), "pthread_mutex_destroy");
}

static void lock(struct mutex *m)
{
    struct fiber *self = fiber_now();
    check(pthread_mutex_lock(&m->m), "pthread_mutex_lock");
    if (self != NULL) {
        self->lock_count++;
    }
}

static void unlock(struct mutex *m)
{
    struct fiber *self = fiber_now();
    check(pthread_mutex_unlock(&m->m), "pthread_mutex_unlock");
    if (self != NULL) {
        assert(self->lock_count > 0);
        self->lock_count--;
    }
}

void mutex_lock(struct mutex *m)
{
    fiber_yield_at_lock();
    lock(m);
}

void mutex_unlock(struct mutex *m)
{
    unlock(m);
    fiber_yield_at_lock();
}

void mutex_guard_done(struct mutex **m)
{
    mutex_unlock(*m);
}

void cond_init(struct cond *c)
{
    (void)c;
}

void cond_done(struct cond *c)
{
    (void)c;
}

void cond_wait(struct cond *c, struct mutex *m)
{
    (void)cond_wait_until(c, m, INT64_MAX);
}

bool cond_wait_until(struct cond *c, struct mutex *m, int64_t until_mono_us)
{
    unlock(m);
    bool woken = fiber_wait(c, until_mono_us);
    lock(m);
    return woken;
}

void cond_signal(struct cond *c)
{
    fiber_wake(c); /* waking more than one is allowed */
}

void cond_broadcast(struct cond *c)
{
    fiber_wake(c);
}

static_assert(sizeof(pthread_t) == sizeof(struct fiber *), "a fiber fits in for a thread");

void thread_start(struct thread *t, const char *name, thread_fn fn, void *user)
{
    (void)name;
    assert(!t->running);
    t->id = (pthread_t)(uintptr_t)fiber_start(fn, user, NULL);
    t->running = true;
}

void thread_join(struct thread *t)
{
    if (!t->running) {
        return;
    }
    struct fiber *fiber = (struct fiber *)(uintptr_t)t->id;
    while (fiber->state != FIBER_DONE) {
        (void)fiber_wait(fiber, INT64_MAX);
    }
    fiber_free(fiber);
    t->running = false;
}

/* Nobody watches over fibers, and they share what is a thread's own. */
void pulse_attach(struct pulse *pulse)
{
    (void)pulse;
}

struct pulse *pulse_attached(void)
{
    return NULL;
}

void pulse_step(void)
{
}

void stop_init(struct stop *s)
{
    mutex_init(&s->lock);
    s->set = false;
}

void stop_done(struct stop *s)
{
    mutex_done(&s->lock);
}

void stop_set(struct stop *s)
{
    s->set = true;
    fiber_wake(&s->changed);
}

bool stop_is_set(struct stop *s)
{
    return s->set;
}

bool stop_wait_us(struct stop *s, int64_t us)
{
    int64_t now_us = fiber_clock_us();
    int64_t until_us = us > INT64_MAX - now_us ? INT64_MAX : now_us + us;
    while (!s->set && fiber_wait(&s->changed, until_us)) {
    }
    return s->set;
}
