/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_test - a bounded hand-over of pointers between threads
 */
#include "base/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "base/attr.h"
#include "base/clock.h"

static int items[1000];

static void assert_pops(struct queue *q, const void *expected)
{
    void *item = NULL;
    assert_int_equal(queue_pop(q, &item, 0), QUEUE_OK);
    assert_ptr_equal(item, expected);
}

static void items_come_out_in_order(void **state)
{
    (void)state;
    struct queue *q = queue_new(UINT64_MAX);
    /* Past the first capacity, with the ring turned. */
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(queue_push(q, &items[i], 1, 0), QUEUE_OK);
    }
    for (size_t i = 0; i < 7; i++) {
        assert_pops(q, &items[i]);
    }
    for (size_t i = 10; i < 1000; i++) {
        assert_int_equal(queue_push(q, &items[i], 1, 0), QUEUE_OK);
    }
    assert_int_equal(queue_count(q), 993);
    for (size_t i = 7; i < 1000; i++) {
        assert_pops(q, &items[i]);
    }
    assert_int_equal(queue_count(q), 0);
    queue_free(q);
    queue_free(NULL);
}

static void push_waits_at_the_bound_not_before(void **state)
{
    (void)state;
    struct queue *q = queue_new(10);
    assert_int_equal(queue_push(q, &items[0], 9, 0), QUEUE_OK);
    assert_int_equal(queue_push(q, &items[1], 100, 0), QUEUE_OK); /* 9 < 10 */
    assert_int_equal(queue_cost(q), 109);
    assert_int_equal(queue_push(q, &items[2], 0, 0), QUEUE_TIMEOUT);
    assert_pops(q, &items[0]);
    assert_int_equal(queue_push(q, &items[2], 1, 0), QUEUE_TIMEOUT);
    assert_pops(q, &items[1]);
    assert_int_equal(queue_cost(q), 0);
    assert_int_equal(queue_push(q, &items[2], 10, 0), QUEUE_OK);
    assert_int_equal(queue_push(q, &items[3], 1, 0), QUEUE_TIMEOUT);
    assert_pops(q, &items[2]);
    queue_free(q);
}

static void push_over_takes_no_notice_of_the_bound(void **state)
{
    (void)state;
    struct queue *q = queue_new(10);
    assert_int_equal(queue_push(q, &items[0], 10, 0), QUEUE_OK);
    assert_int_equal(queue_push(q, &items[1], 1, 0), QUEUE_TIMEOUT);
    assert_int_equal(queue_push_over(q, &items[1], 1), QUEUE_OK);
    assert_int_equal(queue_cost(q), 11);
    queue_close(q);
    assert_int_equal(queue_push_over(q, &items[2], 1), QUEUE_CLOSED);
    assert_pops(q, &items[0]);
    assert_pops(q, &items[1]);
    queue_free(q);
}

static void waiting_ends_at_its_time(void **state)
{
    (void)state;
    struct queue *q = queue_new(1);
    void *item = &items[5];
    int64_t until_us = clock_mono_us() + 3000;
    assert_int_equal(queue_pop(q, &item, until_us), QUEUE_TIMEOUT);
    assert_true(clock_mono_us() >= until_us);
    assert_ptr_equal(item, &items[5]);
    assert_int_equal(queue_pop(q, &item, 0), QUEUE_TIMEOUT);
    queue_push(q, &items[0], 1, 0);
    until_us = clock_mono_us() + 3000;
    assert_int_equal(queue_push(q, &items[1], 1, until_us), QUEUE_TIMEOUT);
    assert_true(clock_mono_us() >= until_us);
    assert_pops(q, &items[0]);
    queue_free(q);
}

static void closed_queue_drains_and_takes_nothing(void **state)
{
    (void)state;
    struct queue *q = queue_new(1);
    queue_push(q, &items[0], 1, 0);
    queue_close(q);
    queue_close(q);
    assert_int_equal(queue_push(q, &items[1], 1, INT64_MAX), QUEUE_CLOSED);
    assert_pops(q, &items[0]);
    void *item;
    assert_int_equal(queue_pop(q, &item, INT64_MAX), QUEUE_CLOSED);
    queue_free(q);
}

