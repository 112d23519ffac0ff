/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - what a service manager is told: sd_notify(3), without libsystemd
 *
 *  (1) Nothing waits for the manager: a full or closed socket is an error to try again.
 *  (2) The time-out of WATCHDOG_USEC is another process's unless WATCHDOG_PID is ours or absent.
 */
#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"

static int read_address(struct notify *n, const char *name, struct err *err)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len < 2) {
        return err_set(err, ERR_CONFIG,
                       "NOTIFY_SOCKET is \"%s\", which is neither an absolute path nor @NAME",
                       name);
    }
    if (len >= sizeof(n->address.sun_path)) {
        return err_set(err, ERR_CONFIG, "NOTIFY_SOCKET is \"%s\", which is too long for a socket",
                       name);
    }
    n->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(n->address.sun_path, name, len);
    n->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (name[0] == '@') {
        n->address.sun_path[0] = '\0'; /* every byte counts in this name space: no terminator */
    } else {
        n->address_bytes++;
    }
    return 0;
}

static int read_watchdog(struct notify *n, struct err *err)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    int64_t us = 0;
    int64_t whose = 0;
    if (usec == NULL) {
        return 0;
    }
    if (!str_to_i64(str_of(usec), &us) || us <= 0) {
        return err_set(err, ERR_CONFIG,
                       "WATCHDOG_USEC is \"%s\", which is no number of microseconds", usec);
    }
    if (pid != NULL && (!str_to_i64(str_of(pid), &whose) || whose <= 0)) {
        return err_set(err, ERR_CONFIG, "WATCHDOG_PID is \"%s\", which is no process", pid);
    }
    n->watchdog_us = pid == NULL || whose == (int64_t)getpid() ? us : 0;
    return 0;
}

int notify_open(struct notify *n, struct err *err)
{
    *n = (struct notify){.fd = -1};
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL || name[0] == '\0') {
        return 0;
    }
    TRY(read_address(n, name, err));
    TRY(read_watchdog(n, err));
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0) {
        return err_set_errno(err, errno, "cannot make a socket for NOTIFY_SOCKET");
    }
    return 0;
}

void notify_close(struct notify *n)
{
    fd_close(&n->fd);
}

bool notify_is_on(const struct notify *n)
{
    return n->fd >= 0;
}

int notify_send(const struct notify *n, struct str lines, struct err *err)
{
    if (n->fd < 0) {
        return err_set_retry(err, "there is no NOTIFY_SOCKET");
    }
    const struct sockaddr *address = (const struct sockaddr *)&n->address;
    ssize_t sent = sendto(n->fd, lines.ptr, lines.len, MSG_NOSIGNAL, address, n->address_bytes);
    if (sent != (ssize_t)lines.len) {
        return err_set_retry(err, "cannot write to NOTIFY_SOCKET: %s",
                             sent < 0 ? strerrordesc_np(errno) : "cut off");
    }
    return 0;
}
