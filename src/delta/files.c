/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/path.h"
#include "delta/replay.h"

/*
 * files - the live files of a version
 *
 *  (1) Rows come from SQL in the order of their paths, one at a time: nothing
 *      here grows with the number of files.
 *  (2) A path that would leave the table's root is ERR_CORRUPT: a table is
 *      input like any other.
 */

/* The snapshot's lists lie in vectors of the replay: copies for the caller. */
static void give_snapshot(struct arena *arena, const struct delta_snapshot *from,
                          struct delta_snapshot *ret_snapshot)
{
    struct err ignored;
    struct delta_snapshot copy = *from;
    delta_action_copy_protocol(arena, &from->protocol, &copy.protocol);
    delta_action_copy_metadata(arena, &from->metadata, &copy.metadata);
    if (from->metadata.schema != NULL) {
        (void)delta_schema_parse(arena, copy.metadata.schema_string, &copy.metadata.schema,
                                 &ignored);
    }
    copy.txns.items = arena_new_array(arena, struct delta_txn, from->txns.count + 1);
    copy.txns.cap = 0;
    for (size_t i = 0; i < from->txns.count; i++) {
        copy.txns.items[i] = from->txns.items[i];
        copy.txns.items[i].app_id = arena_str(arena, from->txns.items[i].app_id);
    }
    copy.domains.items = arena_new_array(arena, struct delta_property, from->domains.count + 1);
    copy.domains.cap = 0;
    for (size_t i = 0; i < from->domains.count; i++) {
        copy.domains.items[i].name = arena_str(arena, from->domains.items[i].name);
        copy.domains.items[i].value = arena_str(arena, from->domains.items[i].value);
    }
    copy.replaced_operation = arena_str(arena, from->replaced_operation);
    *ret_snapshot = copy;
}

static struct str or_empty(struct str text)
{
    return text.ptr == NULL ? STR("") : text;
}

static int give_file(const struct str *cells, delta_file_fn on_file, void *user, struct err *err)
{
    struct delta_file file = {
        .path = cells[0],
        .partition_values = cells[3].ptr == NULL ? STR("{}") : cells[3],
        .stats = or_empty(cells[4]),
        .deletion_vector = or_empty(cells[5]),
    };
    AUTO_BUF struct buf key = {0};
    if (delta_path_decode(file.path, &key, err) < 0) {
        err->code = ERR_CORRUPT;
        return err->code;
    }
    file.key = buf_str(&key);
    if (cells[1].ptr == NULL || !str_to_u64(cells[1], &file.size_bytes)) {
        return err_set(err, ERR_CORRUPT, "file \"%.*s\" has no valid size", STR_FMT(file.path));
    }
    if (cells[2].ptr != NULL) {
        (void)str_to_i64(cells[2], &file.modified_ms);
    }
    return on_file(user, &file, err);
}

struct delta_listing {
    struct delta_replay replay;
};

int delta_listing_open(struct store *store, struct sql_db *db, const char *spool, int64_t version,
                       struct arena *arena, struct delta_snapshot *ret_snapshot,
                       struct delta_listing **ret_listing, struct err *err)
{
    struct delta_listing *listing = mem_new(struct delta_listing);
    int rc = delta_replay_open(&listing->replay, store, db, spool, version, err);
    if (rc >= 0 && listing->replay.state.snapshot.version >= 0) {
        rc = delta_check_read(&listing->replay.state.snapshot, err);
    }
    if (rc < 0) {
        delta_listing_close(listing);
        return rc;
    }
    give_snapshot(arena, &listing->replay.state.snapshot, ret_snapshot);
    *ret_listing = listing;
    return 0;
}

void delta_listing_close(struct delta_listing *listing)
{
    if (listing != NULL) {
        delta_replay_done(&listing->replay);
        mem_free(listing);
    }
}

int delta_listing_each(struct delta_listing *listing, delta_file_fn on_file, void *user,
                       struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[6];
    if (listing->replay.state.snapshot.version < 0) {
        return 0;
    }
    TRY(delta_replay_views(&listing->replay, INT64_MAX, err));
    TRY(sql_query(listing->replay.conn,
                  "SELECT \"add\".path, \"add\".size::VARCHAR, \"add\".modificationTime::VARCHAR, "
                  "to_json(\"add\".partitionValues)::VARCHAR, \"add\".stats, "
                  "CASE WHEN \"add\".deletionVector IS NULL THEN NULL ELSE "
                  "to_json(\"add\".deletionVector)::VARCHAR END FROM live ORDER BY 1",
                  &rows, err));
    while (TRY(sql_rows_next(rows, cells, err)) == 1) {
        TRY(give_file(cells, on_file, user, err));
    }
    return 0;
}

int delta_files(struct store *store, struct sql_db *db, const char *spool, int64_t version,
                struct arena *arena, struct delta_snapshot *ret_snapshot, delta_file_fn on_file,
                void *user, struct err *err)
{
    struct delta_listing *listing = NULL;
    TRY(delta_listing_open(store, db, spool, version, arena, ret_snapshot, &listing, err));
    int rc = delta_listing_each(listing, on_file, user, err);
    delta_listing_close(listing);
    return rc;
}
