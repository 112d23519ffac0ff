/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - libmicrohttpd around guard, route, api, events and assets
 *
 * One thread of the library's (epoll) accepts, reads, answers and writes; all functions here run on
 * it, but for http_open and http_close.
 *
 *  (1) A request is judged on its headers: a refusal does not wait for the body.
 *  (2) Connections are bounded.  At the bound the one that has been idle the longest, or has taken
 *      the longest over its request, makes room for the new one: clients that hold connections
 *      open do not lock others out.
 *  (3) Answers that wait in memory for slow readers are bounded together; beyond that it is 503.
 *  (4) What is no HTTP, or has headers too large, is answered by the library.
 */
#include <microhttpd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "http/address.h"
#include "http/api.h"
#include "http/asset.h"
#include "http/events.h"
#include "http/guard.h"
#include "http/http.h"

#define PORT_PRESET     4040
#define PORT_LAST       4056
#define CONNECTIONS_MAX 256
#define STREAMS_MAX     32
#define IDLE_US         ((int64_t)30000000)
#define HEADERS_BYTES   32768u
#define BODY_MAX        4096u
#define BODY_SWALLOWED  65536u /* of a body that is too large, before the connection is cut */
#define ANSWER_MAX      ((size_t)64 << 20)
#define WAITING_MAX     ((size_t)96 << 20)

#define HTTP_MAGIC       0x68747470u
#define CONNECTION_MAGIC 0x636f6e6eu
#define REQUEST_MAGIC    0x72657175u

enum connection_use { CONNECTION_IDLE, CONNECTION_BUSY, CONNECTION_STREAM };

struct connection {
    unsigned magic;
    int fd;
    enum connection_use use;
    bool cut;
    struct connection *prev, *next; /* by the time of the last change of .use, oldest first */
};

struct request {
    unsigned magic;
    char *target;
    bool judged;
    struct http_route route;
    size_t body_bytes;
};

/* An answer's bytes on their way. */
struct waiting {
    struct http *http;
    struct buf body;
};

struct http {
    unsigned magic;
    struct job_monitor *monitor;
    struct http_guard guard;
    struct http_events *events;
    struct MHD_Daemon *daemon;
    struct http_listener listener;
    struct connection connections; /* head of the ring */
    size_t connection_count;
    size_t connections_max;
    size_t waiting_bytes;
};

static struct http *http_of(void *user)
{
    struct http *http = user;
    assert(http->magic == HTTP_MAGIC);
    return http;
}

/* ---- connections ---------------------------------------------------------------------------- */

static void connection_unlink(struct connection *c)
{
    c->prev->next = c->next;
    c->next->prev = c->prev;
}

static void connection_link(struct http *http, struct connection *c)
{
    c->next = &http->connections;
    c->prev = http->connections.prev;
    c->prev->next = c;
    c->next->prev = c;
}

static struct connection *oldest(struct http *http, enum connection_use use)
{
    for (struct connection *c = http->connections.next; c != &http->connections; c = c->next) {
        if (c->use == use && !c->cut) {
            return c;
        }
    }
    return NULL;
}

/* The library sees the end of the socket and closes it. */
static void make_room(struct http *http)
{
    struct connection *c = oldest(http, CONNECTION_IDLE);
    if (c == NULL) {
        c = oldest(http, CONNECTION_BUSY);
    }
    if (c != NULL) {
        c->cut = true;
        (void)shutdown(c->fd, SHUT_RDWR);
    }
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = http_of(user);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        if (http->connection_count >= http->connections_max) {
            make_room(http);
        }
        struct connection *c = mem_new(struct connection);
        c->magic = CONNECTION_MAGIC;
        c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        connection_link(http, c);
        http->connection_count++;
        *context = c;
        return;
    }
    struct connection *c = *context;
    assert(c->magic == CONNECTION_MAGIC);
    connection_unlink(c);
    http->connection_count--;
    mem_free(c);
}