struct blocked {
    struct queue *q;
    bool pushes;
    enum queue_rc rc;
};

static void block(void *user)
{
    struct blocked *b = user;
    void *item;
    b->rc =
        b->pushes ? queue_push(b->q, &items[1], 1, INT64_MAX) : queue_pop(b->q, &item, INT64_MAX);
}

static void close_wakes_who_waits(void **state)
{
    (void)state;
    for (int pushes = 0; pushes < 2; pushes++) {
        struct queue *q = queue_new(1);
        if (pushes) {
            queue_push(q, &items[0], 1, 0);
        }
        struct blocked blocked[3];
        struct thread threads[3] = {0};
        for (size_t i = 0; i < 3; i++) {
            blocked[i] = (struct blocked){.q = q, .pushes = pushes != 0, .rc = QUEUE_OK};
            thread_start(&threads[i], "blocked", block, &blocked[i]);
        }
        clock_sleep_us(2000);
        queue_close(q);
        for (size_t i = 0; i < 3; i++) {
            thread_join(&threads[i]);
            assert_int_equal(blocked[i].rc, QUEUE_CLOSED);
        }
        if (pushes) {
            assert_pops(q, &items[0]);
        }
        queue_free(q);
    }
}

/* One large item leaves room for several small ones: each pusher has to wake. */
static void room_for_several_wakes_several(void **state)
{
    (void)state;
    struct queue *q = queue_new(3);
    queue_push(q, &items[0], 3, 0);
    struct blocked blocked[3];
    struct thread threads[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        blocked[i] = (struct blocked){.q = q, .pushes = true, .rc = QUEUE_CLOSED};
        thread_start(&threads[i], "pusher", block, &blocked[i]);
    }
    clock_sleep_us(2000);
    assert_pops(q, &items[0]);
    for (size_t i = 0; i < 3; i++) {
        thread_join(&threads[i]);
        assert_int_equal(blocked[i].rc, QUEUE_OK);
        assert_pops(q, &items[1]);
    }
    queue_free(q);
}

struct traffic {
    struct queue *q;
    atomic_size_t popped;
    atomic_uint_fast64_t sum;
};

enum { PUSHES = 20000 };

static void push_many(void *user)
{
    struct traffic *t = user;
    for (size_t i = 0; i < PUSHES; i++) {
        while (queue_push(t->q, &items[i % 1000], 1 + i % 7, clock_mono_us() + 50) != QUEUE_OK) {
        }
    }
}

static void pop_many(void *user)
{
    struct traffic *t = user;
    for (;;) {
        void *item;
        enum queue_rc rc = queue_pop(t->q, &item, clock_mono_us() + 50);
        if (rc == QUEUE_CLOSED) {
            return;
        }
        if (rc == QUEUE_OK) {
            atomic_fetch_add(&t->popped, 1);
            atomic_fetch_add(&t->sum, (uint64_t)((int *)item - items));
        }
    }
}

static void nothing_is_lost_between_many_threads(void **state)
{
    (void)state;
    struct traffic t = {.q = queue_new(20)};
    struct thread pushers[3] = {0};
    struct thread poppers[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        thread_start(&pushers[i], "push", push_many, &t);
        thread_start(&poppers[i], "pop", pop_many, &t);
    }
    for (size_t i = 0; i < 3; i++) {
        thread_join(&pushers[i]);
    }
    queue_close(t.q);
    for (size_t i = 0; i < 3; i++) {
        thread_join(&poppers[i]);
    }
    assert_int_equal(atomic_load(&t.popped), 3 * PUSHES);
    assert_int_equal(atomic_load(&t.sum), 3 * (PUSHES / 1000) * 499500);
    queue_free(t.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order),
        cmocka_unit_test(push_waits_at_the_bound_not_before),
        cmocka_unit_test(push_over_takes_no_notice_of_the_bound),
        cmocka_unit_test(waiting_ends_at_its_time),
        cmocka_unit_test(closed_queue_drains_and_takes_nothing),
        cmocka_unit_test(close_wakes_who_waits),
        cmocka_unit_test(room_for_several_wakes_several),
        cmocka_unit_test(nothing_is_lost_between_many_threads),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
