/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - method and target of a request to what is asked
 *
 *  (1) Paths are compared as they are: nothing is normalized, so "..", "//" and encoded slashes
 *      lead nowhere.  Only a query's name is decoded, once.
 *  (2) Parameters that are not known are passed over, those that are known must be right.
 */
#include "http/route.h"

#include <stdio.h>

#define LIMIT_PRESET 100
#define LIMIT_MAX    1000

#define QUERIES "/api/v1/queries"

struct fixed {
    const char *path;
    enum http_route_kind kind;
};

static const struct fixed fixed_paths[] = {
    {"/healthz", HTTP_ROUTE_HEALTH},       {"/readyz", HTTP_ROUTE_READY},
    {"/metrics", HTTP_ROUTE_METRICS},      {QUERIES, HTTP_ROUTE_QUERIES},
    {"/api/v1/events", HTTP_ROUTE_EVENTS},
};

/* Behind the name of a query. */
static const struct fixed of_query[] = {
    {"progress", HTTP_ROUTE_PROGRESS}, {"history", HTTP_ROUTE_HISTORY},
    {"offsets", HTTP_ROUTE_OFFSETS},   {"errors", HTTP_ROUTE_ERRORS},
    {"plan", HTTP_ROUTE_PLAN},         {"schema", HTTP_ROUTE_SCHEMA},
    {"stop", HTTP_ROUTE_STOP},         {"pause", HTTP_ROUTE_PAUSE},
    {"resume", HTTP_ROUTE_RESUME},
};

void http_route_done(struct http_route *r)
{
    buf_done(&r->name);
}

static int refuse(struct http_route *r, int status, const char *message)
{
    (void)snprintf(r->message, sizeof(r->message), "%s", message);
    return status;
}

static const struct fixed *find(const struct fixed *table, size_t count, struct str path)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(path, table[i].path)) {
            return &table[i];
        }
    }
    return NULL;
}

/* What comes after QUERIES "/": NAME or NAME/WHAT. */
static int parse_query(struct http_route *r, struct str rest)
{
    struct str name = rest;
    ptrdiff_t slash = str_find(rest, '/');
    r->kind = HTTP_ROUTE_QUERY;
    if (slash >= 0) {
        name = str_head(rest, (size_t)slash);
        const struct fixed *what =
            find(of_query, ARRAY_COUNT(of_query), str_skip(rest, (size_t)slash + 1));
        if (what == NULL) {
            return refuse(r, 404, "there is nothing here; see docs/openapi.yaml");
        }
        r->kind = what->kind;
    }
    if (name.len == 0) {
        return refuse(r, 404, "the name of a query is missing");
    }
    struct err err;
    if (uri_decode(&r->name, name, &err) < 0) {
        return refuse(r, 400, "the name of the query has a malformed percent-escape");
    }
    return 0;
}

static int parse_path(struct http_route *r)
{
    const struct fixed *known = find(fixed_paths, ARRAY_COUNT(fixed_paths), r->path);
    if (known != NULL) {
        r->kind = known->kind;
        return 0;
    }
    if (str_starts(r->path, STR(QUERIES "/"))) {
        return parse_query(r, str_skip(r->path, sizeof(QUERIES)));
    }
    if (str_eq_c(r->path, "/") || str_starts(r->path, STR("/static/"))) {
        r->kind = HTTP_ROUTE_ASSET;
        return 0;
    }
    return refuse(r, 404, "there is nothing here; the page is at / and the API at " QUERIES);
}

static int parse_parameter(struct http_route *r, struct str name, struct str text)
{
    int64_t value = 0;
    if (r->kind == HTTP_ROUTE_PROGRESS && str_eq_c(name, "limit")) {
        if (!str_to_i64(text, &value) || value < 1) {
            return refuse(r, 400, "limit is a whole number from 1 to 1000");
        }
        r->limit = value > LIMIT_MAX ? LIMIT_MAX : (size_t)value;
    }
    if (r->kind == HTTP_ROUTE_HISTORY && str_eq_c(name, "since")) {
        if (!str_to_i64(text, &value) || value < 0) {
            return refuse(r, 400, "since is a whole number of seconds since 1970");
        }
        r->since_s = value;
    }
    return 0;
}

static int parse_parameters(struct http_route *r, struct str query)
{
    struct str rest = query;
    struct str one;
    while (rest.ptr != NULL && str_split(&rest, '&', &one)) {
        ptrdiff_t equals = str_find(one, '=');
        struct str name = equals < 0 ? one : str_head(one, (size_t)equals);
        AUTO_BUF struct buf text = {0};
        struct err err;
        if (equals >= 0 && uri_decode(&text, str_skip(one, (size_t)equals + 1), &err) < 0) {
            return refuse(r, 400, "a parameter has a malformed percent-escape");
        }
        int status = parse_parameter(r, name, buf_str(&text));
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int check_method(struct http_route *r, struct str method)
{
    bool get = str_eq_c(method, "GET") || str_eq_c(method, "HEAD");
    bool post = str_eq_c(method, "POST");
    if (http_route_is_write(r) ? post : get) {
        return 0;
    }
    r->allow = http_route_is_write(r) ? "POST" : "GET, HEAD";
    (void)snprintf(r->message, sizeof(r->message), "the method here is %s", r->allow);
    return 405;
}

int http_route_parse(struct str method, struct str target, struct http_route *ret_route)
{
    struct http_route *r = ret_route;
    *r = (struct http_route){.path = target, .limit = LIMIT_PRESET};
    if (target.len == 0 || target.ptr[0] != '/') {
        return refuse(r, 400, "the target of a request begins with /");
    }
    struct str query = STR_NULL;
    ptrdiff_t mark = str_find(target, '?');
    if (mark >= 0) {
        r->path = str_head(target, (size_t)mark);
        query = str_skip(target, (size_t)mark + 1);
    }
    int status = parse_path(r);
    if (status == 0) {
        status = check_method(r, method);
    }
    return status != 0 ? status : parse_parameters(r, query);
}
