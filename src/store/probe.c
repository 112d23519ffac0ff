/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - does this store's conditional put hold?
 *
 * Some servers ignore If-None-Match, some check and write in two steps, some
 * forget it when degraded.  On such a store two writers lose each other's
 * commits without a word, so the question is put before the first one:
 *
 *     several times at once with different bodies -> exactly one is told DONE
 *     once more                                   -> EXISTS
 *     get                                         -> the winner's body
 *
 *  (1) Two DONE for one key, or another body than the winner's, refuse the store.
 *  (2) Unclear answers prove nothing: the round is repeated under another key.
 *  (3) The key's name matches no pattern of the log's files, and it is removed;
 *      in vain where deleting is forbidden, which is no reason to refuse.
 *
 * A round may by luck not meet the gap between a check and a write, so there are
 * several.  This finds stores that do not exclude writers at all or seldom; it is
 * no proof for a store under faults (delta.md 2.2).
 */
#include "store/store.h"

#include <stdio.h>

#define WRITERS    4
#define ROUNDS     3
#define REPEAT_MAX 3 /* rounds with unclear answers */
#define PAUSE_US   ((int64_t)50000)

struct writer {
    struct store *store;
    struct str key;
    char body[64];
    int outcome; /* an enum store_put or < 0 */
    struct err err;
};

static void write_once(void *user)
{
    struct writer *w = user;
    w->outcome = store_put_if_absent(w->store, w->key, str_of(w->body), &w->err);
}

static int refuse(const struct writer *w, const char *what, struct err *err)
{
    return err_set(err, ERR_CONFIG,
                   "the store %s; a Delta table cannot be written there safely (conditional put "
                   "of \"%.*s\", If-None-Match: *)",
                   what, STR_FMT(w->key));
}

static void write_at_once(struct writer *writers)
{
    struct thread threads[WRITERS - 1] = {0};
    for (size_t i = 1; i < WRITERS; i++) {
        thread_start(&threads[i - 1], "probe", write_once, &writers[i]);
    }
    write_once(&writers[0]);
    for (size_t i = 1; i < WRITERS; i++) {
        thread_join(&threads[i - 1]);
    }
}

/* What the key holds must be what its only winner wrote. Outcome 1 = clear, 0 = not. */
static int check_body(const struct writer *winner, struct err *err)
{
    AUTO_BUF struct buf body = {0};
    buf_init(&body, (size_t)64 << 10);
    if (TRY(store_get(winner->store, winner->key, &body, err)) == STORE_ABSENT) {
        return refuse(winner, "confirmed an object and does not have it", err);
    }
    if (!str_eq_c(buf_str(&body), winner->body)) {
        return refuse(winner, "let a second writer overwrite the first", err);
    }
    return 1;
}

/* Outcome 1 = it held, 0 = the answers prove nothing. */
static int check_round(struct writer *writers, struct err *err)
{
    write_at_once(writers);
    const struct writer *winner = NULL;
    for (size_t i = 0; i < WRITERS; i++) {
        struct writer *w = &writers[i];
        if (w->outcome < 0 && (w->err.code != ERR_IO || !w->err.retry)) {
            *err = w->err;
            return w->outcome;
        }
        if (w->outcome == STORE_PUT_DONE && winner != NULL) {
            return refuse(w, "lets two writers create the same object", err);
        }
        winner = w->outcome == STORE_PUT_DONE ? w : winner;
    }
    if (winner == NULL) {
        return 0; /* the winner's answer was lost, or there was none */
    }
    struct writer again = *winner;
    snprintf(again.body, sizeof(again.body), "again");
    write_once(&again);
    if (again.outcome == STORE_PUT_DONE) {
        return refuse(winner, "creates an object that is already there", err);
    }
    if (again.outcome < 0) {
        *err = again.err;
        return again.outcome == ERR_IO && again.err.retry ? 0 : again.outcome;
    }
    return again.outcome == STORE_PUT_UNKNOWN ? 0 : check_body(winner, err);
}

static int one_round(struct store *s, struct err *err)
{
    char uuid[UUID_TEXT];
    char key[96];
    struct writer writers[WRITERS] = {0};
    rand_uuid(uuid);
    snprintf(key, sizeof(key), "_delta_log/.sluice-probe-%s", uuid);
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i].store = s;
        writers[i].key = str_of(key);
        snprintf(writers[i].body, sizeof(writers[i].body), "probe %zu %s", i, uuid);
    }
    int rc = check_round(writers, err);
    struct err ignored;
    (void)store_delete(s, str_of(key), &ignored); /* rule (3) */
    return rc;
}

int store_probe(struct store *s, struct err *err)
{
    unsigned held = 0;
    unsigned unclear = 0;
    while (held < ROUNDS) {
        if (TRY(one_round(s, err)) > 0) {
            held++;
        } else if (++unclear > REPEAT_MAX) {
            return err_set_retry(err, "the store gives no clear answers to conditional puts below "
                                      "\"_delta_log/\"");
        } else {
            clock_sleep_us(PAUSE_US << unclear);
        }
    }
    return 0;
}
