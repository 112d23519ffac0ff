/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

/*
 * notify - what a service manager is told: sd_notify(3), without libsystemd
 *
 * The manager names a datagram socket in NOTIFY_SOCKET (a path, or "@name" in the abstract name
 * space), and with WatchdogSec= the longest silence in WATCHDOG_USEC, for the process WATCHDOG_PID.
 */
struct notify {
    int fd; /* -1 = nobody wants to know */
    struct sockaddr_un address;
    unsigned address_bytes; /* socklen_t */
    int64_t watchdog_us;    /* 0 = none */
};

/* Reads the environment. ERR_CONFIG: it makes no sense; then, as without NOTIFY_SOCKET, nothing is
 * told to anybody. */
int notify_open(struct notify *n, struct err *err);
void notify_close(struct notify *n); /* one that was zeroed is not open: fd 0 is somebody else's */
bool notify_is_on(const struct notify *n);

/* One datagram of lines "NAME=value"; never waits. ERR_IO with .retry: not now; also when off. */
int notify_send(const struct notify *n, struct str lines, struct err *err);

#endif
