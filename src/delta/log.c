/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/log.h"

#include <stdio.h>

/*
 * log - the files of _delta_log: names, listing, whole commits
 *
 * A commit is "<version, 20 digits>.json", one action a line.  Since names have
 * a fixed width, a listing in order of keys is a listing in order of versions,
 * and "start after N.json" finds what came after N in one request.
 *
 *  (1) A commit is read and checked whole before anything of it counts.
 *  (2) An empty N.json, a line that is not JSON, an action without what it must
 *      have: ERR_CORRUPT with file and line; never skipped.  So is a commit that
 *      ends before all the actions that its commitInfo announces, as ours do: cut
 *      at the end of a line it would pass for whole, positions without rows.
 *  (3) A multi-part checkpoint counts only when all its parts are listed.
 *  (4) Other files (.crc, compactions, probes, temporary files) are ignored.
 *
 * Several commits are fetched at a time in fetch.c; what they amount to is
 * state.c.
 */

struct str delta_log_commit_key(char out[DELTA_LOG_KEY_BYTES], int64_t version)
{
    assert(version >= 0);
    int len = snprintf(out, DELTA_LOG_KEY_BYTES, DELTA_LOG_DIR "%020" PRId64 ".json", version);
    return str_n(out, (size_t)len);
}

/* Cuts `digits` digits off *rest. */
static bool take_number(struct str *rest, size_t digits, uint64_t *ret_value)
{
    if (rest->len < digits || !str_to_u64(str_head(*rest, digits), ret_value)) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9') {
            return false;
        }
    }
    *rest = str_skip(*rest, digits);
    return true;
}

static bool take_text(struct str *rest, struct str text)
{
    if (!str_starts(*rest, text)) {
        return false;
    }
    *rest = str_skip(*rest, text.len);
    return true;
}

static bool is_uuid(struct str s)
{
    if (s.len != UUID_TEXT - 1) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = s.ptr[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) {
            return false;
        }
    }
    return true;
}

/* What follows "N.checkpoint." */
static enum delta_log_kind checkpoint_kind(struct str rest, struct delta_log_name *name)
{
    struct str left = rest;
    if (str_eq_c(rest, "parquet")) {
        return DELTA_LOG_CLASSIC;
    }
    if (take_number(&left, 10, &name->part) && take_text(&left, STR(".")) &&
        take_number(&left, 10, &name->parts) && str_eq_c(left, ".parquet")) {
        bool fits = name->part >= 1 && name->part <= name->parts && name->parts <= 100000;
        return fits ? DELTA_LOG_MULTIPART : DELTA_LOG_OTHER;
    }
    name->part = 0;
    name->parts = 0;
    if (rest.len > UUID_TEXT && is_uuid(str_head(rest, UUID_TEXT - 1))) {
        struct str suffix = str_skip(rest, UUID_TEXT - 1);
        if (str_eq_c(suffix, ".json")) {
            return DELTA_LOG_V2_JSON;
        }
        if (str_eq_c(suffix, ".parquet")) {
            return DELTA_LOG_V2_PARQUET;
        }
    }
    return DELTA_LOG_OTHER;
}

struct delta_log_name delta_log_parse_name(struct str name)
{
    struct delta_log_name parsed = {.kind = DELTA_LOG_OTHER, .version = -1};
    uint64_t version = 0;
    struct str rest = name;
    if (!take_number(&rest, 20, &version) || version > INT64_MAX || !take_text(&rest, STR("."))) {
        return parsed;
    }
    parsed.version = (int64_t)version;
    if (str_eq_c(rest, "json")) {
        parsed.kind = DELTA_LOG_COMMIT;
    } else if (take_text(&rest, STR("checkpoint."))) {
        parsed.kind = checkpoint_kind(rest, &parsed);
    }
    return parsed;
}

/* ---- listing --------------------------------------------------------------------------------- */

/* A multi-part checkpoint whose parts are being gathered. */
struct log_parts {
    struct delta_log_checkpoint checkpoint;
    uint64_t seen;
};

struct log_lister {
    struct delta_log_list *list;
    VEC(struct log_parts) parts; /* of the version at hand */
};

static struct store_entry copy_entry(struct arena *arena, const struct store_entry *entry)
{
    struct store_entry copy = *entry;
    copy.key = arena_str(arena, entry->key);
    return copy;
}

