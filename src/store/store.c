/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - an object store: keys to bytes, with one conditional operation
 *
 * Here are the typed wrappers, which check every key before a store sees it,
 * and the choice of a store by its location.  Where an S3 store is and with which keys:
 * s3_config.c.
 */
#include "store/store.h"

#include "store/key.h"
#include "store/local.h"
#include "store/memory.h"
#include "store/s3.h"

const char *const store_operation_names[STORE_OPERATIONS] = {
    [STORE_OPERATION_GET] = "get",   [STORE_OPERATION_HEAD] = "head",
    [STORE_OPERATION_PUT] = "put",   [STORE_OPERATION_PUT_IF_ABSENT] = "put_if_absent",
    [STORE_OPERATION_LIST] = "list", [STORE_OPERATION_DELETE] = "delete",
};

const char *const store_outcome_names[STORE_OUTCOMES] = {
    [STORE_OUTCOME_OK] = "ok",
    [STORE_OUTCOME_ABSENT] = "absent",
    [STORE_OUTCOME_EXISTS] = "exists",
    [STORE_OUTCOME_UNKNOWN] = "unknown",
    [STORE_OUTCOME_CANCELED] = "canceled",
    [STORE_OUTCOME_ERROR] = "error",
};

/* ---- counting ----------------------------------------------------------------------------- */

void store_watch(struct store *s, struct store_stats *stats)
{
    s->stats = stats;
}

void store_count_retry(struct store *s, const char *operation)
{
    for (size_t i = 0; s->stats != NULL && i < STORE_OPERATIONS; i++) {
        if (strcmp(store_operation_names[i], operation) == 0) {
            atomic_fetch_add_explicit(&s->stats->retries[i], 1, memory_order_relaxed);
        }
    }
}

static enum store_outcome outcome_of(enum store_operation operation, int rc)
{
    if (rc < 0) {
        return rc == ERR_CANCELED ? STORE_OUTCOME_CANCELED : STORE_OUTCOME_ERROR;
    }
    if (operation == STORE_OPERATION_PUT_IF_ABSENT) {
        return rc == STORE_PUT_DONE     ? STORE_OUTCOME_OK
               : rc == STORE_PUT_EXISTS ? STORE_OUTCOME_EXISTS
                                        : STORE_OUTCOME_UNKNOWN;
    }
    bool may_be_absent = operation == STORE_OPERATION_GET || operation == STORE_OPERATION_HEAD;
    return may_be_absent && rc == STORE_ABSENT ? STORE_OUTCOME_ABSENT : STORE_OUTCOME_OK;
}

/* Answers `rc`. The bytes count when all went well. */
static int count(struct store *s, enum store_operation operation, int64_t begin_us, int rc,
                 uint64_t sent, uint64_t received)
{
    struct store_stats *stats = s->stats;
    if (stats == NULL) {
        return rc;
    }
    enum store_outcome outcome = outcome_of(operation, rc);
    atomic_fetch_add_explicit(&stats->requests[operation][outcome], 1, memory_order_relaxed);
    histogram_add(&stats->seconds[operation], clock_mono_us() - begin_us, 1);
    if (outcome == STORE_OUTCOME_OK) {
        atomic_fetch_add_explicit(&stats->sent_bytes, sent, memory_order_relaxed);
        atomic_fetch_add_explicit(&stats->received_bytes, received, memory_order_relaxed);
    }
    return rc;
}

static int64_t begin(const struct store *s)
{
    return s->stats == NULL ? 0 : clock_mono_us();
}

/* ---- operations --------------------------------------------------------------------------- */

static int head(struct store *s, struct str key, struct store_entry *ret_entry, struct err *err)
{
    int64_t begin_us = begin(s);
    int rc = s->ops->head(s, key, ret_entry, err);
    return count(s, STORE_OPERATION_HEAD, begin_us, rc, 0, 0);
}

static int get(struct store *s, struct str key, uint64_t offset, uint64_t len, struct buf *out,
               struct err *err)
{
    int64_t begin_us = begin(s);
    size_t start = out->len;
    int rc = s->ops->get(s, key, offset, len, out, err);
    return count(s, STORE_OPERATION_GET, begin_us, rc, 0, out->len - start);
}

int store_get(struct store *s, struct str key, struct buf *out, struct err *err)
{
    TRY(store_key_check("get", key, err));
    return get(s, key, 0, UINT64_MAX, out, err);
}

