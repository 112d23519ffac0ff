/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - another program, run to its end
 *
 * Invariants:
 *  (1) The program has been waited for on every path.
 *  (2) Its own end counts, not that of its stderr: it may close that early, and programs that it
 *      leaves behind may keep it open.
 *  (3) What it says beyond the maximum is read and dropped, so that it is never held up.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/pulse.h"

#define LOOK_MS  5    /* how often deadline and stop are looked at */
#define CLOSE_US 1000 /* the same, and for the end, once stderr is closed */

/* Starts it with stderr going to `said`. */
static int start(const char *const *argv, int said, pid_t *ret_pid, struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO); /* first: it may be 0 or 1 */
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    /* Threads of ours block signals; a program of its own should not. */
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(ret_pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
                          environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc == ENOENT || rc == EACCES) {
        return err_set(err, ERR_CONFIG, "there is no program \"%s\"", argv[0]);
    }
    return rc == 0 ? 0 : err_set_errno(err, rc, "cannot start \"%s\"", argv[0]);
}

/* Waits a little for more to be said and takes a piece of it; false when nothing came. */
static bool listen_once(int *said, size_t bytes_max, struct buf *out)
{
    char bytes[4096];
    struct pollfd poller = {.fd = *said, .events = POLLIN};
    if (*said < 0) {
        clock_sleep_us(CLOSE_US);
        return false;
    }
    if (poll(&poller, 1, LOOK_MS) <= 0) {
        return false;
    }
    ssize_t got = read(*said, bytes, sizeof(bytes));
    if (got <= 0) {
        if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            fd_close(said);
        }
        return false;
    }
    size_t room = out->len < bytes_max ? bytes_max - out->len : 0;
    buf_add(out, bytes, (size_t)got < room ? (size_t)got : room);
    return true;
}

static void end_it(pid_t pid)
{
    int status;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
}

int process_run(const char *const *argv, int64_t deadline_mono_us, struct stop *stop,
                size_t stderr_bytes_max, struct buf *ret_stderr, int *ret_code, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_set_errno(err, errno, "cannot make a pipe to \"%s\"", argv[0]);
    }
    AUTO_FD int said = ends[0];
    AUTO_FD int other = ends[1];
    (void)fcntl(said, F_SETFL, O_NONBLOCK);
    size_t bytes_max = ret_stderr->len + stderr_bytes_max;
    pid_t pid;
    TRY(start(argv, other, &pid, err));
    fd_close(&other);
    for (;;) {
        int status = 0;
        listen_once(&said, bytes_max, ret_stderr);
        pulse_step();
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended < 0 && errno != EINTR) {
            return err_set_errno(err, errno, "cannot wait for \"%s\"", argv[0]);
        }
        if (ended == pid) {
            while (ret_stderr->len < bytes_max && listen_once(&said, bytes_max, ret_stderr)) {
            }
            *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
            return 0;
        }
        if (stop != NULL && stop_is_set(stop)) {
            end_it(pid);
            return err_set(err, ERR_CANCELED, "%s: canceled", argv[0]);
        }
        if (clock_mono_us() >= deadline_mono_us) {
            end_it(pid);
            return err_set_retry(err, "%s did not end in time", argv[0]);
        }
    }
}