/* Complete sets become checkpoints. */
static void flush_parts(struct log_lister *lister)
{
    vec_foreach (struct log_parts, set, &lister->parts) {
        if (set->seen == set->checkpoint.file_count) {
            *vec_push(&lister->list->checkpoints) = set->checkpoint;
        }
    }
    lister->parts.count = 0;
}

static void add_part(struct log_lister *lister, const struct delta_log_name *name,
                     const struct store_entry *entry)
{
    struct arena *arena = &lister->list->arena;
    struct log_parts *set = NULL;
    vec_foreach (struct log_parts, it, &lister->parts) {
        if (it->checkpoint.file_count == name->parts) {
            set = it;
        }
    }
    if (set == NULL) {
        set = vec_push(&lister->parts);
        set->checkpoint.kind = DELTA_LOG_MULTIPART;
        set->checkpoint.version = name->version;
        set->checkpoint.file_count = (size_t)name->parts;
        set->checkpoint.files = arena_new_array(arena, struct store_entry, name->parts);
    }
    struct store_entry *slot = &set->checkpoint.files[name->part - 1];
    set->seen += slot->key.ptr == NULL;
    *slot = copy_entry(arena, entry);
}

static void add_single(struct log_lister *lister, const struct delta_log_name *name,
                       const struct store_entry *entry)
{
    struct arena *arena = &lister->list->arena;
    struct delta_log_checkpoint *checkpoint = vec_push(&lister->list->checkpoints);
    checkpoint->kind = name->kind;
    checkpoint->version = name->version;
    checkpoint->file_count = 1;
    checkpoint->files = arena_new(arena, struct store_entry);
    checkpoint->files[0] = copy_entry(arena, entry);
}

static int on_log_entry(void *user, const struct store_entry *entry, struct err *err)
{
    (void)err;
    struct log_lister *lister = user;
    assert(str_starts(entry->key, STR(DELTA_LOG_DIR)));
    struct str name_text = str_skip(entry->key, sizeof(DELTA_LOG_DIR) - 1);
    if (name_text.len > 0 && name_text.ptr[0] > '9') {
        return 1; /* past all versions: _last_checkpoint, _sidecars/, … */
    }
    struct delta_log_name name = delta_log_parse_name(name_text);
    if (lister->parts.count > 0 && name.version != lister->parts.items[0].checkpoint.version) {
        flush_parts(lister);
    }
    switch (name.kind) {
    case DELTA_LOG_OTHER:
        break;
    case DELTA_LOG_COMMIT:
        *vec_push(&lister->list->commits) = name.version;
        break;
    case DELTA_LOG_MULTIPART:
        add_part(lister, &name, entry);
        break;
    case DELTA_LOG_CLASSIC:
    case DELTA_LOG_V2_PARQUET:
    case DELTA_LOG_V2_JSON:
        add_single(lister, &name, entry);
        break;
    }
    return 0;
}

int delta_log_list(struct store *store, int64_t from, struct delta_log_list *list, struct err *err)
{
    assert(from >= 0);
    char after[DELTA_LOG_KEY_BYTES] = "";
    if (from > 0) {
        /* Without a suffix: everything of `from` itself sorts behind it. */
        (void)snprintf(after, sizeof(after), DELTA_LOG_DIR "%020" PRId64, from);
    }
    struct log_lister lister = {.list = list};
    int rc = store_list(store, STR(DELTA_LOG_DIR), str_of(after), on_log_entry, &lister, err);
    if (rc >= 0) {
        flush_parts(&lister);
    }
    vec_done(&lister.parts);
    return rc < 0 ? err_wrap(err, "list \"" DELTA_LOG_DIR "\"") : 0;
}

int delta_log_probe(struct store *store, int64_t version, struct delta_log_list *list,
                    struct err *err)
{
    for (;; version++) {
        char room[DELTA_LOG_KEY_BYTES];
        struct store_entry entry;
        int rc = store_head(store, delta_log_commit_key(room, version), &entry, err);
        if (rc < 0) {
            return err_wrap(err, "look for new commits");
        }
        if (rc == STORE_ABSENT) {
            return 0;
        }
        *vec_push(&list->commits) = version;
    }
}

void delta_log_list_done(struct delta_log_list *list)
{
    vec_done(&list->commits);
    vec_done(&list->checkpoints);
    arena_done(&list->arena);
}

