/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/log.h"

/*
 * history - who did what to a table
 *
 *  (1) Newest first; a commit is read only when it is asked for.
 *  (2) A commit without commitInfo is told as "{}"; one that was cleaned away
 *      between the listing and the read is left out.
 *  (3) A callback that answers 1 has seen enough.
 */
static int history_of(struct store *store, int64_t version, delta_history_fn on_commit, void *user,
                      struct err *err)
{
    char room[DELTA_LOG_KEY_BYTES];
    struct str key = delta_log_commit_key(room, version);
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf text = {0};
    AUTO_COMMIT struct delta_log_commit commit = {.version = version};
    buf_init(&body, DELTA_LOG_BODY_MAX);
    int rc = store_get(store, key, &body, err);
    if (rc < 0) {
        return err_wrap(err, "read \"%.*s\"", STR_FMT(key));
    }
    if (rc == STORE_ABSENT) {
        return 0;
    }
    TRY(delta_log_parse(key, buf_str(&body), &commit, NULL, NULL, err));
    buf_add_c(&text, "{}");
    vec_foreach (struct delta_action, action, &commit.actions) {
        if (action->kind == DELTA_ACTION_COMMIT_INFO) {
            buf_reset(&text);
            json_print(action->info.tree, &text);
            break;
        }
    }
    return on_commit(user, version, buf_str(&text), err);
}

int delta_history(struct store *store, int64_t limit, delta_history_fn on_commit, void *user,
                  struct err *err)
{
    AUTO_LOG_LIST struct delta_log_list list = {0};
    TRY(delta_log_list(store, 0, &list, err));
    for (size_t i = list.commits.count; i > 0 && limit > 0; i--, limit--) {
        if (TRY(history_of(store, list.commits.items[i - 1], on_commit, user, err)) > 0) {
            break;
        }
    }
    return 0;
}
