/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - schemas by their number, from a Schema Registry (Confluent's HTTP interface)
 *
 *  (1) A schema enters the cache when all of it is there: references resolved, Avro inlined,
 *      Protobuf compiled.  What is wrong with the schema itself is kept with it; what is wrong
 *      with the registry is an error of the call, and nothing is cached.
 *  (2) A call ends at its timeout, whatever it has to ask for.  One attempt gets at most its share
 *      of that, so that a server that says nothing leaves time for another.
 *  (3) "Unknown" needs the registry's own word, a 404 with one of its error codes.  A bare 404
 *      comes from a wrong path or a proxy, and is a failure like a 500.
 *  (4) References count by name, the first of a name wins, as in Confluent's clients; one that
 *      leads back to itself makes the schema unusable.
 */
#include "codec/registry.h"

#include "codec/registry_answer.h"
#include "codec/registry_avro.h"
#include "codec/registry_cache.h"
#include "codec/registry_proto.h"
#include "store/http.h"

#include <stdio.h>

#define SECOND_US          ((int64_t)1000000)
#define TIMEOUT_DEFAULT_US (30 * SECOND_US)
#define UNKNOWN_DEFAULT_US (5 * SECOND_US)
#define BACKOFF_FIRST_US   (SECOND_US / 20)
#define BACKOFF_MAX_US     (2 * SECOND_US)
#define URLS_MAX           16
#define BODY_BYTES_MAX     ((size_t)8 << 20)
#define TOTAL_BYTES_MAX    ((size_t)64 << 20)
#define DEPTH_MAX          32
#define REFERENCES_MAX     1000

#define REGISTRY_MAGIC 0x53524547u

struct codec_registry {
    uint32_t magic;
    struct store_http *http;
    VEC(char *) urls; /* without a slash at the end */
    int64_t timeout_us;
    int64_t unknown_us;
    struct stop *stop;
    struct codec_registry_cache cache;
    struct mutex lock;
    struct rng rng;   /* guarded by .lock */
    size_t url_first; /* guarded by .lock: the one that answered last */
};

/* One call with all its requests. */
struct call {
    struct codec_registry *registry;
    int64_t begin_us;
    int64_t deadline_us; /* monotonic */
    unsigned attempts;   /* of the request under way */
    struct err last;     /* what its last attempt came to */
};

const char *codec_schema_kind_name(enum codec_schema_kind kind)
{
    static const char *const names[] = {"avro", "protobuf", "json"};
    assert((size_t)kind < ARRAY_COUNT(names));
    return names[kind];
}

void codec_registry_subject(struct str topic, bool is_key, struct buf *out)
{
    buf_add_str(out, topic);
    buf_add_c(out, is_key ? "-key" : "-value");
}

/* ---- opening ---- */

static int parse_urls(struct codec_registry *r, struct str urls, struct err *err)
{
    struct str url;
    while (str_split(&urls, ',', &url)) {
        url = str_trim(url);
        while (url.len > 0 && url.ptr[url.len - 1] == '/') {
            url.len--;
        }
        struct uri_parts parts;
        uri_split(url, &parts);
        bool is_http =
            str_eq_nocase_c(parts.scheme, "http") || str_eq_nocase_c(parts.scheme, "https");
        char shown[STORE_HTTP_SHOWN];
        if (!is_http || parts.authority.len == 0) {
            return err_set(err, ERR_CONFIG, "schema registry: \"%.*s\" is no http or https URL",
                           STR_FMT(str_head(url, str_find(url, '@') < 0 ? 200 : 0)));
        }
        if (str_find(parts.authority, '@') >= 0) {
            return err_set(err, ERR_CONFIG,
                           "schema registry: %s: user and password do not belong into the URL; "
                           "give them as options",
                           store_http_show(url, shown));
        }
        if (str_find(url, '?') >= 0 || str_find(url, '#') >= 0) {
            return err_set(err, ERR_CONFIG, "schema registry: %s: a query has no place in the URL",
                           store_http_show(url, shown));
        }
        if (r->urls.count == URLS_MAX) {
            return err_set(err, ERR_CONFIG, "schema registry: more than %d URLs", URLS_MAX);
        }
        *vec_push(&r->urls) = str_dup(url);
    }
    return r->urls.count > 0 ? 0 : err_set(err, ERR_CONFIG, "schema registry: no URL");
}

static void registry_closep(struct codec_registry **registry)
{
    codec_registry_close(*registry);
}

#define AUTO_REGISTRY AUTO(registry_closep)

int codec_registry_open(const struct codec_registry_options *options,
                        struct codec_registry **ret_registry, struct err *err)
{
    struct str user = options->user;
    ptrdiff_t colon = str_find(user, ':');
    if (user.len > 0 && colon <= 0) {
        return err_set(err, ERR_CONFIG, "schema registry: user and password are \"user:password\"");
    }
    AUTO_REGISTRY struct codec_registry *r = mem_new(struct codec_registry);
    r->magic = REGISTRY_MAGIC;
    codec_registry_cache_init(&r->cache);
    mutex_init(&r->lock);
    uint64_t seed;
    rand_bytes(&seed, sizeof(seed));
    rng_init(&r->rng, seed);
    r->timeout_us = options->timeout_us > 0 ? options->timeout_us : TIMEOUT_DEFAULT_US;
    r->unknown_us = options->unknown_us > 0 ? options->unknown_us : UNKNOWN_DEFAULT_US;
    r->stop = options->stop;
    TRY(parse_urls(r, options->urls, err));
    struct store_http_options http = {
        .user = user.len == 0 ? user : str_head(user, (size_t)colon),
        .password = user.len == 0 ? user : str_skip(user, (size_t)colon + 1),
        .token = options->token,
        .ca_file = options->ca_file,
        .client_cert = options->client_cert,
        .client_key = options->client_key,
        .insecure = options->insecure,
        .stop = options->stop,
    };
    if (store_http_open(&http, &r->http, err) < 0) {
        return err_wrap(err, "schema registry");
    }
    *ret_registry = TAKE(r);
    return 0;
}

void codec_registry_close(struct codec_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    assert(registry->magic == REGISTRY_MAGIC);
    store_http_close(registry->http);
    for (size_t i = 0; i < registry->urls.count; i++) {
        mem_free(registry->urls.items[i]);
    }
    vec_done(&registry->urls);
    codec_registry_cache_done(&registry->cache);
    mutex_done(&registry->lock);
    registry->magic = 0;
    mem_free(registry);
}

const struct codec_schema *codec_registry_cached(const struct codec_registry *registry, uint32_t id)
{
    return codec_registry_cache_find(&registry->cache, id);
}

/* ---- a request ---- */

/* What an attempt or a request came to, beside errors. */
enum said { SAID_SCHEMA, SAID_UNKNOWN, SAID_NOTHING };

/* A clear no that is not about the schema. */
static int refuse(int status, struct str body, const char *path, struct err *err)
{
    AUTO_BUF struct buf why = {0};
    codec_registry_answer_error(body, &why);
    const char *hint = status == 401 || status == 403 ? "; look at user, password and token" : "";
    int rc = err_set(err, ERR_CONFIG, "schema registry: %s: it answers %d%s%s%s", path, status,
                     why.len > 0 ? ": " : "", why.len > 0 ? why.ptr : "", hint);
    log_mask_text(err->msg);
    return rc;
}

/* What an answer means. SAID_NOTHING: the reason is in call->last, and another attempt may help. */
static int judge(struct call *call, int status, struct str body, const char *path,
                 struct arena *arena, struct codec_registry_answer *ret_answer, struct err *err)
{
    AUTO_BUF struct buf why = {0};
    if (status == 200) {
        if (codec_registry_answer_parse(body, arena, ret_answer, &call->last) >= 0) {
            return SAID_SCHEMA;
        }
        err_wrap(&call->last, "its answer is no schema");
        return SAID_NOTHING;
    }
    int64_t code = codec_registry_answer_error(body, &why);
    if (status == 404 && (code == 404 || code / 100 == 404)) {
        return SAID_UNKNOWN;
    }
    bool is_final = status >= 400 && status < 500 && status != 404 && status != 408 &&
                    status != 425 && status != 429;
    if (is_final) {
        return refuse(status, body, path, err);
    }
    err_set(&call->last, ERR_IO, "it answers %d%s%s%s", status, why.len > 0 ? ": " : "",
            why.len > 0 ? why.ptr : "",
            status == 404 ? " without an error code; is the path of the URL right?"
            : status >= 300 && status < 400 ? " and points elsewhere"
                                            : "");
    log_mask_text(call->last.msg);
    return SAID_NOTHING;
}

static int attempt(struct call *call, size_t url, const char *path, struct arena *arena,
                   struct codec_registry_answer *ret_answer, struct err *err)
{
    static const char *const headers[] = {
        "Accept: application/vnd.schemaregistry.v1+json, application/json"};
    struct codec_registry *r = call->registry;
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf where = {0};
    buf_init(&body, BODY_BYTES_MAX);
    buf_printf(&where, "%s%s", r->urls.items[url], path);
    int64_t left_us = call->deadline_us - clock_mono_us();
    int64_t share_us = r->timeout_us / (2 * (int64_t)r->urls.count);
    struct store_http_request request = {
        .url = buf_str(&where),
        .headers = headers,
        .header_count = ARRAY_COUNT(headers),
        .deadline_us = left_us < 1          ? 1
                       : left_us < share_us ? left_us
                                            : share_us,
    };
    call->attempts++;
    int rc = store_http_send(r->http, &request, &body, &call->last);
    if (rc == ERR_IO && call->last.retry) {
        return SAID_NOTHING;
    }
    if (rc < 0) {
        *err = call->last;
        return err_wrap(err, "schema registry: %s", path);
    }
    return judge(call, rc, buf_str(&body), path, arena, ret_answer, err);
}

/* The pause before the next round over the URLs; 0, or the final error. */
static int pause_for(struct call *call, unsigned round, const char *path, struct err *err)
{
    struct codec_registry *r = call->registry;
    int64_t limit_us = BACKOFF_FIRST_US << (round < 8 ? round : 8);
    limit_us = limit_us < BACKOFF_MAX_US ? limit_us : BACKOFF_MAX_US;
    mutex_lock(&r->lock);
    int64_t wait_us = limit_us / 2 + (int64_t)rng_below(&r->rng, (uint64_t)limit_us / 2 + 1);
    mutex_unlock(&r->lock);
    int64_t now_us = clock_mono_us();
    if (now_us + wait_us >= call->deadline_us) {
        return err_set_retry(err, "schema registry: %s: %.600s (%u attempts in %.1f s)", path,
                             call->last.msg, call->attempts,
                             (double)(now_us - call->begin_us) / 1e6);
    }
    if (r->stop == NULL) {
        clock_sleep_us(wait_us);
    } else if (stop_wait_us(r->stop, wait_us)) {
        return err_set(err, ERR_CANCELED, "schema registry: %s: canceled", path);
    }
    return 0;
}

/* Asks all URLs, again and again, until one says something or the time is over. Outcome
 * SAID_SCHEMA (then *ret_answer is in `arena`) or SAID_UNKNOWN. */
static int ask(struct call *call, const char *path, struct arena *arena,
               struct codec_registry_answer *ret_answer, struct err *err)
{
    struct codec_registry *r = call->registry;
    call->attempts = 0;
    mutex_lock(&r->lock);
    size_t first = r->url_first;
    mutex_unlock(&r->lock);
    for (unsigned round = 0;; round++) {
        for (size_t i = 0; i < r->urls.count; i++) {
            size_t url = (first + i) % r->urls.count;
            int rc = TRY(attempt(call, url, path, arena, ret_answer, err));
            if (rc != SAID_NOTHING) {
                MUTEX_GUARD(&r->lock);
                r->url_first = url;
                return rc;
            }
        }
        TRY(pause_for(call, round, path, err));
    }
}

/* ---- references ---- */

struct resolver {
    struct call *call;
    struct arena *arena; /* of the schema */
    VEC(struct codec_schema_file) files;
    VEC(struct str) seen;  /* names, in the order of asking */
    VEC(struct str) under; /* names that are being resolved */
    size_t total_bytes;
};

static void resolver_done(struct resolver *v)
{
    vec_done(&v->files);
    vec_done(&v->seen);
    vec_done(&v->under);
}

#define AUTO_RESOLVER AUTO(resolver_done)

static bool has_name(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static void version_path(struct str subject, uint32_t version, struct buf *out)
{
    buf_add_c(out, "/subjects/");
    uri_encode(out, subject, "");
    if (version == 0) {
        buf_add_c(out, "/versions/latest");
    } else {
        buf_printf(out, "/versions/%" PRIu32, version);
    }
}

/* ERR_DATA: the schema is not usable. Outcome SAID_SCHEMA or SAID_UNKNOWN. */
static int resolve(struct resolver *v, const struct codec_registry_answer *answer, struct err *err);

static int resolve_one(struct resolver *v, const struct codec_registry_reference *reference,
                       struct err *err)
{
    struct str name = str_head(reference->name, 100);
    if (has_name(v->under.items, v->under.count, reference->name)) {
        return err_set(err, ERR_DATA, "the reference \"%.*s\" leads back to itself", STR_FMT(name));
    }
    if (has_name(v->seen.items, v->seen.count, reference->name)) {
        return SAID_SCHEMA;
    }
    if (v->under.count == DEPTH_MAX || v->seen.count == REFERENCES_MAX) {
        return err_set(err, ERR_DATA, "more than %d references, or %d behind each other",
                       REFERENCES_MAX, DEPTH_MAX);
    }
    AUTO_BUF struct buf path = {0};
    struct codec_registry_answer answer = {.has_id = false};
    version_path(reference->subject, reference->version, &path);
    buf_add_c(&path, "?deleted=true"); /* what is in use stays readable */
    if (TRY(ask(v->call, path.ptr, v->arena, &answer, err)) == SAID_UNKNOWN) {
        return SAID_UNKNOWN;
    }
    v->total_bytes += answer.text.len;
    if (v->total_bytes > TOTAL_BYTES_MAX) {
        return err_set(err, ERR_DATA, "with its references it is larger than %zu bytes",
                       TOTAL_BYTES_MAX);
    }
    *vec_push(&v->seen) = reference->name;
    *vec_push(&v->under) = reference->name;
    if (TRY(resolve(v, &answer, err)) == SAID_UNKNOWN) {
        return SAID_UNKNOWN;
    }
    v->under.count--;
    *vec_push(&v->files) = (struct codec_schema_file){reference->name, answer.text};
    return SAID_SCHEMA;
}

static int resolve(struct resolver *v, const struct codec_registry_answer *answer, struct err *err)
{
    for (size_t i = 0; i < answer->reference_count; i++) {
        if (TRY(resolve_one(v, &answer->references[i], err)) == SAID_UNKNOWN) {
            return SAID_UNKNOWN;
        }
    }
    return SAID_SCHEMA;
}

/* ---- a schema ---- */

static void entry_freep(struct codec_registry_entry **entry)
{
    codec_registry_entry_free(*entry);
}

#define AUTO_ENTRY AUTO(entry_freep)

/* What a codec takes. ERR_DATA: the schema is not usable. */
static int make_writer(struct call *call, struct codec_registry_entry *entry, struct err *err)
{
    struct codec_schema *s = &entry->schema;
    switch (s->kind) {
    case CODEC_SCHEMA_AVRO:
        s->writer = s->text;
        return s->reference_count == 0
                   ? 0
                   : codec_registry_avro_inline(s->text, s->references, s->reference_count,
                                                &entry->arena, &s->writer, err);
    case CODEC_SCHEMA_PROTOBUF:
        return codec_registry_proto_compile(s->text, s->references, s->reference_count,
                                            call->deadline_us, call->registry->stop, &entry->arena,
                                            &s->writer, err);
    case CODEC_SCHEMA_JSON:
        s->writer = s->text;
        return 0;
    }
    assert(false);
    return 0;
}

static int complete(struct call *call, struct codec_registry_entry *entry,
                    const struct codec_registry_answer *answer, struct err *err)
{
    struct codec_schema *s = &entry->schema;
    AUTO_RESOLVER struct resolver v = {
        .call = call, .arena = &entry->arena, .total_bytes = answer->text.len};
    s->kind = answer->kind;
    s->text = answer->text;
    if (TRY(resolve(&v, answer, err)) == SAID_UNKNOWN) {
        return SAID_UNKNOWN;
    }
    struct codec_schema_file *files =
        arena_new_array(&entry->arena, struct codec_schema_file, v.files.count);
    for (size_t i = 0; i < v.files.count; i++) {
        files[i] = v.files.items[i];
    }
    s->references = files;
    s->reference_count = v.files.count;
    TRY(make_writer(call, entry, err));
    return SAID_SCHEMA;
}

static void set_unusable(struct codec_registry_entry *entry, const struct err *why)
{
    entry->schema.writer = STR_NULL;
    entry->schema.unusable = arena_str(&entry->arena, str_of(why->msg));
}

/* References and the rest of an answer, then into the cache. */
static int load(struct call *call, uint32_t id, struct codec_registry_entry *entry,
                const struct codec_registry_answer *answer, const struct codec_schema **ret_schema,
                struct err *err)
{
    AUTO_ENTRY struct codec_registry_entry *own = entry;
    struct err why;
    own->schema.id = id;
    int rc = complete(call, own, answer, &why);
    if (rc == SAID_UNKNOWN) {
        return CODEC_REGISTRY_UNKNOWN;
    }
    if (rc == ERR_DATA) {
        set_unusable(own, &why);
    } else if (rc < 0) {
        *err = why;
        return err_wrap(err, "schema %" PRIu32, id);
    }
    TRY(codec_registry_cache_add(&call->registry->cache, TAKE(own), ret_schema, err));
    return CODEC_REGISTRY_FOUND;
}

static struct call call_begin(struct codec_registry *registry)
{
    assert(registry->magic == REGISTRY_MAGIC);
    int64_t now_us = clock_mono_us();
    return (struct call){
        .registry = registry, .begin_us = now_us, .deadline_us = now_us + registry->timeout_us};
}

/* The schema `id`, of which nothing is known but that it cannot be read. */
static int add_unreadable(struct codec_registry *registry, uint32_t id, const struct err *why,
                          const struct codec_schema **ret_schema, struct err *err)
{
    struct codec_registry_entry *entry = mem_new(struct codec_registry_entry);
    entry->schema.id = id;
    set_unusable(entry, why);
    TRY(codec_registry_cache_add(&registry->cache, entry, ret_schema, err));
    return CODEC_REGISTRY_FOUND;
}

int codec_registry_fetch(struct codec_registry *registry, uint32_t id,
                         const struct codec_schema **ret_schema, struct err *err)
{
    const struct codec_schema *cached = codec_registry_cached(registry, id);
    if (cached != NULL) {
        *ret_schema = cached;
        return CODEC_REGISTRY_FOUND;
    }
    if (codec_registry_cache_is_unknown(&registry->cache, id)) {
        return CODEC_REGISTRY_UNKNOWN;
    }
    struct call call = call_begin(registry);
    struct codec_registry_answer answer = {.has_id = false};
    char path[64];
    snprintf(path, sizeof(path), "/schemas/ids/%" PRIu32, id);
    AUTO_ENTRY struct codec_registry_entry *entry = mem_new(struct codec_registry_entry);
    int rc = ask(&call, path, &entry->arena, &answer, err);
    if (rc == ERR_DATA) {
        struct err why = *err;
        return add_unreadable(registry, id, &why, ret_schema, err);
    }
    TRY(rc);
    rc = rc == SAID_UNKNOWN ? CODEC_REGISTRY_UNKNOWN
                            : TRY(load(&call, id, TAKE(entry), &answer, ret_schema, err));
    if (rc == CODEC_REGISTRY_UNKNOWN) {
        codec_registry_cache_set_unknown(&registry->cache, id,
                                         clock_mono_us() + registry->unknown_us);
    }
    return rc;
}

int codec_registry_latest(struct codec_registry *registry, struct str subject, uint32_t version,
                          const struct codec_schema **ret_schema, struct err *err)
{
    struct call call = call_begin(registry);
    struct codec_registry_answer answer = {.has_id = false};
    AUTO_BUF struct buf path = {0};
    version_path(subject, version, &path);
    AUTO_ENTRY struct codec_registry_entry *entry = mem_new(struct codec_registry_entry);
    if (TRY(ask(&call, path.ptr, &entry->arena, &answer, err)) == SAID_UNKNOWN) {
        return CODEC_REGISTRY_UNKNOWN;
    }
    if (!answer.has_id) {
        return err_set(err, ERR_IO, "schema registry: %s: its answer has no \"id\"", path.ptr);
    }
    const struct codec_schema *cached = codec_registry_cached(registry, answer.id);
    if (cached != NULL) {
        *ret_schema = cached;
        return CODEC_REGISTRY_FOUND;
    }
    return load(&call, answer.id, TAKE(entry), &answer, ret_schema, err);
}
