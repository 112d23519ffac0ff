/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber - threads of the simulated processes, one at a time
 *
 *  (1) Stacks are kept for the next fiber: a schedule starts hundreds.
 *  (2) A sleeper or a waiter with a time may be resumed early by the scheduler:
 *      the clock jumps to its time then.  So no time-out costs real time, and
 *      any of them may fire before anything else happens.
 */
#include "fiber.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SWITCH_BEGIN(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SWITCH_END(saved, bottom, size)  __sanitizer_finish_switch_fiber(saved, bottom, size)
#else
#define SWITCH_BEGIN(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define SWITCH_END(saved, bottom, size)  ((void)(saved), (void)(bottom), (void)(size))
#endif

/* DuckDB runs on them too, where checkpoints are written. */
#define STACK_BYTES ((size_t)4 << 20)
/* One pick of this many does not mind whether time has to pass. */
#define JUMPS 16

static struct {
    ucontext_t scheduler;
    struct fiber *now;
    int64_t clock_us;
    struct rng *rng;
    unsigned switches;
    VEC(struct fiber *) all; /* those that are not freed */
    VEC(char *) stacks;      /* free ones */
    void *sanitizer;
    const void *bottom; /* of the scheduler's stack */
    size_t size;
    pthread_t thread;
} fibers;

void fibers_init(struct rng *rng, unsigned switches)
{
    fibers.rng = rng;
    fibers.switches = switches;
    fibers.clock_us = INT64_C(1800000000) * 1000000;
    fibers.thread = pthread_self();
}

void fibers_done(void)
{
    assert(fibers.all.count == 0);
    for (size_t i = 0; i < fibers.stacks.count; i++) {
        (void)munmap(fibers.stacks.items[i], STACK_BYTES);
    }
    vec_done(&fibers.stacks);
    vec_done(&fibers.all);
}

static char *take_stack(void)
{
    if (fibers.stacks.count > 0) {
        return fibers.stacks.items[--fibers.stacks.count];
    }
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    assert(stack != MAP_FAILED);
    return stack;
}

static void switch_out(struct fiber *self, bool for_good)
{
    fibers.now = NULL;
    SWITCH_BEGIN(for_good ? NULL : &self->sanitizer, fibers.bottom, fibers.size);
    (void)swapcontext(&self->context, &fibers.scheduler);
    SWITCH_END(self->sanitizer, &fibers.bottom, &fibers.size);
}

static void fiber_main(void)
{
    SWITCH_END(NULL, &fibers.bottom, &fibers.size);
    struct fiber *self = fibers.now;
    self->fn(self->user);
    self->state = FIBER_DONE;
    fiber_wake(self);
    switch_out(self, true);
    abort(); /* nobody resumes a fiber that is done */
}

struct fiber *fiber_start(void (*fn)(void *user), void *user, void *owner)
{
    struct fiber *fiber = mem_new(struct fiber);
    fiber->fn = fn;
    fiber->user = user;
    fiber->owner = owner != NULL ? owner : fibers.now->owner;
    fiber->stack = take_stack();
    int rc = getcontext(&fiber->context);
    assert(rc == 0);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&fiber->context, fiber_main, 0);
    *vec_push(&fibers.all) = fiber;
    return fiber;
}

void fiber_free(struct fiber *fiber)
{
    assert(fiber->state == FIBER_DONE);
    for (size_t i = 0; i < fibers.all.count; i++) {
        if (fibers.all.items[i] == fiber) {
            memmove(&fibers.all.items[i], &fibers.all.items[i + 1],
                    (fibers.all.count - i - 1) * sizeof(struct fiber *));
            fibers.all.count--;
            break;
        }
    }
    *vec_push(&fibers.stacks) = fiber->stack;
    mem_free(fiber);
}

struct fiber *fiber_now(void)
{
    return pthread_equal(pthread_self(), fibers.thread) ? fibers.now : NULL;
}

void fiber_yield(void)
{
    struct fiber *self = fibers.now;
    assert(self != NULL);
    self->state = FIBER_READY;
    switch_out(self, false);
}

void fiber_yield_at_lock(void)
{
    struct fiber *self = fiber_now();
    if (self != NULL && self->lock_count == 0 && rng_below(fibers.rng, 1000) < fibers.switches) {
        fiber_yield();
    }
}

void fiber_sleep_us(int64_t us)
{
    struct fiber *self = fibers.now;
    assert(self != NULL);
    self->state = FIBER_ASLEEP;
    self->until_us = fibers.clock_us + us;
    switch_out(self, false);
}

bool fiber_wait(const void *on, int64_t until_us)
{
    struct fiber *self = fibers.now;
    assert(self != NULL);
    self->state = FIBER_WAITING;
    self->on = on;
    self->until_us = until_us;
    switch_out(self, false);
    bool woken = self->on == NULL;
    self->on = NULL;
    return woken;
}

void fiber_wake(const void *on)
{
    for (size_t i = 0; i < fibers.all.count; i++) {
        struct fiber *fiber = fibers.all.items[i];
        if (fiber->state == FIBER_WAITING && fiber->on == on) {
            fiber->state = FIBER_READY;
            fiber->on = NULL;
        }
    }
}

bool fiber_can_run(const struct fiber *fiber)
{
    switch (fiber->state) {
    case FIBER_READY:
    case FIBER_ASLEEP:
        return true;
    case FIBER_WAITING:
        return fiber->until_us != INT64_MAX;
    case FIBER_DONE:
        return false;
    }
    return false;
}

static struct fiber *pick(const void *owner, const void *except, bool ready_only)
{
    struct fiber *picked = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < fibers.all.count; i++) {
        struct fiber *fiber = fibers.all.items[i];
        bool wanted = (owner == NULL || fiber->owner == owner) && fiber->owner != except &&
                      (fiber->state == FIBER_READY || !ready_only);
        if (wanted && fiber_can_run(fiber) && rng_below(fibers.rng, ++seen) == 0) {
            picked = fiber;
        }
    }
    return picked;
}

struct fiber *fiber_pick(const void *owner, const void *except)
{
    bool jump = rng_below(fibers.rng, JUMPS) == 0;
    struct fiber *picked = jump ? NULL : pick(owner, except, true);
    return picked != NULL ? picked : pick(owner, except, false);
}

void fiber_resume(struct fiber *fiber)
{
    assert(fibers.now == NULL && fiber_can_run(fiber));
    if (fiber->state != FIBER_READY && fiber->until_us > fibers.clock_us) {
        fibers.clock_us = fiber->until_us;
    }
    fibers.now = fiber;
    fiber->state = FIBER_READY;
    SWITCH_BEGIN(&fibers.sanitizer, fiber->stack, STACK_BYTES);
    (void)swapcontext(&fibers.scheduler, &fiber->context);
    SWITCH_END(fibers.sanitizer, NULL, NULL);
}

int64_t fiber_clock_us(void)
{
    return fibers.clock_us;
}

void fiber_clock_advance(int64_t us)
{
    fibers.clock_us += us;
}
