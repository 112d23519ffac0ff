/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_test - what a service manager is told of the job
 */
#include "job/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000

struct fixture {
    int fd;
    struct service *service;
};

static int set_up(struct fixture *f, const char *watchdog_usec)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    snprintf(name, sizeof(name), "@service_test/%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    if (watchdog_usec != NULL) {
        setenv("WATCHDOG_USEC", watchdog_usec, 1);
    }
    size_t len = strlen(name);
    memcpy(address.sun_path + 1, name + 1, len - 1);
    f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(f->fd >= 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&address, bytes), 0);
    f->service = service_open();
    return 0;
}

static void tear_down(struct fixture *f)
{
    service_close(f->service);
    fd_close(&f->fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

/* The next message; waits for it. */
static const char *heard(const struct fixture *f)
{
    static char text[2000];
    struct pollfd wait = {.fd = f->fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
    ssize_t n = recv(f->fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    return text;
}

static bool is_silent(const struct fixture *f)
{
    struct pollfd wait = {.fd = f->fd, .events = POLLIN};
    return poll(&wait, 1, 0) == 0;
}

static void ready_and_stopping_are_said_once(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, NULL);
    service_ready(f.service);
    service_ready(f.service);
    assert_string_equal(heard(&f), "READY=1\n");
    service_stopping(f.service);
    service_stopping(f.service);
    assert_string_equal(heard(&f), "STOPPING=1\n");
    assert_true(is_silent(&f));
    tear_down(&f);
}

static void a_status_is_said_when_it_is_another(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, NULL);
    service_status(f.service, STR("t running"));
    service_status(f.service, STR("t running"));
    service_status(f.service, STR("t waiting (broker:\nREADY=1\t)"));
    service_status(f.service, STR("t waiting (broker:\nREADY=1\t)"));
    /* The first letter of "é" is cut off, and a message's byte is none. */
    service_status(f.service, STR("caf\xc3) \xff!"));
    assert_string_equal(heard(&f), "STATUS=t running\n");
    assert_string_equal(heard(&f), "STATUS=t waiting (broker: READY=1 )\n");
    assert_string_equal(heard(&f), "STATUS=caf?) ?!\n");
    assert_true(is_silent(&f));
    tear_down(&f);
}

/* A manager that reads late gets it all, what is news first of all. */
static void what_did_not_get_through_is_said_again(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "100000");
    struct notify others[64];
    size_t count = 0;
    /* A sender alone may not fill it: its own buffer is smaller. */
    for (int sent = 1; sent > 0; count++) {
        struct err err;
        assert_true(count < ARRAY_COUNT(others));
        assert_int_equal(notify_open(&others[count], &err), 0);
        for (sent = 0; notify_send(&others[count], STR("X=1\n"), &err) == 0; sent++) {
        }
    }
    service_ready(f.service); /* there is no room for it */
    service_stopping(f.service);
    const char *text;
    do {
        text = heard(&f);
    } while (strcmp(text, "X=1\n") == 0);
    assert_string_equal(text, "READY=1\nSTOPPING=1\n");
    while (count > 0) {
        notify_close(&others[--count]);
    }
    tear_down(&f);
}

static void the_watchdog_is_fed_once_for_steps_of_all(void **state)
{
    (void)state;
    struct fixture f;
    struct pulse a = {0};
    struct pulse b = {0};
    set_up(&f, "100000");
    service_watch(f.service, &a);
    assert_string_equal(heard(&f), "WATCHDOG=1\n"); /* what is new has its time */
    service_watch(f.service, &b);
    for (int i = 0; i < 3; i++) {
        pulse_step_of(&a);
        pulse_step_of(&b);
        assert_string_equal(heard(&f), "WATCHDOG=1\n");
    }
    service_unwatch(f.service, &a);
    service_unwatch(f.service, &b);
    tear_down(&f);
}

/* The pulse of a hung query stands still beside others that move. */
static void one_that_hangs_silences_the_watchdog(void **state)
{
    (void)state;
    struct fixture f;
    struct pulse moves = {0};
    struct pulse hangs = {0};
    set_up(&f, "100000");
    service_watch(f.service, &hangs);
    assert_string_equal(heard(&f), "WATCHDOG=1\n");
    service_watch(f.service, &moves);
    int64_t until = clock_mono_us() + 20 * service_look_us(100000);
    while (clock_mono_us() < until) {
        pulse_step_of(&moves);
        clock_sleep_us(1000);
    }
    assert_true(is_silent(&f)); /* whatever the machine: nothing may have been said */
    pulse_step_of(&hangs);
    assert_string_equal(heard(&f), "WATCHDOG=1\n");
    service_unwatch(f.service, &hangs); /* it has ended: the other one counts alone */
    pulse_step_of(&moves);
    assert_string_equal(heard(&f), "WATCHDOG=1\n");
    service_unwatch(f.service, &moves);
    tear_down(&f);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    struct pulse pulse = {0};
    struct service *none[] = {service_open(), NULL};
    for (int i = 0; i < 2; i++) {
        service_watch(none[i], &pulse);
        service_ready(none[i]);
        service_status(none[i], STR("x"));
        service_stopping(none[i]);
        service_unwatch(none[i], &pulse);
        service_close(none[i]);
    }
}

static void looks_come_well_within_the_time(void **state)
{
    (void)state;
    assert_int_equal(service_look_us(1000), 10000);
    assert_int_equal(service_look_us(1000000), 100000);
    assert_int_equal(service_look_us(INT64_C(300000000)), 5000000);
    assert_int_equal(service_look_us(INT64_MAX), 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_and_stopping_are_said_once),
        cmocka_unit_test(a_status_is_said_when_it_is_another),
        cmocka_unit_test(what_did_not_get_through_is_said_again),
        cmocka_unit_test(the_watchdog_is_fed_once_for_steps_of_all),
        cmocka_unit_test(one_that_hangs_silences_the_watchdog),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(looks_come_well_within_the_time),
    };
    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