int store_get_range(struct store *s, struct str key, uint64_t offset, uint64_t len, struct buf *out,
                    struct err *err)
{
    TRY(store_key_check("get", key, err));
    if (len == 0) {
        struct store_entry ignored;
        return head(s, key, &ignored, err);
    }
    return get(s, key, offset, len, out, err);
}

int store_head(struct store *s, struct str key, struct store_entry *ret_entry, struct err *err)
{
    TRY(store_key_check("head", key, err));
    return head(s, key, ret_entry, err);
}

int store_put(struct store *s, struct str key, struct str body, struct err *err)
{
    TRY(store_key_check("put", key, err));
    int64_t begin_us = begin(s);
    int rc = s->ops->put(s, key, body, err);
    return count(s, STORE_OPERATION_PUT, begin_us, rc, body.len, 0);
}

int store_put_file(struct store *s, struct str key, const char *path, struct err *err)
{
    TRY(store_key_check("put", key, err));
    int64_t begin_us = begin(s);
    uint64_t bytes = 0;
    struct err ignored;
    if (s->stats != NULL) {
        (void)fs_file_size(path, &bytes, &ignored); /* before: it may be moved away */
    }
    int rc = s->ops->put_file(s, key, path, err);
    return count(s, STORE_OPERATION_PUT, begin_us, rc, bytes, 0);
}

int store_put_if_absent(struct store *s, struct str key, struct str body, struct err *err)
{
    TRY(store_key_check("put", key, err));
    int64_t begin_us = begin(s);
    int rc = s->ops->put_if_absent(s, key, body, err);
    return count(s, STORE_OPERATION_PUT_IF_ABSENT, begin_us, rc, body.len, 0);
}

int store_list(struct store *s, struct str prefix, struct str start_after, store_list_fn on_entry,
               void *user, struct err *err)
{
    TRY(store_key_check_prefix(prefix, err));
    int64_t begin_us = begin(s);
    int rc = s->ops->list(s, prefix, start_after, on_entry, user, err);
    return count(s, STORE_OPERATION_LIST, begin_us, rc, 0, 0);
}

int store_delete(struct store *s, struct str key, struct err *err)
{
    TRY(store_key_check("delete", key, err));
    int64_t begin_us = begin(s);
    int rc = s->ops->del(s, key, err);
    return count(s, STORE_OPERATION_DELETE, begin_us, rc, 0, 0);
}

void store_cancel(struct store *s)
{
    s->ops->cancel(s);
}

void store_close(struct store *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

void store_observe(struct store *s, store_event_fn on_event, void *user)
{
    s->on_event = on_event;
    s->on_event_user = user;
}

void store_tell(const struct store *s, const struct store_event *event)
{
    if (s->on_event != NULL) {
        s->on_event(s->on_event_user, event);
    }
}

void store_closep(struct store **s)
{
    store_close(*s);
    *s = NULL;
}

static bool has_scheme(struct str location, const char *scheme)
{
    struct str s = str_of(scheme);
    return str_starts_nocase(location, s);
}

static int open_file_uri(struct str location, struct store **ret_store, struct err *err)
{
    struct uri_parts parts;
    uri_split(location, &parts);
    if (parts.authority.len > 0 && !str_eq_nocase_c(parts.authority, "localhost")) {
        return err_set(err, ERR_CONFIG, "location \"%.*s\" names another host; write file:///path",
                       STR_FMT(location));
    }
    /* As Spark does: %XX is part of the name. (delta-rs decodes it: give it a plain path.) */
    return store_local_open(parts.path, ret_store, err);
}

int store_open(struct str location, const struct store_options *options, struct store **ret_store,
               struct err *err)
{
    static const struct store_options none;
    const struct store_options *o = options == NULL ? &none : options;
    if (has_scheme(location, "s3://") || has_scheme(location, "s3a://") ||
        has_scheme(location, "s3n://")) {
        return store_s3_open(location, o, ret_store, err);
    }
    if (has_scheme(location, "file:")) {
        return open_file_uri(location, ret_store, err);
    }
    if (has_scheme(location, "memory://")) {
        AUTO_FREE char *name = str_dup(str_skip(location, 9));
        *ret_store = store_memory_open(name);
        return 0;
    }
    ptrdiff_t scheme = str_find_str(location, STR("://"));
    if (scheme > 0 && str_find(str_head(location, (size_t)scheme), '/') < 0) {
        return err_set(err, ERR_CONFIG,
                       "location \"%.*s\": no such store; use s3://, s3a://, file:// or a path",
                       STR_FMT(location));
    }
    return store_local_open(location, ret_store, err);
}
