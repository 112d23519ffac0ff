/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - a route to the answer's status, type and body
 *
 * The monitor prints; here is only what HTTP adds: which status an outcome is, and errors as
 * JSON.
 */
#include "http/api.h"

#define NAME_SHOWN  200
#define NAMES_SHOWN 1000

void http_reply_done(struct http_reply *reply)
{
    buf_done(&reply->body);
}

void http_reply_error(struct http_reply *reply, int status, const char *message)
{
    size_t max = reply->body.max;
    buf_done(&reply->body);
    buf_init(&reply->body, max);
    reply->status = status;
    reply->type = HTTP_TYPE_JSON;
    struct json_writer w;
    json_begin(&w, &reply->body);
    json_open_object(&w);
    json_name(&w, "error");
    json_open_object(&w);
    json_name(&w, "status");
    json_i64(&w, status);
    json_name(&w, "message");
    json_c(&w, message);
    json_close_object(&w);
    json_close_object(&w);
    buf_add_char(&reply->body, '\n');
}

/* The names of the queries there are, for a person. */
static void add_names(struct job_monitor *monitor, struct buf *out)
{
    AUTO_BUF struct buf body = {0};
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err;
    job_monitor_print_queries(monitor, &body);
    if (json_parse(&arena, buf_str(&body), &root, &err) < 0) {
        return;
    }
    const struct json *queries = json_find(root, "queries");
    const char *before = "; queries: ";
    for (const struct json *q = queries == NULL ? NULL : queries->child; q != NULL; q = q->next) {
        struct str name;
        if (json_get_str(json_find(q, "name"), &name)) {
            buf_add_c(out, before);
            buf_add_str(out, name);
            before = ", ";
        }
        if (out->len > NAMES_SHOWN) {
            buf_add_c(out, ", …");
            return;
        }
    }
}

static void no_such_query(struct job_monitor *monitor, struct str name, struct http_reply *reply)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "there is no query \"%.*s\"",
               STR_FMT(str_head(name, name.len < NAME_SHOWN ? name.len : NAME_SHOWN)));
    add_names(monitor, &text);
    http_reply_error(reply, 404, text.ptr);
}

static void command(struct job_monitor *monitor, struct str name, enum job_command command,
                    struct http_reply *reply)
{
    struct err err;
    int rc = job_monitor_command(monitor, name, command, &err);
    if (rc < 0) {
        log_mask_text(err.msg);
        http_reply_error(reply, err.code == ERR_CONFIG ? 409 : 500, err.msg);
        return;
    }
    AUTO_BUF struct buf body = {0};
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct str state = STR_NULL;
    if (rc == 0 || job_monitor_print_query(monitor, name, &body) == 0) {
        no_such_query(monitor, name, reply);
        return;
    }
    if (json_parse(&arena, buf_str(&body), &root, &err) >= 0) {
        (void)json_get_str(json_find(root, "state"), &state);
    }
    reply->status = 202;
    struct json_writer w;
    json_begin(&w, &reply->body);
    json_open_object(&w);
    json_name(&w, "name");
    json_str(&w, name);
    json_name(&w, "state");
    json_str(&w, state);
    json_close_object(&w);
}

/* 1 = printed, 0 = no such query. */
static int print(struct job_monitor *m, const struct http_route *route, struct buf *out)
{
    struct str name = buf_str(&route->name);
    switch (route->kind) {
    case HTTP_ROUTE_QUERY:
        return job_monitor_print_query(m, name, out);
    case HTTP_ROUTE_PROGRESS:
        return job_monitor_print_progress(m, name, route->limit, out);
    case HTTP_ROUTE_HISTORY:
        return job_monitor_print_history(m, name, route->since_s, out);
    case HTTP_ROUTE_OFFSETS:
        return job_monitor_print_offsets(m, name, out);
    case HTTP_ROUTE_ERRORS:
        return job_monitor_print_errors(m, name, out);
    case HTTP_ROUTE_PLAN:
        return job_monitor_print_plan(m, name, out);
    case HTTP_ROUTE_SCHEMA:
        return job_monitor_print_schema(m, name, out);
    case HTTP_ROUTE_QUERIES:
        job_monitor_print_queries(m, out);
        return 1;
    default:
        break;
    }
    assert(!"a route without an answer");
    return 0;
}

void http_api_answer(struct job_monitor *monitor, const struct http_route *route, size_t body_max,
                     struct http_reply *ret_reply)
{
    struct http_reply *reply = ret_reply;
    struct str name = buf_str(&route->name);
    *reply = (struct http_reply){.status = 200, .type = HTTP_TYPE_JSON};
    buf_init(&reply->body, body_max);
    switch (route->kind) {
    case HTTP_ROUTE_HEALTH:
        reply->type = HTTP_TYPE_TEXT;
        buf_add_c(&reply->body, "ok");
        return;
    case HTTP_ROUTE_READY:
        reply->status = job_monitor_print_ready(monitor, &reply->body) ? 200 : 503;
        break;
    case HTTP_ROUTE_METRICS:
        reply->type = HTTP_TYPE_METRICS;
        job_monitor_print_metrics(monitor, &reply->body);
        break;
    case HTTP_ROUTE_STOP:
        command(monitor, name, JOB_COMMAND_STOP, reply);
        break;
    case HTTP_ROUTE_PAUSE:
        command(monitor, name, JOB_COMMAND_PAUSE, reply);
        break;
    case HTTP_ROUTE_RESUME:
        command(monitor, name, JOB_COMMAND_RESUME, reply);
        break;
    default:
        if (print(monitor, route, &reply->body) == 0) {
            no_such_query(monitor, name, reply);
        }
        break;
    }
    struct err err;
    if (buf_check(&reply->body, "the answer", &err) < 0) {
        http_reply_error(reply, 500, err.msg);
    }
}
