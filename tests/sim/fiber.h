/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FIBER_H
#define SIM_FIBER_H

#include "base/base.h"

#include <ucontext.h>

/*
 * fiber - threads of the simulated processes, one at a time
 *
 * All fibers live on one real thread.  They give the control back only where they yield, sleep or
 * wait; the scheduler (world.c) says who is next.  Time is virtual and goes forward when a
 * sleeper is woken.
 */
enum fiber_state {
    FIBER_READY,
    FIBER_ASLEEP,  /* until .until_us */
    FIBER_WAITING, /* for fiber_wake(.on), at most until .until_us */
    FIBER_DONE,
};

struct fiber {
    ucontext_t context;
    char *stack;
    void (*fn)(void *user);
    void *user;
    void *owner; /* the process; inherited by the fibers it starts */
    enum fiber_state state;
    const void *on;
    int64_t until_us;
    int lock_count;  /* mutexes it holds */
    void *sanitizer; /* what AddressSanitizer keeps of it */
};

/* Before each schedule: the clock begins anew. `switches`: in parts of 1000, how often a fiber that
 * takes or leaves a mutex lets others run. */
void fibers_init(struct rng *rng, unsigned switches);
void fibers_done(void); /* every fiber is done */

/* `owner` NULL = that of the running fiber. */
struct fiber *fiber_start(void (*fn)(void *user), void *user, void *owner);
void fiber_free(struct fiber *fiber); /* a done one */
/* The running one; NULL = the scheduler, or a real thread (of DuckDB) beside all fibers. */
struct fiber *fiber_now(void);

void fiber_yield(void);
void fiber_yield_at_lock(void); /* perhaps, and never with a mutex in hand */
void fiber_sleep_us(int64_t us);
/* Until fiber_wake; false = the time has come. */
bool fiber_wait(const void *on, int64_t until_us);
void fiber_wake(const void *on);

/* From the scheduler: runs the fiber until it gives back the control. */
void fiber_resume(struct fiber *fiber);
/* True when it can go on, if only by letting time pass. */
bool fiber_can_run(const struct fiber *fiber);
/* One that can run, by chance; of that owner (NULL = any), not of `except`. Those that need no time
 * to pass come first, mostly. NULL = none. */
struct fiber *fiber_pick(const void *owner, const void *except);

int64_t fiber_clock_us(void);
void fiber_clock_advance(int64_t us);

#endif
