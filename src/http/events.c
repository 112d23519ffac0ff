/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - server-sent events to any number of listeners, from one thread
 *
 * The teller waits for the monitor, prints the queries once, and publishes the text as the newest
 * event; listeners share it.  A listener that has sent everything is suspended, so that it costs
 * nothing, and is resumed by the next event.
 *
 *  (1) There is no queue.  Each event holds everything, so a listener that is behind goes on with
 *      the newest, and a slow one holds at most one event that others have let go.
 *  (2) Nothing is written here: the server writes when the socket takes it.  A listener that takes
 *      nothing is dropped by the server's time-out, or by TCP's when its machine is gone.
 *  (3) A suspended connection is not touched by the server, so it may be resumed from here under
 *      `lock`; listeners are freed on the server's thread only, and not while suspended.
 *  (4) Without a listener nothing is printed.
 */
#include "http/events.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define LOOK_US       ((int64_t)100000) /* how soon an end is seen, and the least between events */
#define KEEP_ALIVE_US ((int64_t)15000000)
#define GONE_MS       30000 /* bytes that nobody acknowledges for so long end the connection */
#define SEND_BYTES    65536
#define BLOCK_BYTES   16384

#define LISTENER_MAGIC 0x6c737472u

struct event {
    size_t refs; /* guarded by events->lock */
    uint64_t number;
    struct buf text;
};

struct listener {
    unsigned magic;
    struct http_events *events;
    struct MHD_Connection *connection;
    struct listener *next;
    struct event *event; /* being sent */
    size_t sent;
    uint64_t number; /* of the last event that was begun */
    bool suspended;
};

struct http_events {
    struct job_monitor *monitor;
    size_t streams_max;
    struct mutex lock;
    struct cond changed;
    struct listener *listeners; /* guarded by .lock, as all below */
    size_t count;
    struct event *newest;
    uint64_t number;
    uint64_t seen; /* generation that was printed last */
    bool ending;
    struct thread teller;
};

/* ---- events --------------------------------------------------------------------------------- */

static void event_unref(struct event *event)
{
    if (event != NULL && --event->refs == 0) {
        buf_done(&event->text);
        mem_free(event);
    }
}

/* With a reference for the caller. */
static struct event *event_print(struct job_monitor *monitor, uint64_t generation)
{
    struct event *event = mem_new(struct event);
    AUTO_BUF struct buf body = {0};
    event->refs = 1;
    job_monitor_print_queries(monitor, &body);
    buf_printf(&event->text, "id: %" PRIu64 "\nevent: queries\n", generation);
    struct str rest = str_trim(buf_str(&body));
    struct str line;
    while (rest.ptr != NULL && str_split(&rest, '\n', &line)) {
        buf_add_c(&event->text, "data: ");
        buf_add_str(&event->text, line);
        buf_add_char(&event->text, '\n');
    }
    buf_add_char(&event->text, '\n');
    return event;
}

static struct event *event_keep_alive(void)
{
    struct event *event = mem_new(struct event);
    event->refs = 1;
    buf_add_c(&event->text, ": still here\n\n");
    return event;
}

static void resume_all(struct http_events *events)
{
    for (struct listener *it = events->listeners; it != NULL; it = it->next) {
        if (it->suspended) {
            it->suspended = false;
            MHD_resume_connection(it->connection);
        }
    }
}

static void publish(struct http_events *events, struct event *event)
{
    event_unref(events->newest);
    event->number = ++events->number;
    events->newest = event;
    resume_all(events);
}

/* ---- the teller ----------------------------------------------------------------------------- */

/* One look at the monitor; the lock is let go meanwhile. */
static void look(struct http_events *events, int64_t *last_us)
{
    uint64_t seen = events->seen;
    struct event *event = NULL;
    mutex_unlock(&events->lock);
    uint64_t now = job_monitor_wait(events->monitor, seen, clock_mono_us() + LOOK_US);
    if (now != seen) {
        event = event_print(events->monitor, now);
    } else if (clock_mono_us() - *last_us >= KEEP_ALIVE_US) {
        event = event_keep_alive();
    }
    mutex_lock(&events->lock);
    if (event != NULL) {
        events->seen = now;
        publish(events, event);
        *last_us = clock_mono_us();
        (void)cond_wait_until(&events->changed, &events->lock, *last_us + LOOK_US);
    }
}

