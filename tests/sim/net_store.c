/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_store - an object store at the other end of a bad network
 *
 *  (1) A put_if_absent is carried out when the scheduler delivers it, not before:
 *      perhaps after its sender gave up, or died.
 *  (2) Idempotent operations are carried out at one instant between two points
 *      where others run.  One that fails may have been carried out, or, if it
 *      writes, still be under way.
 *  (3) A listing may come in pages, each of its own instant.
 *  (4) The keys of store_probe are answered at once and rightly: the probe is
 *      about servers that break the contract, which this one keeps.
 *  (5) Real threads beside the fibers (DuckDB's) are served without a yield.
 */
#include "net_store.h"

#include "trace.h"

#include <stdio.h>

struct store_net {
    struct store base;
    struct net *net;
    struct net_client *client;
    bool canceled;
    struct buf last_body; /* of its last put_if_absent, for --break=readback */
};

/* The sender's end of a request. */
struct net_wait {
    bool answered;
    enum store_put answer;
};

static struct store_net *net_of(struct store *store)
{
    return CONTAINER_OF(store, struct store_net, base);
}

static bool chance(struct net *net, unsigned per_mille)
{
    return rng_below(net->rng, 1000) < per_mille;
}

/* ---- objects -----------------------------------------------------------------------------------
 */

static size_t lower_bound(const struct net *net, struct str key)
{
    size_t low = 0;
    size_t high = net->objects.count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (str_cmp(str_of(net->objects.items[mid].key), key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct net_object *find(const struct net *net, struct str key)
{
    size_t at = lower_bound(net, key);
    bool found = at < net->objects.count && str_eq(str_of(net->objects.items[at].key), key);
    return found ? &net->objects.items[at] : NULL;
}

const struct net_object *net_find(const struct net *net, struct str key)
{
    return find(net, key);
}

static bool is_probe(struct str key)
{
    return str_find_str(key, STR(".sluice-probe-")) >= 0;
}

/* The version that a key of the log names; -1 = another key. */
static int64_t commit_version(struct str key)
{
    uint64_t version = 0;
    if (!str_starts(key, STR("_delta_log/")) || key.len != strlen("_delta_log/") + 25 ||
        !str_ends(key, STR(".json")) || !str_to_u64(str_head(str_skip(key, 11), 20), &version)) {
        return -1;
    }
    return (int64_t)version;
}

static struct str commit_key(char room[64], int64_t version)
{
    int len = snprintf(room, 64, "_delta_log/%020" PRId64 ".json", version);
    return str_n(room, (size_t)len);
}

struct str net_commit(const struct net *net, int64_t version)
{
    bool is_there = version >= 0 && version < (int64_t)net->archive.count;
    return is_there ? buf_str(&net->archive.items[version]) : STR_NULL;
}

static void note_commit(struct net *net, struct str key, struct str body)
{
    int64_t version = commit_version(key);
    if (version < 0) {
        return;
    }
    if (version != net->version_count) {
        snprintf(net->fault, sizeof(net->fault),
                 "version %" PRId64 " was put when the log had %" PRId64, version,
                 net->version_count);
    }
    net->version_count = version + 1;
    buf_add_str(vec_push(&net->archive), body);
}

void net_set(struct net *net, struct str key, struct str body)
{
    struct net_object *object = find(net, key);
    if (object == NULL) {
        size_t at = lower_bound(net, key);
        size_t behind = net->objects.count - at;
        (void)vec_push(&net->objects);
        object = &net->objects.items[at];
        memmove(object + 1, object, behind * sizeof(*object));
        *object = (struct net_object){.key = str_dup(key)};
        note_commit(net, key, body);
    }
    object->modified_us = fiber_clock_us();
    buf_reset(&object->body);
    buf_add_str(&object->body, body);
}

static void delete_object(struct net *net, struct str key)
{
    struct net_object *object = find(net, key);
    if (object != NULL) {
        size_t at = (size_t)(object - net->objects.items);
        mem_free(object->key);
        buf_done(&object->body);
        memmove(object, object + 1, (net->objects.count - 1 - at) * sizeof(*object));
        net->objects.count--;
    }
}

int64_t net_append_commit(struct net *net, struct str body)
{
    char room[64];
    int64_t version = net->version_count;
    net_set(net, commit_key(room, version), body);
    return version;
}

static void request_done(struct net_request *request)
{
    mem_free(request->key);
    buf_done(&request->body);
}

void net_done(struct net *net)
{
    vec_foreach (struct net_object, object, &net->objects) {
        mem_free(object->key);
        buf_done(&object->body);
    }
    vec_done(&net->objects);
    vec_foreach (struct net_request, request, &net->requests) {
        request_done(request);
    }
    vec_done(&net->requests);
    vec_foreach (struct buf, body, &net->archive) {
        buf_done(body);
    }
    vec_done(&net->archive);
}

/* ---- requests under way ------------------------------------------------------------------------
 */

static struct net_request *send_request(struct net *net, struct str key, struct str body,
                                        bool overwrite, struct net_wait *wait)
{
    struct net_request *request = vec_push(&net->requests);
    request->id = ++net->request_count;
    request->key = str_dup(key);
    buf_add_str(&request->body, body);
    request->overwrite = overwrite;
    request->wait = wait;
    return request;
}

static struct net_request take_request(struct net *net, size_t index)
{
    struct net_request request = net->requests.items[index];
    net->requests.items[index] = net->requests.items[--net->requests.count];
    return request;
}

void net_drop(struct net *net, size_t index)
{
    struct net_request request = take_request(net, index);
    TRACE("net: request %" PRIu64 " (%s) is lost", request.id, request.key);
    request_done(&request);
}

void net_month(struct net *net)
{
    int64_t checkpoint = -1;
    for (size_t i = 0; i < net->objects.count; i++) {
        struct str key = str_of(net->objects.items[i].key);
        int64_t version = -1;
        if (str_starts(key, STR("_delta_log/")) && str_ends(key, STR(".checkpoint.parquet")) &&
            str_to_i64(str_head(str_skip(key, 11), 20), &version)) {
            checkpoint = version;
        }
    }
    while (net->requests.count > 0) {
        net_drop(net, 0);
    }
    char room[64];
    for (int64_t version = 0; version < checkpoint; version++) {
        delete_object(net, commit_key(room, version));
    }
    TRACE("a month goes by, the log is cleaned up to version %" PRId64, checkpoint);
}

/* A proper part of the body that ends within a line. */
static struct str half_of(struct net *net, struct str body)
{
    size_t len = 1 + rng_below(net->rng, body.len - 1);
    while (len > 1 && (body.ptr[len - 1] == '\n' || body.ptr[len] == '\n')) {
        len--;
    }
    return str_head(body, len);
}

static enum store_put carry_out(struct net *net, const struct net_request *request)
{
    struct str key = str_of(request->key);
    struct str body = buf_str(&request->body);
    if (request->overwrite) {
        net_set(net, key, body);
        return STORE_PUT_DONE;
    }
    if (find(net, key) != NULL) {
        return STORE_PUT_EXISTS;
    }
    if (chance(net, net->weather.truncate) && commit_version(key) >= 0) {
        net->truncated = true;
        net_set(net, key, half_of(net, body));
        return STORE_PUT_UNKNOWN;
    }
    net_set(net, key, body);
    return STORE_PUT_DONE;
}

void net_deliver(struct net *net, size_t index)
{
    static const char *const names[] = {"done", "exists", "unknown"};
    struct net_request request = take_request(net, index);
    enum store_put answer = carry_out(net, &request);
    bool again = !request.overwrite && chance(net, net->weather.twice);
    if (again) {
        (void)send_request(net, str_of(request.key), buf_str(&request.body), false, NULL);
        if (answer == STORE_PUT_DONE && chance(net, net->weather.exists_instead)) {
            answer = STORE_PUT_EXISTS;
        }
    }
    bool lost = chance(net, net->weather.lost);
    TRACE("net: request %" PRIu64 " (%s) arrives: %s%s%s%s", request.id, request.key, names[answer],
          request.wait == NULL ? ", nobody waits" : "", lost ? ", the answer is lost" : "",
          again ? ", it will come again" : "");
    if (request.wait != NULL && !lost) {
        request.wait->answered = true;
        request.wait->answer = answer;
    }
    request_done(&request);
}

static void stop_waiting(struct net *net, const struct net_wait *wait)
{
    vec_foreach (struct net_request, request, &net->requests) {
        if (request->wait == wait) {
            request->wait = NULL;
        }
    }
}

/* ---- operations --------------------------------------------------------------------------------
 */

static int check_dead(struct store_net *s, struct err *err)
{
    if (s->client->dead || s->canceled) {
        return err_set(err, ERR_CANCELED, "process %d is dead", s->client->id);
    }
    return 0;
}

static void maybe_yield(struct store_net *s)
{
    if (fiber_now() != NULL && !s->client->dead && chance(s->net, s->net->weather.yield)) {
        fiber_yield();
    }
}

/* What comes before an idempotent operation. Outcome 0 = carry it out. */
static int before(struct store_net *s, const char *what, struct str key, struct err *err)
{
    TRY(check_dead(s, err));
    maybe_yield(s);
    TRY(check_dead(s, err));
    if (fiber_now() != NULL && chance(s->net, s->net->weather.fail)) {
        TRACE("process %d: %s \"%.*s\" fails", s->client->id, what, STR_FMT(key));
        return err_set_retry(err, "%s \"%.*s\": the deadline has passed", what, STR_FMT(key));
    }
    return 0;
}

static int after(struct store_net *s, const char *what, struct str key, struct err *err)
{
    maybe_yield(s);
    TRY(check_dead(s, err));
    if (fiber_now() != NULL && chance(s->net, s->net->weather.fail)) {
        TRACE("process %d: %s \"%.*s\" fails late", s->client->id, what, STR_FMT(key));
        return err_set_retry(err, "%s \"%.*s\": the answer was lost", what, STR_FMT(key));
    }
    return 0;
}

/* --break=fence: another instance's commit looks like anybody's. */
static void hide_fence(struct buf *body)
{
    AUTO_BUF struct buf kept = {0};
    struct str rest = buf_str(body);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            /* As many lines as before: a commit says how many it has. */
            bool txn = str_starts(line, STR("{\"txn\":"));
            buf_add_str(&kept, txn ? STR("{\"hidden\":{}}") : line);
            buf_add_char(&kept, '\n');
        }
    }
    buf_reset(body);
    buf_add_str(body, buf_str(&kept));
}

static void break_rules(struct store_net *s, struct str key, struct buf *body)
{
    bool own = str_eq(buf_str(body), buf_str(&s->last_body));
    if (commit_version(key) < 0 || !s->client->begun) {
        return;
    }
    if (s->net->broken == NET_BREAK_FENCE && !own) {
        hide_fence(body);
    } else if (s->net->broken == NET_BREAK_READBACK && own) {
        buf_reset(body);
        buf_add_c(body, "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"WRITE\"}}\n");
    }
}

static int net_get(struct store *store, struct str key, uint64_t offset, uint64_t len,
                   struct buf *out, struct err *err)
{
    struct store_net *s = net_of(store);
    TRY(before(s, "get", key, err));
    const struct net_object *object = find(s->net, key);
    if (object == NULL) {
        TRACE("process %d: get \"%.*s\": absent", s->client->id, STR_FMT(key));
        TRY(after(s, "get", key, err));
        return STORE_ABSENT;
    }
    AUTO_BUF struct buf body = {0};
    buf_add_str(&body, buf_str(&object->body));
    break_rules(s, key, &body);
    TRACE("process %d: get \"%.*s\"", s->client->id, STR_FMT(key));
    TRY(after(s, "get", key, err));
    struct str bytes = str_skip(buf_str(&body), offset < body.len ? (size_t)offset : body.len);
    bytes = str_head(bytes, len < bytes.len ? (size_t)len : bytes.len);
    size_t max = out->max == 0 ? BUF_DEFAULT_MAX : out->max;
    if (bytes.len > max - out->len) {
        return err_set(err, ERR_DATA, "get \"%.*s\": too large", STR_FMT(key));
    }
    buf_add_str(out, bytes);
    return STORE_GOT;
}

static int net_head(struct store *store, struct str key, struct store_entry *ret_entry,
                    struct err *err)
{
    struct store_net *s = net_of(store);
    TRY(before(s, "head", key, err));
    const struct net_object *object = find(s->net, key);
    struct store_entry entry = {.key = key};
    if (object != NULL) {
        entry.size_bytes = object->body.len;
        entry.modified_us = object->modified_us;
    }
    TRY(after(s, "head", key, err));
    if (object == NULL) {
        return STORE_ABSENT;
    }
    *ret_entry = entry;
    return STORE_GOT;
}

static int net_put(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_net *s = net_of(store);
    int rc = before(s, "put", key, err);
    if (rc < 0) {
        if (!s->client->dead && chance(s->net, 500)) {
            (void)send_request(s->net, key, body, true, NULL); /* it arrives later */
        }
        return rc;
    }
    TRACE("process %d: put \"%.*s\"", s->client->id, STR_FMT(key));
    net_set(s->net, key, body);
    return after(s, "put", key, err);
}

static int net_put_file(struct store *store, struct str key, const char *path, struct err *err)
{
    AUTO_BUF struct buf body = {0};
    TRY(fs_read_file(path, &body, err));
    return net_put(store, key, buf_str(&body), err);
}

static int put_probe(struct store_net *s, struct str key, struct str body)
{
    if (find(s->net, key) != NULL) {
        return STORE_PUT_EXISTS;
    }
    net_set(s->net, key, body);
    return STORE_PUT_DONE;
}

static int net_put_if_absent(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_net *s = net_of(store);
    TRY(check_dead(s, err));
    if (is_probe(key)) {
        return put_probe(s, key, body);
    }
    buf_reset(&s->last_body);
    buf_add_str(&s->last_body, body);
    struct net_wait wait = {0};
    uint64_t id = send_request(s->net, key, body, false, &wait)->id;
    TRACE("process %d: put_if_absent \"%.*s\" is request %" PRIu64, s->client->id, STR_FMT(key),
          id);
    for (;;) {
        fiber_yield();
        bool gives_up = !wait.answered && chance(s->net, s->net->weather.give_up);
        if (s->client->dead || wait.answered || gives_up) {
            break;
        }
    }
    stop_waiting(s->net, &wait);
    TRY(check_dead(s, err));
    TRACE("process %d: request %" PRIu64 ": %s", s->client->id, id,
          !wait.answered ? "gives up" : "has an answer");
    return wait.answered ? (int)wait.answer : (int)STORE_PUT_UNKNOWN;
}

/* The next entries after `after`, as of now. */
static size_t list_page(struct net *net, struct str prefix, struct str after_key, size_t max,
                        struct arena *arena, struct store_entry *entries)
{
    size_t count = 0;
    for (size_t i = lower_bound(net, prefix); i < net->objects.count && count < max; i++) {
        const struct net_object *object = &net->objects.items[i];
        struct str key = str_of(object->key);
        if (!str_starts(key, prefix)) {
            break;
        }
        if (str_cmp(key, after_key) > 0) {
            entries[count++] =
                (struct store_entry){arena_str(arena, key), object->body.len, object->modified_us};
        }
    }
    return count;
}

static int net_list(struct store *store, struct str prefix, struct str start_after,
                    store_list_fn on_entry, void *user, struct err *err)
{
    struct store_net *s = net_of(store);
    AUTO_ARENA struct arena arena = {0};
    struct str from = start_after;
    size_t max = chance(s->net, 200) ? 1 + rng_below(s->net->rng, 20) : 1000;
    struct store_entry *entries = arena_new_array(&arena, struct store_entry, max);
    for (;;) {
        TRY(before(s, "list", prefix, err));
        size_t count = list_page(s->net, prefix, from, max, &arena, entries);
        TRACE("process %d: list \"%.*s\" from \"%.*s\": %zu, to \"%.*s\"", s->client->id,
              STR_FMT(prefix), STR_FMT(from), count,
              STR_FMT(count == 0 ? STR("") : entries[count - 1].key));
        TRY(after(s, "list", prefix, err));
        for (size_t i = 0; i < count; i++) {
            if (TRY(on_entry(user, &entries[i], err)) > 0) {
                return 0;
            }
        }
        if (count < max) {
            return 0;
        }
        from = entries[count - 1].key;
    }
}

static int net_del(struct store *store, struct str key, struct err *err)
{
    struct store_net *s = net_of(store);
    TRY(check_dead(s, err));
    delete_object(s->net, key);
    return 0;
}

static void net_cancel(struct store *store)
{
    net_of(store)->canceled = true;
}

static void net_close(struct store *store)
{
    struct store_net *s = net_of(store);
    buf_done(&s->last_body);
    mem_free(s);
}

static const struct store_ops net_ops = {
    .name = "net",
    .get = net_get,
    .head = net_head,
    .put = net_put,
    .put_file = net_put_file,
    .put_if_absent = net_put_if_absent,
    .list = net_list,
    .del = net_del,
    .cancel = net_cancel,
    .close = net_close,
};

struct store *net_open(struct net *net, struct net_client *client)
{
    struct store_net *s = mem_new(struct store_net);
    s->base.ops = &net_ops;
    s->net = net;
    s->client = client;
    return &s->base;
}

struct net *net_of_store(struct store *store)
{
    return net_of(store)->net;
}