int delta_log_read_hint(struct store *store, struct delta_log_hint *ret_hint, struct err *err)
{
    AUTO_BUF struct buf body = {0};
    AUTO_ARENA struct arena arena = {0};
    buf_init(&body, (size_t)64 << 20);
    int rc = store_get(store, STR(DELTA_LOG_HINT), &body, err);
    if (rc < 0 && err->code != ERR_DATA && err->code != ERR_CORRUPT) {
        return err_wrap(err, "read \"" DELTA_LOG_HINT "\"");
    }
    if (rc != STORE_GOT) {
        return 0;
    }
    struct json *root = NULL;
    struct err garbage;
    int64_t version = -1;
    if (json_parse(&arena, buf_str(&body), &root, &garbage) < 0 ||
        !json_get_i64(json_find(root, "version"), &version) || version < 0) {
        return 0;
    }
    *ret_hint = (struct delta_log_hint){.version = version, .add_count = -1, .file_bytes = -1};
    (void)json_get_i64(json_find(root, "numOfAddFiles"), &ret_hint->add_count);
    struct str bytes;
    if (json_get_str(json_find(json_find(root, "tags"), DELTA_LOG_HINT_BYTES), &bytes)) {
        (void)str_to_i64(bytes, &ret_hint->file_bytes);
    }
    return 1;
}

/* ---- commits --------------------------------------------------------------------------------- */

void delta_log_commit_done(struct delta_log_commit *commit)
{
    vec_done(&commit->actions);
    arena_done(&commit->arena);
}

struct log_parser {
    struct delta_log_commit *commit;
    struct arena scratch; /* of the line at hand */
    delta_log_file_fn on_file;
    void *user;
    int64_t announced; /* actions; 0 = nothing is */
};

static void count_file(struct delta_log_commit *commit, const struct delta_action *action)
{
    int64_t bytes = action->file.size_bytes;
    if (action->kind == DELTA_ACTION_ADD) {
        commit->add_count++;
        commit->file_bytes += bytes;
    } else if (action->kind == DELTA_ACTION_REMOVE) {
        commit->remove_count++;
        commit->file_bytes -= bytes;
    } else {
        return;
    }
    commit->has_file_bytes = commit->has_file_bytes && bytes >= 0;
}

static int parse_line(struct log_parser *parser, struct str line, struct err *err)
{
    struct delta_log_commit *commit = parser->commit;
    struct delta_action action;
    arena_reset(&parser->scratch);
    TRY(delta_action_parse(&parser->scratch, line, &action, err));
    if (action.kind == DELTA_ACTION_UNKNOWN) {
        return 0;
    }
    if (!delta_action_is_file(&action)) {
        /* Few: once more, into memory that stays. */
        TRY(delta_action_parse(&commit->arena, line, &action, err));
        *vec_push(&commit->actions) = action;
        if (action.kind == DELTA_ACTION_COMMIT_INFO) {
            (void)json_get_i64(json_find(action.info.tree, DELTA_LOG_ACTIONS), &parser->announced);
        }
        return 0;
    }
    count_file(commit, &action);
    if (parser->on_file != NULL) {
        TRY(parser->on_file(parser->user, &action, err));
    }
    return 0;
}

int delta_log_parse(struct str key, struct str body, struct delta_log_commit *commit,
                    delta_log_file_fn on_file, void *user, struct err *err)
{
    struct log_parser parser = {.commit = commit, .on_file = on_file, .user = user};
    commit->has_file_bytes = true;
    struct str rest = body;
    struct str line = STR_NULL;
    size_t line_number = 0;
    size_t line_count = 0;
    int rc = 0;
    while (rc >= 0 && str_split(&rest, '\n', &line)) {
        line_number++;
        if (str_trim(line).len == 0) {
            continue;
        }
        line_count++;
        rc = parse_line(&parser, line, err);
    }
    arena_done(&parser.scratch);
    if (rc == ERR_DATA) {
        err->code = ERR_CORRUPT;
        return err_wrap(err, "\"%.*s\" line %zu", STR_FMT(key), line_number);
    }
    if (rc >= 0 && line_count == 0) {
        return err_set(err, ERR_CORRUPT, "\"%.*s\" line 1: the file is empty", STR_FMT(key));
    }
    if (rc >= 0 && (int64_t)line_count < parser.announced) {
        return err_set(err, ERR_CORRUPT,
                       "\"%.*s\" ends after %zu of its %" PRId64 " actions: the store does not "
                       "write whole objects; if it is the newest, remove that file before anything "
                       "else",
                       STR_FMT(key), line_count, parser.announced);
    }
    return rc;
}
