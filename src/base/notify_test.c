/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify_test - what a service manager is told: sd_notify(3)
 */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"

/* A manager's end of the socket; `name` is what NOTIFY_SOCKET says. */
struct manager {
    int fd;
    char name[108];
};

static void manager_open(struct manager *m, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(m->fd >= 0);
    size_t bytes = offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '@' ? 0 : 1);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&address, (socklen_t)bytes), 0);
    memcpy(m->name, name, len + 1);
    setenv("NOTIFY_SOCKET", name, 1);
}

static void manager_close(struct manager *m)
{
    fd_close(&m->fd);
    if (m->name[0] == '/') {
        unlink(m->name);
    }
}

/* The next datagram, "" when there is none. */
static const char *heard(const struct manager *m)
{
    static char text[1000];
    ssize_t n = recv(m->fd, text, sizeof(text) - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static int forget(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void without_a_manager_it_is_off(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, ""};
    for (int i = 0; i < 2; i++) {
        struct notify n;
        struct err err;
        if (names[i] != NULL) {
            setenv("NOTIFY_SOCKET", names[i], 1);
        }
        setenv("WATCHDOG_USEC", "1000000", 1);
        assert_int_equal(notify_open(&n, &err), 0);
        assert_false(notify_is_on(&n));
        assert_int_equal(n.watchdog_us, 0);
        assert_int_equal(notify_send(&n, STR("READY=1\n"), &err), ERR_IO);
        assert_true(err.retry);
        notify_close(&n);
    }
}

static void the_manager_hears_each_message(const char *name)
{
    struct manager m;
    struct notify n;
    struct err err = {0};
    manager_open(&m, name);
    assert_int_equal(notify_open(&n, &err), 0);
    assert_true(notify_is_on(&n));
    assert_int_equal(n.watchdog_us, 0);
    assert_int_equal(notify_send(&n, STR("READY=1\nSTATUS=up\n"), &err), 0);
    assert_int_equal(notify_send(&n, STR("WATCHDOG=1\n"), &err), 0);
    assert_string_equal(heard(&m), "READY=1\nSTATUS=up\n");
    assert_string_equal(heard(&m), "WATCHDOG=1\n");
    assert_string_equal(heard(&m), "");
    notify_close(&n);
    manager_close(&m);
}

static void a_path_is_a_socket(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "/tmp/notify_test.%d", (int)getpid());
    the_manager_hears_each_message(name);
}

static void a_name_after_an_at_sign_is_abstract(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@notify_test/%d", (int)getpid());
    the_manager_hears_each_message(name);
    assert_int_equal(access(name, F_OK), -1);
}

/* Its longest form has no room for a terminator. */
static void names_are_as_long_as_sockets_allow(void **state)
{
    (void)state;
    char name[110];
    struct notify n;
    struct err err;
    snprintf(name, sizeof(name), "@%0106d", (int)getpid());
    assert_int_equal(strlen(name), 107);
    the_manager_hears_each_message(name);
    snprintf(name, sizeof(name), "@%0107d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_open(&n, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "too long"));
    assert_false(notify_is_on(&n));
}

static void a_manager_that_is_gone_or_deaf_holds_nobody_up(void **state)
{
    (void)state;
    struct manager m;
    struct notify n;
    struct err err;
    char name[64];
    snprintf(name, sizeof(name), "@notify_test/deaf/%d", (int)getpid());
    manager_open(&m, name);
    assert_int_equal(notify_open(&n, &err), 0);
    int sent = 0;
    while (notify_send(&n, STR("WATCHDOG=1\n"), &err) == 0) {
        sent++; /* until the socket is full */
    }
    assert_true(sent > 0);
    assert_true(err.retry);
    (void)heard(&m);
    assert_int_equal(notify_send(&n, STR("READY=1\n"), &err), 0); /* and then there is room again */
    manager_close(&m);
    assert_int_equal(notify_send(&n, STR("READY=1\n"), &err), ERR_IO);
    assert_true(err.retry);
    notify_close(&n);
}

static void what_makes_no_sense_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *usec, *pid, *text;
    } cases[] = {
        {"run/notify", NULL, NULL, "NOTIFY_SOCKET is \"run/notify\""},
        {"vsock:2:1234", NULL, NULL, "NOTIFY_SOCKET is \"vsock:2:1234\""},
        {"@", NULL, NULL, "NOTIFY_SOCKET is \"@\""},
        {"@x", "soon", NULL, "WATCHDOG_USEC is \"soon\""},
        {"@x", "0", NULL, "WATCHDOG_USEC is \"0\""},
        {"@x", "-5", NULL, "WATCHDOG_USEC is \"-5\""},
        {"@x", "5", "me", "WATCHDOG_PID is \"me\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct notify n;
        struct err err;
        forget(state);
        setenv("NOTIFY_SOCKET", cases[i].name, 1);
        if (cases[i].usec != NULL) {
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        }
        if (cases[i].pid != NULL) {
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        }
        assert_int_equal(notify_open(&n, &err), ERR_CONFIG);
        assert_non_null(strstr(err.msg, cases[i].text));
        assert_false(notify_is_on(&n));
    }
}

static int64_t watchdog_of(int pid)
{
    struct notify n;
    struct err err;
    char text[32];
    snprintf(text, sizeof(text), "%d", pid);
    setenv("NOTIFY_SOCKET", "@x", 1);
    setenv("WATCHDOG_USEC", "1500000", 1);
    if (pid > 0) {
        setenv("WATCHDOG_PID", text, 1);
    }
    assert_int_equal(notify_open(&n, &err), 0);
    int64_t us = n.watchdog_us;
    notify_close(&n);
    return us;
}

static void the_watchdog_is_for_the_process_it_names(void **state)
{
    (void)state;
    assert_int_equal(watchdog_of(0), 1500000);
    assert_int_equal(watchdog_of((int)getpid()), 1500000);
    assert_int_equal(watchdog_of((int)getppid()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_a_manager_it_is_off, forget),
        cmocka_unit_test_teardown(a_path_is_a_socket, forget),
        cmocka_unit_test_teardown(a_name_after_an_at_sign_is_abstract, forget),
        cmocka_unit_test_teardown(names_are_as_long_as_sockets_allow, forget),
        cmocka_unit_test_teardown(a_manager_that_is_gone_or_deaf_holds_nobody_up, forget),
        cmocka_unit_test_teardown(what_makes_no_sense_is_named, forget),
        cmocka_unit_test_teardown(the_watchdog_is_for_the_process_it_names, forget),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
