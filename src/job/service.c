/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service - what a service manager is told of the job
 *
 *  (1) WATCHDOG=1 is said by a thread of its own, but only when every watched pulse has moved
 *      since it was said the last time.  So the time that the manager allows (WatchdogSec=) is the
 *      longest that a query may stand still; there is no second limit in here.
 *  (2) Before the first pulse is watched, and after the last one, nothing is said: that is the
 *      time of TimeoutStartSec= and TimeoutStopSec=.
 *  (3) What could not be said is said again at the next look, READY=1 and STOPPING=1 too.
 */
#include "job/service.h"

#define LOOK_MAX_US ((int64_t)5 * 1000000)
#define LOOK_MIN_US ((int64_t)10 * 1000)
/* Of the messages that did not get through. */
#define AGAIN_US ((int64_t)1000000)

struct service_pulse {
    struct pulse *pulse;
    uint_fast64_t steps; /* when the watchdog was last fed */
};

struct service {
    struct notify notify;
    struct stop closing;
    struct thread thread;
    int64_t look_us;
    struct mutex lock;
    /* guarded by .lock */
    VEC(struct service_pulse) pulses;
    bool is_ready, is_stopping;     /* what is to be said */
    bool said_ready, said_stopping; /* what got through */
    bool has_failed;                /* and was logged */
    struct buf status;
    bool said_status;
};

int64_t service_look_us(int64_t watchdog_us)
{
    int64_t us = watchdog_us / 10;
    us = us > LOOK_MAX_US ? LOOK_MAX_US : us;
    return us < LOOK_MIN_US ? LOOK_MIN_US : us;
}

static bool say(struct service *s, struct str lines)
{
    struct err err;
    int rc = notify_send(&s->notify, lines, &err);
    if (rc < 0 && !s->has_failed) {
        log_err(LOG_WARN, "service manager", &err);
    }
    s->has_failed = rc < 0;
    return rc >= 0;
}

/* Whatever is due, in one message. */
static void say_news(struct service *s)
{
    AUTO_BUF struct buf text = {0};
    if (s->is_ready && !s->said_ready) {
        buf_add_c(&text, "READY=1\n");
    }
    if (s->is_stopping && !s->said_stopping) {
        buf_add_c(&text, "STOPPING=1\n");
    }
    if (!s->said_status && s->status.len > 0) {
        buf_printf(&text, "STATUS=%.*s\n", STR_FMT(buf_str(&s->status)));
    }
    if (text.len > 0 && say(s, buf_str(&text))) {
        s->said_ready = s->is_ready;
        s->said_stopping = s->is_stopping;
        s->said_status = true;
    }
}

static bool all_have_moved(const struct service *s)
{
    vec_foreach (const struct service_pulse, p, &s->pulses) {
        if (atomic_load(&p->pulse->steps) == p->steps) {
            return false;
        }
    }
    return s->pulses.count > 0;
}

static void feed_watchdog(struct service *s)
{
    if (!all_have_moved(s) || !say(s, STR("WATCHDOG=1\n"))) {
        return;
    }
    vec_foreach (struct service_pulse, p, &s->pulses) {
        p->steps = atomic_load(&p->pulse->steps);
    }
}

static void look(void *user)
{
    struct service *s = user;
    while (!stop_wait_us(&s->closing, s->look_us)) {
        MUTEX_GUARD(&s->lock);
        say_news(s);
        if (s->notify.watchdog_us > 0) {
            feed_watchdog(s);
        }
    }
}

struct service *service_open(void)
{
    struct service *s = mem_new(struct service);
    struct err err;
    if (notify_open(&s->notify, &err) < 0) {
        log_err(LOG_WARN, "service manager", &err);
    }
    stop_init(&s->closing);
    mutex_init(&s->lock);
    s->look_us = s->notify.watchdog_us > 0 ? service_look_us(s->notify.watchdog_us) : AGAIN_US;
    if (notify_is_on(&s->notify)) {
        thread_start(&s->thread, "service", look, s);
    }
    return s;
}

void service_close(struct service *s)
{
    if (s == NULL) {
        return;
    }
    assert(s->pulses.count == 0);
    stop_set(&s->closing);
    thread_join(&s->thread);
    notify_close(&s->notify);
    vec_done(&s->pulses);
    buf_done(&s->status);
    mutex_done(&s->lock);
    stop_done(&s->closing);
    mem_free(s);
}

void service_watch(struct service *s, struct pulse *pulse)
{
    if (s != NULL) {
        MUTEX_GUARD(&s->lock);
        /* To be watched is a step: what is new has the whole time before it. */
        *vec_push(&s->pulses) = (struct service_pulse){pulse, atomic_load(&pulse->steps) - 1};
    }
}

void service_unwatch(struct service *s, struct pulse *pulse)
{
    if (s == NULL) {
        return;
    }
    MUTEX_GUARD(&s->lock);
    for (size_t i = 0; i < s->pulses.count; i++) {
        if (s->pulses.items[i].pulse == pulse) {
            s->pulses.items[i] = s->pulses.items[--s->pulses.count];
            return;
        }
    }
}

static void note(struct service *s, bool *what)
{
    MUTEX_GUARD(&s->lock);
    *what = true;
    if (notify_is_on(&s->notify)) {
        say_news(s);
    }
}

void service_ready(struct service *s)
{
    if (s != NULL) {
        note(s, &s->is_ready);
    }
}

void service_stopping(struct service *s)
{
    if (s != NULL) {
        note(s, &s->is_stopping);
    }
}

/* One line, and UTF-8, whatever an error has in it or where it was cut: the manager takes no
 * other. */
static void clean(struct buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        text->ptr[i] = (unsigned char)text->ptr[i] < ' ' ? ' ' : text->ptr[i];
    }
    size_t at = str_utf8_prefix(buf_str(text));
    while (at < text->len) {
        text->ptr[at] = '?';
        at += str_utf8_prefix(str_skip(buf_str(text), at));
    }
}

void service_status(struct service *s, struct str text)
{
    if (s == NULL || !notify_is_on(&s->notify)) {
        return;
    }
    AUTO_BUF struct buf line = {0};
    buf_add_str(&line, text);
    clean(&line);
    MUTEX_GUARD(&s->lock);
    if (str_eq(buf_str(&line), buf_str(&s->status))) {
        return;
    }
    buf_reset(&s->status);
    buf_add_str(&s->status, buf_str(&line));
    s->said_status = false;
    say_news(s);
}
