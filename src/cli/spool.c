/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool - a private folder and a database of our own, for as long as a command runs
 */
#include "cli/spool.h"

#include <stdlib.h>

#define SPOOL_MEMORY_BYTES ((uint64_t)1 << 30)

int cli_spool_open(struct cli_spool *spool, struct err *err)
{
    const char *parent = getenv("SLUICE_SPOOL");
    if (parent == NULL || parent[0] == '\0') {
        parent = getenv("TMPDIR");
    }
    if (parent == NULL || parent[0] == '\0') {
        parent = "/tmp";
    }
    TRY(fs_make_dirs(parent, err));
    TRY(fs_make_temp_dir(parent, "sluice-", &spool->path, err));
    struct sql_db_options options = {.memory_bytes = SPOOL_MEMORY_BYTES, .temp_dir = spool->path};
    return sql_open(&options, &spool->db, err);
}

void cli_spool_close(struct cli_spool *spool)
{
    sql_close(TAKE(spool->db));
    if (spool->path != NULL) {
        struct err ignored;
        (void)fs_remove_tree(spool->path, &ignored);
        mem_free(TAKE(spool->path));
    }
}

int cli_spool_table(const struct cli_spool *spool, struct str location,
                    const struct store_options *options, struct delta_table **ret_table,
                    struct err *err)
{
    static const struct store_options preset;
    struct store *store = NULL;
    TRY(store_open(location, options == NULL ? &preset : options, &store, err));
    struct delta_options delta = {.db = spool->db, .spool = spool->path};
    AUTO_DELTA struct delta_table *table = NULL;
    TRY(delta_open(store, &delta, &table, err));
    if (delta_snapshot(table)->version < 0) {
        return err_set(err, ERR_CONFIG, "there is no Delta table at \"%.*s\"", STR_FMT(location));
    }
    *ret_table = TAKE(table);
    return 0;
}
