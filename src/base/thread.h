/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * thread - pthread wrappers that abort on misuse, and a stop flag
 *
 * Condition variables run on the monotonic clock.
 */
struct mutex {
    pthread_mutex_t m;
};
struct cond {
    pthread_cond_t c;
};

void mutex_init(struct mutex *m);
void mutex_done(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* False when `until_mono_us` (clock_mono_us) has passed. */
bool cond_wait_until(struct cond *c, struct mutex *m, int64_t until_mono_us);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* Holds the lock until the end of the scope: MUTEX_GUARD(&q->lock); */
void mutex_guard_done(struct mutex **m);
#define MUTEX_GUARD_NAME2(line) mutex_guard_##line
#define MUTEX_GUARD_NAME(line)  MUTEX_GUARD_NAME2(line)
#define MUTEX_GUARD(at)                                                                            \
    struct mutex *MUTEX_GUARD_NAME(__LINE__) __attribute__((cleanup(mutex_guard_done))) = (at);    \
    mutex_lock(MUTEX_GUARD_NAME(__LINE__))

struct thread {
    pthread_t id;
    bool running;
};
typedef void (*thread_fn)(void *user);
/* Starts fn(user) under the given name (at most 15 characters are shown). All signals blocked;
 * its log lines begin with the query and batch of the caller's. */
void thread_start(struct thread *t, const char *name, thread_fn fn, void *user);
void thread_join(struct thread *t); /* a thread never started, or joined, is fine */

/*
 * A flag that wakes those who wait for it: set once, never cleared.
 */
struct stop {
    struct mutex lock;
    struct cond changed;
    bool set; /* guarded by .lock; read with stop_is_set */
};
void stop_init(struct stop *s);
void stop_done(struct stop *s);
void stop_set(struct stop *s);
bool stop_is_set(struct stop *s);
/* Sleeps until the time or the stop; true = stopped. */
bool stop_wait_us(struct stop *s, int64_t us);

#endif