static void tell(void *user)
{
    struct http_events *events = user;
    int64_t last_us = clock_mono_us();
    MUTEX_GUARD(&events->lock);
    while (!events->ending) {
        if (events->count == 0) {
            event_unref(TAKE(events->newest));
            cond_wait(&events->changed, &events->lock);
            last_us = clock_mono_us();
        } else {
            look(events, &last_us);
        }
    }
}

struct http_events *http_events_new(struct job_monitor *monitor, size_t streams_max)
{
    struct http_events *events = mem_new(struct http_events);
    events->monitor = monitor;
    events->streams_max = streams_max;
    mutex_init(&events->lock);
    cond_init(&events->changed);
    thread_start(&events->teller, "http events", tell, events);
    return events;
}

void http_events_end(struct http_events *events)
{
    {
        MUTEX_GUARD(&events->lock);
        events->ending = true;
        cond_broadcast(&events->changed);
        resume_all(events);
    }
    thread_join(&events->teller);
}

void http_events_free(struct http_events *events)
{
    assert(events->ending);
    assert(events->listeners == NULL);
    event_unref(events->newest);
    cond_done(&events->changed);
    mutex_done(&events->lock);
    mem_free(events);
}

/* ---- listeners ------------------------------------------------------------------------------ */

/* Takes the newest event unless it was sent already; false = there is nothing to send. */
static bool next_event(struct listener *l)
{
    struct event *newest = l->events->newest;
    if (l->event == NULL && newest != NULL && newest->number != l->number) {
        newest->refs++;
        l->event = newest;
        l->number = newest->number;
        l->sent = 0;
    }
    return l->event != NULL;
}

/* MHD asks for at most `max` bytes more. */
static ssize_t on_read(void *user, uint64_t at, char *out, size_t max)
{
    (void)at;
    struct listener *l = user;
    assert(l->magic == LISTENER_MAGIC);
    MUTEX_GUARD(&l->events->lock);
    if (l->events->ending) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (!next_event(l)) {
        l->suspended = true;
        MHD_suspend_connection(l->connection);
        return 0;
    }
    size_t left = l->event->text.len - l->sent;
    size_t bytes = left < max ? left : max;
    memcpy(out, l->event->text.ptr + l->sent, bytes);
    l->sent += bytes;
    if (bytes == left) {
        event_unref(TAKE(l->event));
    }
    return (ssize_t)bytes;
}

static void on_free(void *user)
{
    struct listener *l = user;
    assert(l->magic == LISTENER_MAGIC);
    struct http_events *events = l->events;
    MUTEX_GUARD(&events->lock);
    assert(!l->suspended);
    struct listener **at = &events->listeners;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    events->count--;
    event_unref(l->event);
    l->magic = 0;
    mem_free(l);
}

/* What the kernel holds for a listener that reads nothing, and for how long. */
static void bound_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int bytes = SEND_BYTES;
    unsigned gone_ms = GONE_MS;
    (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    (void)setsockopt(info->connect_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof(gone_ms));
}

/* The first event is printed for the listener alone: it comes at once. */
static struct listener *listener_add(struct http_events *events, struct MHD_Connection *connection)
{
    uint64_t generation = job_monitor_wait(events->monitor, 0, 0);
    struct event *first = event_print(events->monitor, generation);
    struct listener *l = mem_new(struct listener);
    *l = (struct listener){.magic = LISTENER_MAGIC, .events = events, .connection = connection};
    MUTEX_GUARD(&events->lock);
    if (events->count++ == 0) {
        events->seen = generation;
    }
    l->event = first;
    l->number = events->number;
    l->next = events->listeners;
    events->listeners = l;
    cond_broadcast(&events->changed);
    return l;
}

struct MHD_Response *http_events_listen(struct http_events *events,
                                        struct MHD_Connection *connection)
{
    {
        MUTEX_GUARD(&events->lock);
        if (events->count >= events->streams_max || events->ending) {
            return NULL;
        }
    }
    bound_socket(connection);
    struct listener *l = listener_add(events, connection);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_read, l, on_free);
    if (response == NULL) {
        on_free(l);
    }
    return response;
}
