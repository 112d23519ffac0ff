/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals - SIGINT, SIGTERM and SIGHUP as calls on a thread of their own
 *
 *  (1) The signals are blocked in every thread and read from a signalfd, so the
 *      callback is an ordinary function and may take locks.
 *  (2) A third signal ends the process at once: somebody insists.
 */
#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"

#define SIGNALS_PATIENCE 3

static void watch(void *user)
{
    struct cli_signals *s = user;
    struct pollfd fds[] = {{.fd = s->signal_fd, .events = POLLIN},
                           {.fd = s->close_fd, .events = POLLIN}};
    for (int count = 0;;) {
        if (poll(fds, ARRAY_COUNT(fds), -1) < 0) {
            assert(errno == EINTR);
            continue;
        }
        if (fds[1].revents != 0) {
            return;
        }
        struct signalfd_siginfo info;
        if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
            continue;
        }
        if (++count >= SIGNALS_PATIENCE) {
            _exit(CLI_EXIT_INTERRUPTED);
        }
        s->on_signal(s->user, count);
    }
}

static void signal_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        sigaddset(set, SIGHUP);
    }
}

int cli_signals_open(struct cli_signals *s, cli_signals_fn on_signal, void *user, struct err *err)
{
    *s =
        (struct cli_signals){.on_signal = on_signal, .user = user, .signal_fd = -1, .close_fd = -1};
    sigset_t set;
    signal_set(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    s->close_fd = eventfd(0, EFD_CLOEXEC);
    if (s->signal_fd < 0 || s->close_fd < 0) {
        int rc = err_set_errno(err, errno, "cannot wait for signals");
        cli_signals_close(s);
        return rc;
    }
    thread_start(&s->thread, "signals", watch, s);
    return 0;
}

void cli_signals_close(struct cli_signals *s)
{
    uint64_t one = 1;
    if (s->close_fd >= 0) {
        ssize_t n = write(s->close_fd, &one, sizeof(one));
        assert(n == (ssize_t)sizeof(one));
    }
    thread_join(&s->thread);
    fd_close(&s->signal_fd);
    fd_close(&s->close_fd);
}