static void connection_use(struct http *http, struct MHD_Connection *connection,
                           enum connection_use use)
{
    struct connection *c =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    assert(c->magic == CONNECTION_MAGIC);
    c->use = use;
    connection_unlink(c);
    connection_link(http, c);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void waiting_free(void *user)
{
    struct waiting *w = user;
    w->http->waiting_bytes -= w->body.len;
    buf_done(&w->body);
    mem_free(w);
}

static const char *const every_answer[][2] = {
    {MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY,
     "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff"},
    {MHD_HTTP_HEADER_X_FRAME_OPTIONS, "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static void header(struct MHD_Response *response, const char *name, const char *value)
{
    enum MHD_Result rc = MHD_add_response_header(response, name, value);
    assert(rc == MHD_YES);
}

/* Takes the response over. */
static enum MHD_Result queue(struct http *http, struct MHD_Connection *connection, int status,
                             struct MHD_Response *response)
{
    if (response == NULL) {
        return MHD_NO;
    }
    for (size_t i = 0; i < ARRAY_COUNT(every_answer); i++) {
        header(response, every_answer[i][0], every_answer[i][1]);
    }
    enum MHD_Result rc = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    job_monitor_count_request(http->monitor, status);
    return rc;
}

static void status_headers(struct MHD_Response *response, int status,
                           const struct http_route *route)
{
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED && route->allow != NULL) {
        header(response, MHD_HTTP_HEADER_ALLOW, route->allow);
    }
    if (status == MHD_HTTP_UNAUTHORIZED) {
        header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"sluice\"");
    }
}

/* Takes the body over. */
static enum MHD_Result send_reply(struct http *http, struct MHD_Connection *connection,
                                  struct http_reply *reply, const struct http_route *route)
{
    if (http->waiting_bytes + reply->body.len > WAITING_MAX) {
        http_reply_error(reply, 503, "too many answers wait for slow readers; try again");
    }
    struct waiting *w = mem_new(struct waiting);
    w->http = http;
    w->body = reply->body;
    reply->body = (struct buf){0};
    http->waiting_bytes += w->body.len;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        w->body.len, w->body.ptr, waiting_free, w);
    if (response == NULL) {
        waiting_free(w);
        return MHD_NO;
    }
    header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    status_headers(response, reply->status, route);
    return queue(http, connection, reply->status, response);
}

static enum MHD_Result send_error(struct http *http, struct MHD_Connection *connection, int status,
                                  const char *message, const struct http_route *route)
{
    AUTO_HTTP_REPLY struct http_reply reply = {0};
    http_reply_error(&reply, status, message);
    return send_reply(http, connection, &reply, route);
}

