/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events_test - those who listen to events
 */
#include "http/server_test_util.h"

#define EVENTS "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void events_begin_at_once_and_follow_the_monitor(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){0});
    AUTO_FD int fd = dial(&f);
    say(fd, EVENTS);
    assert_true(hear(&f, fd, "id: 1\nevent: queries\ndata: {\"generation\":1,"));
    assert_true(has(&f, "Content-Type: text/event-stream"));
    for (int i = 2; i < 6; i++) {
        char want[64];
        monitor_fake_change(&f.monitor);
        (void)snprintf(want, sizeof(want), "id: %d\nevent: queries\ndata: {\"generation\":%d,", i,
                       i);
        assert_true(hear(&f, fd, want));
    }
    assert_true(has(&f, "\"padding\":\"\"}\n\n"));
}

static void listeners_share_what_is_printed_and_are_bounded(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){.streams_max = 4});
    int fds[4];
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        fds[i] = dial(&f);
        buf_reset(&f.answer);
        say(fds[i], EVENTS);
        assert_true(hear(&f, fds[i], "\"generation\":1,"));
    }
    assert_int_equal(ask(&f, GET("/api/v1/events")), 503);
    assert_true(has(&f, "{\"error\":{\"status\":503,"));
    monitor_fake_change(&f.monitor);
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        buf_reset(&f.answer);
        assert_true(hear(&f, fds[i], "\"generation\":2,"));
    }
    {
        MUTEX_GUARD(&f.monitor.lock);
        assert_int_equal(f.monitor.prints, 5); /* one for each first event, one for all */
    }
    /* A place that a listener has left is free again: the server finds out with the next event. */
    fd_close(&fds[0]);
    for (;;) {
        monitor_fake_change(&f.monitor);
        AUTO_FD int fd = dial(&f);
        buf_reset(&f.answer);
        say(fd, EVENTS);
        if (hear(&f, fd, "\r\n\r\n") && has(&f, " 200 ")) {
            break;
        }
    }
    for (size_t i = 1; i < ARRAY_COUNT(fds); i++) {
        fd_close(&fds[i]);
    }
}

static void a_listener_that_never_reads_is_dropped_and_others_go_on(void **state)
{
    (void)state;
    FIXTURE f = {0};
    fixture_open(&f, (struct http_options){.idle_us = 1000000, .streams_max = 2});
    f.monitor.padding = 8 << 20; /* more than the sockets hold */
    AUTO_FD int deaf = dial(&f);
    say(deaf, EVENTS);
    for (int status = 0; status != 200;) { /* its place is taken before another asks */
        MUTEX_GUARD(&f.monitor.lock);
        status = f.monitor.counted[200] > 0 ? 200 : 0;
    }
    AUTO_FD int other = dial(&f);
    say(other, EVENTS);
    assert_true(hear(&f, other, "\"}\n\n"));
    /* The third place appears when the deaf one has been dropped, and only then. */
    for (int taken = 0; taken == 0;) {
        monitor_fake_change(&f.monitor);
        buf_reset(&f.answer);
        assert_true(hear(&f, other, "\"}\n\n"));
        AUTO_FD int third = dial(&f);
        buf_reset(&f.answer);
        say(third, EVENTS);
        assert_true(hear(&f, third, "\r\n\r\n"));
        taken = has(&f, " 200 ");
    }
}

static void closing_ends_every_listener(void **state)
{
    (void)state;
    struct fixture f = {0};
    fixture_open(&f, (struct http_options){0});
    int fds[8];
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        fds[i] = dial(&f);
        buf_reset(&f.answer);
        say(fds[i], EVENTS);
        assert_true(hear(&f, fds[i], "\"generation\":1,"));
    }
    http_close(TAKE(f.http));
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        assert_true(hear(&f, fds[i], NULL));
        fd_close(&fds[i]);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_begin_at_once_and_follow_the_monitor),
        cmocka_unit_test(listeners_share_what_is_printed_and_are_bounded),
        cmocka_unit_test(a_listener_that_never_reads_is_dropped_and_others_go_on),
        cmocka_unit_test(closing_ends_every_listener),
    };
    log_open(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
