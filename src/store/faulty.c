/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty - a store that fails on order, around another one
 *
 *  (1) `decide` is asked once for each operation, before anything is done; it may
 *      be called from several threads, as the store is.
 *  (2) A lost answer leaves no trace with the caller: what was read is dropped
 *      again.  A listing delivers its entries and then fails, as one with
 *      several pages would.
 *  (3) TRUNCATE is what a store does that publishes a broken upload; for
 *      operations without a body it is the same as AFTER.
 */
#include "store/faulty.h"

#include "store/key.h"

struct store_faulty {
    struct store base;
    struct store *inner; /* owns */
    store_decide_fn decide;
    void *user;
};

static struct store_faulty *faulty_of(struct store *store)
{
    return CONTAINER_OF(store, struct store_faulty, base);
}

static enum store_fault decide(struct store_faulty *s, enum store_op op, struct str key)
{
    return s->decide == NULL ? STORE_FAULT_NONE : s->decide(s->user, op, key);
}

static int lost(const char *action, struct str key, struct err *err)
{
    char shown[STORE_KEY_SHOWN];
    return err_set_retry(err, "%s \"%s\": the answer was lost (on order)", action,
                         store_key_show(key, shown));
}

/* BEFORE and REFUSE: outcome 1 = go on. */
static int before(enum store_fault fault, const char *action, struct str key, struct err *err)
{
    char shown[STORE_KEY_SHOWN];
    store_key_show(key, shown);
    if (fault == STORE_FAULT_REFUSE) {
        return err_set(err, ERR_CONFIG, "%s \"%s\": refused (on order)", action, shown);
    }
    if (fault == STORE_FAULT_BEFORE) {
        return err_set_retry(err, "%s \"%s\": failed (on order)", action, shown);
    }
    return 1;
}

static int faulty_get(struct store *store, struct str key, uint64_t offset, uint64_t len,
                      struct buf *out, struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_GET, key);
    TRY(before(fault, "get", key, err));
    size_t start = out->len;
    int rc = TRY(s->inner->ops->get(s->inner, key, offset, len, out, err));
    if (fault == STORE_FAULT_NONE) {
        return rc;
    }
    out->len = start;
    if (out->ptr != NULL) {
        out->ptr[start] = '\0';
    }
    return lost("get", key, err);
}

static int faulty_head(struct store *store, struct str key, struct store_entry *ret_entry,
                       struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_HEAD, key);
    TRY(before(fault, "head", key, err));
    struct store_entry entry;
    int rc = TRY(s->inner->ops->head(s->inner, key, &entry, err));
    if (fault != STORE_FAULT_NONE) {
        return lost("head", key, err);
    }
    if (rc == STORE_GOT) {
        *ret_entry = entry;
    }
    return rc;
}

static int faulty_put(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_PUT, key);
    TRY(before(fault, "put", key, err));
    if (fault == STORE_FAULT_TRUNCATE) {
        body = str_head(body, body.len / 2);
    }
    TRY(s->inner->ops->put(s->inner, key, body, err));
    return fault == STORE_FAULT_NONE ? 0 : lost("put", key, err);
}

static int faulty_put_file(struct store *store, struct str key, const char *path, struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_PUT, key);
    TRY(before(fault, "put", key, err));
    if (fault == STORE_FAULT_TRUNCATE) {
        AUTO_BUF struct buf body = {0};
        TRY(fs_read_file(path, &body, err));
        TRY(s->inner->ops->put(s->inner, key, str_n(body.ptr, body.len / 2), err));
        return lost("put", key, err);
    }
    TRY(s->inner->ops->put_file(s->inner, key, path, err));
    return fault == STORE_FAULT_NONE ? 0 : lost("put", key, err);
}

static int faulty_put_if_absent(struct store *store, struct str key, struct str body,
                                struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_PUT_IF_ABSENT, key);
    if (fault == STORE_FAULT_BEFORE) {
        return STORE_PUT_UNKNOWN;
    }
    TRY(before(fault, "put", key, err));
    if (fault == STORE_FAULT_TRUNCATE) {
        body = str_head(body, body.len / 2);
    }
    int rc = TRY(s->inner->ops->put_if_absent(s->inner, key, body, err));
    return fault == STORE_FAULT_NONE ? rc : (int)STORE_PUT_UNKNOWN;
}

static int faulty_list(struct store *store, struct str prefix, struct str start_after,
                       store_list_fn on_entry, void *user, struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_LIST, prefix);
    TRY(before(fault, "list", prefix, err));
    TRY(s->inner->ops->list(s->inner, prefix, start_after, on_entry, user, err));
    return fault == STORE_FAULT_NONE ? 0 : lost("list", prefix, err);
}

static int faulty_del(struct store *store, struct str key, struct err *err)
{
    struct store_faulty *s = faulty_of(store);
    enum store_fault fault = decide(s, STORE_OP_DELETE, key);
    TRY(before(fault, "delete", key, err));
    TRY(s->inner->ops->del(s->inner, key, err));
    return fault == STORE_FAULT_NONE ? 0 : lost("delete", key, err);
}

static void faulty_cancel(struct store *store)
{
    struct store_faulty *s = faulty_of(store);
    s->inner->ops->cancel(s->inner);
}

static void faulty_close(struct store *store)
{
    struct store_faulty *s = faulty_of(store);
    store_close(s->inner);
    mem_free(s);
}

static const struct store_ops faulty_ops = {
    .name = "faulty",
    .get = faulty_get,
    .head = faulty_head,
    .put = faulty_put,
    .put_file = faulty_put_file,
    .put_if_absent = faulty_put_if_absent,
    .list = faulty_list,
    .del = faulty_del,
    .cancel = faulty_cancel,
    .close = faulty_close,
};

struct store *store_faulty_open(struct store *inner, store_decide_fn decide_fn, void *user)
{
    assert(inner != NULL);
    struct store_faulty *s = mem_new(struct store_faulty);
    s->base.ops = &faulty_ops;
    s->base.lists_whole_folders = inner->lists_whole_folders;
    s->inner = inner;
    s->decide = decide_fn;
    s->user = user;
    return &s->base;
}