static struct str request_header(struct MHD_Connection *connection, const char *name)
{
    return str_of(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static enum MHD_Result send_asset(struct http *http, struct MHD_Connection *connection,
                                  const struct http_route *route)
{
    const struct http_asset *asset = http_asset_find(http_asset_table, route->path);
    if (asset == NULL) {
        return send_error(http, connection, 404, "there is no such file", route);
    }
    bool gzip = asset->gzip != NULL &&
                http_asset_takes_gzip(request_header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    const char *etag = gzip ? asset->gzip_etag : asset->etag;
    bool known =
        http_asset_is_known(request_header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH), etag);
    const unsigned char *bytes = gzip ? asset->gzip : asset->bytes;
    size_t count = known ? 0 : gzip ? asset->gzip_count : asset->bytes_count;
    /* Not written to: persistent. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(count, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    header(response, MHD_HTTP_HEADER_ETAG, etag);
    header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    if (!known) {
        header(response, MHD_HTTP_HEADER_CONTENT_TYPE, asset->type);
        if (gzip) {
            header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
        }
    }
    return queue(http, connection, known ? 304 : 200, response);
}

static enum MHD_Result send_events(struct http *http, struct MHD_Connection *connection,
                                   const char *method, const struct http_route *route)
{
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    static char nothing[1];
    struct MHD_Response *response =
        head ? MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT)
             : http_events_listen(http->events, connection);
    if (response == NULL) {
        return send_error(http, connection, 503, "too many listen to the events already", route);
    }
    header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    header(response, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    connection_use(http, connection, head ? CONNECTION_BUSY : CONNECTION_STREAM);
    return queue(http, connection, 200, response);
}

static enum MHD_Result answer(struct http *http, struct MHD_Connection *connection,
                              const char *method, const struct http_route *route)
{
    if (route->kind == HTTP_ROUTE_ASSET) {
        return send_asset(http, connection, route);
    }
    if (route->kind == HTTP_ROUTE_EVENTS) {
        return send_events(http, connection, method, route);
    }
    AUTO_HTTP_REPLY struct http_reply reply = {0};
    http_api_answer(http->monitor, route, ANSWER_MAX, &reply);
    return send_reply(http, connection, &reply, route);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Called with the raw target, before the headers are read. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct request *r = mem_new(struct request);
    r->magic = REQUEST_MAGIC;
    r->target = mem_strdup(target);
    connection_use(http_of(user), connection, CONNECTION_BUSY);
    return r;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct request *r = TAKE(*context);
    if (r != NULL) {
        assert(((struct request *)r)->magic == REQUEST_MAGIC);
        http_route_done(&r->route);
        mem_free(r->target);
        mem_free(r);
    }
    connection_use(http_of(user), connection, CONNECTION_IDLE);
}

/* Targets are decoded in route.c. */
static size_t on_unescape(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result count_host(void *user, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    (void)kind;
    (void)value;
    *(int *)user += str_eq_nocase_c(str_of(key), MHD_HTTP_HEADER_HOST);
    return MHD_YES;
}

static int judge(struct http *http, struct MHD_Connection *connection, const char *method,
                 struct request *r, const char **ret_message)
{
    struct http_guard_request asks = {
        .host = request_header(connection, MHD_HTTP_HEADER_HOST),
        .origin = request_header(connection, MHD_HTTP_HEADER_ORIGIN),
        .fetch_site = request_header(connection, "Sec-Fetch-Site"),
        .authorization = request_header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
        .marker = request_header(connection, "X-Sluice"),
        .forwarded = request_header(connection, MHD_HTTP_HEADER_FORWARDED).ptr != NULL ||
                     request_header(connection, "X-Forwarded-For").ptr != NULL ||
                     request_header(connection, "X-Real-IP").ptr != NULL,
    };
    int hosts = 0;
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, count_host, &hosts);
    if (hosts > 1) {
        *ret_message = "a request has one Host header";
        return 400;
    }
    int status = http_guard_read(&http->guard, &asks, ret_message);
    if (status == 0) {
        status = http_route_parse(str_of(method), str_of(r->target), &r->route);
        *ret_message = r->route.message;
    }
    if (status == 0 && http_route_is_write(&r->route)) {
        status = http_guard_write(&http->guard, &asks, ret_message);
    }
    uint64_t length = 0;
    struct str announced = request_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (status == 0 && announced.ptr != NULL &&
        (!str_to_u64(announced, &length) || length > BODY_MAX)) {
        *ret_message = "the body of a request is at most 4096 bytes";
        status = 413;
    }
    return status;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **context)
{
    (void)url;
    (void)version;
    (void)upload;
    struct http *http = http_of(user);
    struct request *r = *context;
    assert(r->magic == REQUEST_MAGIC);
    if (!r->judged) {
        const char *message = NULL;
        r->judged = true;
        int status = judge(http, connection, method, r, &message);
        return status == 0 ? MHD_YES : send_error(http, connection, status, message, &r->route);
    }
    if (*upload_bytes > 0) { /* no request here has a body that means something */
        r->body_bytes += *upload_bytes;
        *upload_bytes = 0;
        return r->body_bytes <= BODY_SWALLOWED ? MHD_YES : MHD_NO;
    }
    if (r->body_bytes > BODY_MAX) {
        return send_error(http, connection, 413, "the body of a request is at most 4096 bytes",
                          &r->route);
    }
    return answer(http, connection, method, &r->route);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int listen_preset(struct http_listener *ret_listener, struct err *err)
{
    for (unsigned port = PORT_PRESET; port <= PORT_LAST; port++) {
        AUTO_HTTP_ADDRESS struct http_address a = {.port = (uint16_t)port};
        buf_add_c(&a.host, "127.0.0.1");
        int rc = http_address_listen(&a, ret_listener, err);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* 0 = no port of the preset range. */
static int listen_somewhere(const struct http_options *options, struct http *http, struct err *err)
{
    AUTO_HTTP_ADDRESS struct http_address a = {0};
    int rc = 0;
    if (options->address != NULL) {
        TRY(http_address_parse(str_of(options->address), &a, err));
        rc = http_address_listen(&a, &http->listener, err);
        if (rc <= 0) {
            return err->code; /* asked for: in use is an error */
        }
    } else {
        rc = listen_preset(&http->listener, err);
    }
    if (rc > 0) {
        const char *host = a.host.ptr == NULL ? "127.0.0.1" : a.host.ptr;
        TRY(http_guard_init(&http->guard, http->listener.loopback, host, options->token,
                            options->hosts, err));
    }
    return rc;
}

/* Kafka and the files of a batch must find theirs. */
static size_t connections_bound(size_t asked)
{
    size_t max = asked > 0 ? asked : CONNECTIONS_MAX;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && max > files.rlim_cur / 4) {
        max = files.rlim_cur / 4;
    }
    return max;
}

static int serve(const struct http_options *options, struct http *http, struct err *err)
{
    int64_t idle_us = options->idle_us > 0 ? options->idle_us : IDLE_US;
    http->connections_max = connections_bound(options->connections_max);
    http->events = http_events_new(http->monitor,
                                   options->streams_max > 0 ? options->streams_max : STREAMS_MAX);
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
        MHD_OPTION_LISTEN_SOCKET, http->listener.fd,
        /* A little more: those that were cut to make room are still being closed. */
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)http->connections_max + 16,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((idle_us + 999999) / 1000000),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, http, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape,
        NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (http->daemon == NULL) {
        return err_set(err, ERR_IO, "cannot start the server of the status page");
    }
    http->listener.fd = -1; /* the server's now */
    return 0;
}

int http_open(const struct http_options *options, struct job_monitor *monitor,
              struct http **ret_http, struct err *err)
{
    struct http *http = mem_new(struct http);
    http->magic = HTTP_MAGIC;
    http->monitor = monitor;
    http->listener.fd = -1;
    http->connections.next = http->connections.prev = &http->connections;
    int rc = listen_somewhere(options, http, err);
    if (rc > 0) {
        rc = serve(options, http, err);
    } else if (rc == 0) {
        log_line(LOG_WARN, "no status page",
                 LOG_S("reason", "the ports 4040 to 4056 are in use; --ui-address chooses another"),
                 LOG_END);
    }
    if (rc < 0 || http->daemon == NULL) {
        http_close(http);
        *ret_http = NULL;
        return rc;
    }
    log_line(LOG_INFO, "ui", LOG_S("url", http->listener.url), LOG_END);
    *ret_http = http;
    return 1;
}

void http_close(struct http *http)
{
    if (http == NULL) {
        return;
    }
    if (http->events != NULL) {
        http_events_end(http->events);
    }
    if (http->daemon != NULL) {
        MHD_stop_daemon(http->daemon);
    }
    if (http->events != NULL) {
        http_events_free(http->events);
    }
    fd_close(&http->listener.fd);
    http_guard_done(&http->guard);
    mem_free(http);
}

const char *http_url(const struct http *http)
{
    return http->listener.url;
}
