/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self - this process as the kernel sees it
 *
 * From /proc/self, as Prometheus' own client libraries read it.
 */
#include "job/self.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of /proc/self/stat behind the name in parentheses, which may hold anything. */
#define STAT_START_FIELD 19

static bool read_text(const char *path, struct buf *text)
{
    struct err ignored;
    return fs_read_file(path, text, &ignored) >= 0;
}

uint64_t self_memory_bytes(void)
{
    AUTO_BUF struct buf text = {0};
    if (!read_text("/proc/self/statm", &text)) {
        return 0;
    }
    struct str rest = buf_str(&text);
    struct str part;
    uint64_t pages = 0;
    (void)str_split(&rest, ' ', &part);
    if (!str_split(&rest, ' ', &part) || !str_to_u64(part, &pages)) {
        return 0;
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The boot's wall time and the start's ticks since then. */
static double start_seconds(void)
{
    AUTO_BUF struct buf stat = {0};
    AUTO_BUF struct buf boot = {0};
    if (!read_text("/proc/self/stat", &stat) || !read_text("/proc/stat", &boot)) {
        return 0;
    }
    struct str rest = str_skip(buf_str(&stat), (size_t)(str_rfind(buf_str(&stat), ')') + 2));
    struct str part = STR_NULL;
    for (int i = 0; i <= STAT_START_FIELD; i++) {
        (void)str_split(&rest, ' ', &part);
    }
    uint64_t ticks = 0;
    uint64_t booted = 0;
    ptrdiff_t at = str_find_str(buf_str(&boot), STR("btime "));
    if (at < 0 || !str_to_u64(part, &ticks)) {
        return 0;
    }
    rest = str_skip(buf_str(&boot), (size_t)at + strlen("btime "));
    if (!str_split(&rest, '\n', &part) || !str_to_u64(part, &booted)) {
        return 0;
    }
    return (double)booted + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static int64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return -1;
    }
    int64_t count = -1; /* without the one that we look through */
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

void self_read(struct self_figures *ret_figures)
{
    struct rlimit limit;
    bool limited = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    *ret_figures = (struct self_figures){
        .cpu_seconds = (double)clock_process_cpu_us() / 1e6,
        .resident_bytes = self_memory_bytes(),
        .start_seconds = start_seconds(),
        .open_fds = count_fds(),
        .max_fds = limited ? (int64_t)limit.rlim_cur : -1,
    };
}
