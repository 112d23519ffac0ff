/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/log.h"

/*
 * fetch - many commits, in order, several requests at a time
 *
 * A table with a million files may have thousands of commits behind its last
 * checkpoint; one request after the other would take minutes.
 *
 *         worker threads                       the caller
 *   take the next version, GET it   ──►  slot  ──►  parse, on_commit, in order
 *
 *  (1) Version v goes through slot v % FETCH_SLOTS; a worker takes v only when
 *      v - FETCH_SLOTS has been consumed.
 *  (2) The callbacks run on the caller's thread only.
 *  (3) No thread outlives delta_log_read.
 */
enum { FETCH_SLOTS = 32, FETCH_WORKERS = 8, FETCH_ALONE = 3 };

struct fetch_slot {
    struct buf body;
    struct err err;
    int rc;
    bool ready;
};

struct fetch {
    struct store *store;
    int64_t first;
    int64_t last;
    struct mutex lock;
    struct cond changed;
    /* guarded by .lock */
    int64_t next;     /* not yet taken by a worker */
    int64_t consumed; /* versions below are done with */
    bool stop;
    struct fetch_slot slots[FETCH_SLOTS];
};

static int fetch_one(struct store *store, int64_t version, struct buf *body, struct err *err)
{
    char room[DELTA_LOG_KEY_BYTES];
    struct str key = delta_log_commit_key(room, version);
    buf_reset(body);
    body->max = DELTA_LOG_BODY_MAX;
    int rc = store_get(store, key, body, err);
    if (rc < 0) {
        return err_wrap(err, "read \"%.*s\"", STR_FMT(key));
    }
    if (rc == STORE_ABSENT) {
        /* It was listed: cleaned away since, as after a long sleep. Who looks again, knows. */
        return err_set_retry(err, "\"%.*s\" is missing from the log", STR_FMT(key));
    }
    return 0;
}

static void fetch_work(void *user)
{
    struct fetch *f = user;
    mutex_lock(&f->lock);
    for (;;) {
        while (!f->stop && f->next <= f->last && f->next - f->consumed >= FETCH_SLOTS) {
            cond_wait(&f->changed, &f->lock);
        }
        if (f->stop || f->next > f->last) {
            break;
        }
        int64_t version = f->next++;
        struct fetch_slot *slot = &f->slots[version % FETCH_SLOTS];
        assert(!slot->ready);
        mutex_unlock(&f->lock);
        slot->rc = fetch_one(f->store, version, &slot->body, &slot->err);
        mutex_lock(&f->lock);
        slot->ready = true;
        cond_broadcast(&f->changed);
    }
    mutex_unlock(&f->lock);
}

static int consume(int64_t version, struct str body, delta_log_file_fn on_file,
                   delta_log_commit_fn on_commit, void *user, struct err *err)
{
    char room[DELTA_LOG_KEY_BYTES];
    AUTO_COMMIT struct delta_log_commit commit = {.version = version};
    TRY(delta_log_parse(delta_log_commit_key(room, version), body, &commit, on_file, user, err));
    return on_commit(user, &commit, err);
}

static int consume_slots(struct fetch *f, delta_log_file_fn on_file, delta_log_commit_fn on_commit,
                         void *user, struct err *err)
{
    for (int64_t version = f->first; version <= f->last; version++) {
        struct fetch_slot *slot = &f->slots[version % FETCH_SLOTS];
        mutex_lock(&f->lock);
        while (!slot->ready) {
            cond_wait(&f->changed, &f->lock);
        }
        mutex_unlock(&f->lock);
        if (slot->rc < 0) {
            *err = slot->err;
            return slot->rc;
        }
        TRY(consume(version, buf_str(&slot->body), on_file, on_commit, user, err));
        mutex_lock(&f->lock);
        slot->ready = false;
        f->consumed = version + 1;
        cond_broadcast(&f->changed);
        mutex_unlock(&f->lock);
    }
    return 0;
}

static int read_together(struct store *store, int64_t first, int64_t last,
                         delta_log_file_fn on_file, delta_log_commit_fn on_commit, void *user,
                         struct err *err)
{
    AUTO_FREE struct fetch *f = mem_new(struct fetch);
    struct thread workers[FETCH_WORKERS] = {0};
    f->store = store;
    f->first = f->next = f->consumed = first;
    f->last = last;
    mutex_init(&f->lock);
    cond_init(&f->changed);
    for (size_t i = 0; i < FETCH_WORKERS; i++) {
        thread_start(&workers[i], "delta-fetch", fetch_work, f);
    }
    int rc = consume_slots(f, on_file, on_commit, user, err);
    mutex_lock(&f->lock);
    f->stop = true;
    cond_broadcast(&f->changed);
    mutex_unlock(&f->lock);
    for (size_t i = 0; i < FETCH_WORKERS; i++) {
        thread_join(&workers[i]);
    }
    for (size_t i = 0; i < FETCH_SLOTS; i++) {
        buf_done(&f->slots[i].body);
    }
    cond_done(&f->changed);
    mutex_done(&f->lock);
    return rc;
}

int delta_log_read(struct store *store, int64_t first, int64_t last, delta_log_file_fn on_file,
                   delta_log_commit_fn on_commit, void *user, struct err *err)
{
    if (last - first >= FETCH_ALONE) {
        return read_together(store, first, last, on_file, on_commit, user, err);
    }
    AUTO_BUF struct buf body = {0};
    for (int64_t version = first; version <= last; version++) {
        TRY(fetch_one(store, version, &body, err));
        TRY(consume(version, buf_str(&body), on_file, on_commit, user, err));
    }
    return 0;
}
