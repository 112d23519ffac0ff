/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory - objects in the process's memory, for tests
 *
 *  (1) Objects of one name are kept in a sorted array under one lock; handles
 *      count references to them.
 *  (2) A listing holds the lock for one entry at a time, so that the callback
 *      may use the store; it sees each key that was there all the time.
 */
#include "store/memory.h"

#include "store/key.h"

struct object {
    char *key;
    size_t key_len;
    char *bytes;
    size_t len;
    int64_t modified_us;
};

struct objects {
    char *name;
    struct objects *next; /* guarded by registry_lock, as is .refs */
    unsigned refs;
    struct mutex lock;
    VEC(struct object) list; /* guarded by .lock; in the order of keys */
};

struct store_memory {
    struct store base;
    struct objects *objects; /* shares */
    struct stop stop;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct objects *registry; /* guarded by registry_lock; tests only, hence a global */

static const struct store_ops memory_ops;

static struct store_memory *memory_of(struct store *store)
{
    assert(store->ops == &memory_ops);
    return CONTAINER_OF(store, struct store_memory, base);
}

static struct objects *objects_ref(const char *name)
{
    pthread_mutex_lock(&registry_lock);
    struct objects *o = registry;
    while (o != NULL && strcmp(o->name, name) != 0) {
        o = o->next;
    }
    if (o == NULL) {
        o = mem_new(struct objects);
        o->name = mem_strdup(name);
        mutex_init(&o->lock);
        o->next = registry;
        registry = o;
    }
    o->refs++;
    pthread_mutex_unlock(&registry_lock);
    return o;
}

static void object_done(struct object *object)
{
    mem_free(object->key);
    mem_free(object->bytes);
}

static void objects_unref(struct objects *o)
{
    pthread_mutex_lock(&registry_lock);
    bool is_last = --o->refs == 0;
    if (is_last) {
        struct objects **at = &registry;
        while (*at != o) {
            at = &(*at)->next;
        }
        *at = o->next;
    }
    pthread_mutex_unlock(&registry_lock);
    if (!is_last) {
        return;
    }
    vec_foreach (struct object, object, &o->list) {
        object_done(object);
    }
    vec_done(&o->list);
    mutex_done(&o->lock);
    mem_free(o->name);
    mem_free(o);
}

/* Index of the first key >= `key`, or > `key`. */
static size_t lower_bound(const struct objects *o, struct str key, bool after)
{
    size_t low = 0;
    size_t high = o->list.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct object *m = &o->list.items[middle];
        int order = str_cmp(str_n(m->key, m->key_len), key);
        if (order < 0 || (after && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct object *object_find(const struct objects *o, struct str key)
{
    size_t at = lower_bound(o, key, false);
    struct object *object = at < o->list.count ? &o->list.items[at] : NULL;
    return object != NULL && str_eq(str_n(object->key, object->key_len), key) ? object : NULL;
}

static void object_set(struct objects *o, struct str key, struct str body)
{
    struct object *object = object_find(o, key);
    if (object == NULL) {
        size_t at = lower_bound(o, key, false);
        vec_push(&o->list);
        object = &o->list.items[at];
        memmove(object + 1, object, (o->list.count - 1 - at) * sizeof(*object));
        *object = (struct object){.key = str_dup(key), .key_len = key.len};
    }
    mem_free(object->bytes);
    object->bytes = str_dup(body.len == 0 ? STR("") : body);
    object->len = body.len;
    object->modified_us = clock_wall_us();
}

static int check_canceled(struct store_memory *s, const char *action, struct str key,
                          struct err *err)
{
    if (!stop_is_set(&s->stop)) {
        return 0;
    }
    char shown[STORE_KEY_SHOWN];
    return err_set(err, ERR_CANCELED, "%s \"%s\": canceled", action, store_key_show(key, shown));
}

static int memory_get(struct store *store, struct str key, uint64_t offset, uint64_t len,
                      struct buf *out, struct err *err)
{
    struct store_memory *s = memory_of(store);
    TRY(check_canceled(s, "get", key, err));
    MUTEX_GUARD(&s->objects->lock);
    const struct object *object = object_find(s->objects, key);
    if (object == NULL) {
        return STORE_ABSENT;
    }
    if (offset < object->len) {
        uint64_t left = object->len - offset;
        size_t start = out->len;
        buf_add(out, object->bytes + offset, (size_t)(len < left ? len : left));
        if (out->overflow) {
            out->overflow = false;
            out->len = start;
            return store_key_too_large(key, out, err);
        }
    }
    return STORE_GOT;
}

static int memory_head(struct store *store, struct str key, struct store_entry *ret_entry,
                       struct err *err)
{
    struct store_memory *s = memory_of(store);
    TRY(check_canceled(s, "head", key, err));
    MUTEX_GUARD(&s->objects->lock);
    const struct object *object = object_find(s->objects, key);
    if (object == NULL) {
        return STORE_ABSENT;
    }
    *ret_entry = (struct store_entry){
        .key = key, .size_bytes = object->len, .modified_us = object->modified_us};
    return STORE_GOT;
}

static int memory_put(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_memory *s = memory_of(store);
    TRY(check_canceled(s, "put", key, err));
    MUTEX_GUARD(&s->objects->lock);
    object_set(s->objects, key, body);
    return 0;
}

static int memory_put_file(struct store *store, struct str key, const char *path, struct err *err)
{
    AUTO_BUF struct buf body = {0};
    TRY(fs_read_file(path, &body, err));
    return memory_put(store, key, buf_str(&body), err);
}

static int memory_put_if_absent(struct store *store, struct str key, struct str body,
                                struct err *err)
{
    struct store_memory *s = memory_of(store);
    TRY(check_canceled(s, "put", key, err));
    MUTEX_GUARD(&s->objects->lock);
    if (object_find(s->objects, key) != NULL) {
        return STORE_PUT_EXISTS;
    }
    object_set(s->objects, key, body);
    return STORE_PUT_DONE;
}

/* The next key after `after` into *key, or false. */
static bool next_entry(struct objects *o, struct str prefix, struct str after, struct buf *key,
                       struct store_entry *ret_entry)
{
    MUTEX_GUARD(&o->lock);
    /* Keys with the prefix begin at the prefix itself. */
    bool from_prefix = str_cmp(after, prefix) < 0;
    size_t at = from_prefix ? lower_bound(o, prefix, false) : lower_bound(o, after, true);
    if (at == o->list.count) {
        return false;
    }
    const struct object *object = &o->list.items[at];
    struct str found = str_n(object->key, object->key_len);
    if (!str_starts(found, prefix)) {
        return false;
    }
    buf_reset(key);
    buf_add_str(key, found);
    *ret_entry = (struct store_entry){
        .key = buf_str(key), .size_bytes = object->len, .modified_us = object->modified_us};
    return true;
}

static int memory_list(struct store *store, struct str prefix, struct str start_after,
                       store_list_fn on_entry, void *user, struct err *err)
{
    struct store_memory *s = memory_of(store);
    AUTO_BUF struct buf after = {0};
    AUTO_BUF struct buf key = {0};
    buf_add_str(&after, start_after);
    for (;;) {
        TRY(check_canceled(s, "list", prefix, err));
        struct store_entry entry;
        if (!next_entry(s->objects, prefix, buf_str(&after), &key, &entry)) {
            return 0;
        }
        if (TRY(on_entry(user, &entry, err)) > 0) {
            return 0;
        }
        buf_reset(&after);
        buf_add_str(&after, buf_str(&key));
    }
}

static int memory_del(struct store *store, struct str key, struct err *err)
{
    struct store_memory *s = memory_of(store);
    TRY(check_canceled(s, "delete", key, err));
    MUTEX_GUARD(&s->objects->lock);
    struct object *object = object_find(s->objects, key);
    if (object != NULL) {
        size_t at = (size_t)(object - s->objects->list.items);
        object_done(object);
        memmove(object, object + 1, (s->objects->list.count - 1 - at) * sizeof(*object));
        s->objects->list.count--;
    }
    return 0;
}

static void memory_cancel(struct store *store)
{
    stop_set(&memory_of(store)->stop);
}

static void memory_close(struct store *store)
{
    struct store_memory *s = memory_of(store);
    objects_unref(s->objects);
    stop_done(&s->stop);
    mem_free(s);
}

static const struct store_ops memory_ops = {
    .name = "memory",
    .get = memory_get,
    .head = memory_head,
    .put = memory_put,
    .put_file = memory_put_file,
    .put_if_absent = memory_put_if_absent,
    .list = memory_list,
    .del = memory_del,
    .cancel = memory_cancel,
    .close = memory_close,
};

struct store *store_memory_open(const char *name)
{
    struct store_memory *s = mem_new(struct store_memory);
    s->base.ops = &memory_ops;
    s->objects = objects_ref(name);
    stop_init(&s->stop);
    return &s->base;
}
