/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread - pthread wrappers that abort on misuse, and a stop flag
 *
 * Mutexes check for errors: locking twice or unlocking what another thread
 * holds ends the process.  pthread functions fail only through such misuse or
 * for want of memory, so that nobody above has to ask.
 */
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pulse.h"

static void check(int rc, const char *what)
{
    if (UNLIKELY(rc != 0)) {
        fprintf(stderr, "sluice: %s: %s\n", what, strerrordesc_np(rc));
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

void mutex_lock(struct mutex *m)
{
    check(pthread_mutex_lock(&m->m), "pthread_mutex_lock");
}

void mutex_unlock(struct mutex *m)
{
    check(pthread_mutex_unlock(&m->m), "pthread_mutex_unlock");
}

void mutex_guard_done(struct mutex **m)
{
    mutex_unlock(*m);
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    check(pthread_condattr_init(&attr), "pthread_condattr_init");
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    check(pthread_cond_init(&c->c, &attr), "pthread_cond_init");
    check(pthread_condattr_destroy(&attr), "pthread_condattr_destroy");
}

void cond_done(struct cond *c)
{
    check(pthread_cond_destroy(&c->c), "pthread_cond_destroy");
}

void cond_wait(struct cond *c, struct mutex *m)
{
    check(pthread_cond_wait(&c->c, &m->m), "pthread_cond_wait");
}

bool cond_wait_until(struct cond *c, struct mutex *m, int64_t until_mono_us)
{
    if (until_mono_us == INT64_MAX) {
        cond_wait(c, m);
        return true;
    }
    int64_t until_us = until_mono_us < 0 ? 0 : until_mono_us;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int rc = pthread_cond_timedwait(&c->c, &m->m, &until);
    if (rc == ETIMEDOUT) {
        return false;
    }
    check(rc, "pthread_cond_timedwait");
    return true;
}

void cond_signal(struct cond *c)
{
    check(pthread_cond_signal(&c->c), "pthread_cond_signal");
}

void cond_broadcast(struct cond *c)
{
    check(pthread_cond_broadcast(&c->c), "pthread_cond_broadcast");
}

/* Moves from thread_start to the new thread. */
struct thread_start {
    thread_fn fn;
    void *user;
    struct pulse *pulse;
    char name[16];
    char *query; /* of the starter's log lines */
    int64_t batch;
};

static void *thread_main(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    mem_free(arg);
    pthread_setname_np(pthread_self(), start.name);
    pulse_attach(start.pulse);
    log_set_query(start.query);
    mem_free(start.query);
    (void)log_set_batch(start.batch);
    start.fn(start.user);
    return NULL;
}

void thread_start(struct thread *t, const char *name, thread_fn fn, void *user)
{
    assert(!t->running);
    struct thread_start *start = mem_new(struct thread_start);
    start->fn = fn;
    start->user = user;
    start->pulse = pulse_attached();
    start->query = mem_strdup(log_query());
    start->batch = log_batch();
    memcpy(start->name, name, strnlen(name, sizeof(start->name) - 1));
    /* A new thread inherits the mask: signals are for the main thread alone. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    check(pthread_sigmask(SIG_SETMASK, &all, &before), "pthread_sigmask");
    check(pthread_create(&t->id, NULL, thread_main, start), "pthread_create");
    check(pthread_sigmask(SIG_SETMASK, &before, NULL), "pthread_sigmask");
    t->running = true;
}

void thread_join(struct thread *t)
{
    if (t->running) {
        check(pthread_join(t->id, NULL), "pthread_join");
        t->running = false;
    }
}

void stop_init(struct stop *s)
{
    mutex_init(&s->lock);
    cond_init(&s->changed);
    s->set = false;
}

void stop_done(struct stop *s)
{
    cond_done(&s->changed);
    mutex_done(&s->lock);
}

void stop_set(struct stop *s)
{
    MUTEX_GUARD(&s->lock);
    s->set = true;
    cond_broadcast(&s->changed);
}

bool stop_is_set(struct stop *s)
{
    MUTEX_GUARD(&s->lock);
    return s->set;
}

bool stop_wait_us(struct stop *s, int64_t us)
{
    int64_t now_us = clock_mono_us();
    int64_t until_us = us > INT64_MAX - now_us ? INT64_MAX : now_us + us;
    MUTEX_GUARD(&s->lock);
    while (!s->set && cond_wait_until(&s->changed, &s->lock, until_us)) {
    }
    return s->set;
}
