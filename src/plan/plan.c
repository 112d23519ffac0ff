/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - pipeline text to a plan
 *
 *     file ─► subst (${…}) ─► token ─► parse, parse_type, parse_body ─► option ─► struct plan
 *
 *  (1) Whatever the bytes are, plan_load answers a plan or an error with a place.
 *  (2) A plan does not change after it is loaded; it points into nothing but its own arena.
 *
 * From a plan to something that runs: bind.c.
 */
#include "plan/plan.h"

#include "codec/registry.h"
#include "plan/complain.h"
#include "plan/parser.h"
#include "plan/secret.h"
#include "plan/subst.h"

/* Far above what a person writes, far below where positions in 32 bits end. */
#define TEXT_BYTES_MAX ((size_t)16 << 20)

const char *const plan_meta_names[PLAN_META_COUNT + 1] = {
    "_key", "_value", "_topic", "_partition", "_offset", "_timestamp", "_headers", NULL,
};

static const struct type string_type = {.kind = TYPE_STRING};
static const struct type binary_type = {.kind = TYPE_BINARY};
static const struct type_field header_fields[] = {
    {.name = {.ptr = "key", .len = 3}, .type = &string_type, .nullable = true},
    {.name = {.ptr = "value", .len = 5}, .type = &binary_type, .nullable = true},
};
static const struct type header_type = {
    .kind = TYPE_STRUCT, .field_count = ARRAY_COUNT(header_fields), .fields = header_fields};
static const struct type_field headers_element[] = {
    {.name = {.ptr = "element", .len = 7}, .type = &header_type, .nullable = true}};
static const struct type headers_type = {
    .kind = TYPE_ARRAY, .field_count = 1, .fields = headers_element};

const struct type *plan_meta_type(enum plan_meta meta)
{
    static const enum type_kind kinds[PLAN_META_COUNT] = {
        [PLAN_META_KEY] = TYPE_BINARY,    [PLAN_META_VALUE] = TYPE_BINARY,
        [PLAN_META_TOPIC] = TYPE_STRING,  [PLAN_META_PARTITION] = TYPE_INTEGER,
        [PLAN_META_OFFSET] = TYPE_BIGINT, [PLAN_META_TIMESTAMP] = TYPE_TIMESTAMP,
    };
    assert((unsigned)meta < PLAN_META_COUNT);
    if (meta == PLAN_META_HEADERS) {
        return &headers_type;
    }
    return type_simple(kinds[meta]);
}

static int check_bytes(const struct plan *plan, struct str text, struct err *err)
{
    struct plan_cursor cursor = plan_complain_start(text);
    if (text.len > TEXT_BYTES_MAX) {
        return plan_complain(err, plan->file, cursor.place,
                             "the file is larger than %zu MiB; is it a pipeline?",
                             TEXT_BYTES_MAX >> 20);
    }
    size_t good = str_utf8_prefix(text);
    if (good < text.len) {
        return plan_complain(err, plan->file, plan_complain_at(&cursor, good),
                             "the text is not UTF-8");
    }
    ptrdiff_t nul = str_find(text, '\0');
    if (nul >= 0) {
        return plan_complain(err, plan->file, plan_complain_at(&cursor, (size_t)nul),
                             "a NUL byte stands in the text");
    }
    return 0;
}

static int load(struct plan *plan, struct str text, struct err *err)
{
    struct plan_subst subst;
    struct plan_tokens tokens;
    TRY(check_bytes(plan, text, err));
    plan_secret_mask_urls(text);
    TRY(plan_subst_run(&plan->arena, plan->file, text, &subst, err));
    plan_secret_mask_urls(subst.out);
    TRY(plan_token_scan(&plan->arena, plan->file, &subst, &tokens, err));
    return plan_parse_run(plan, &tokens, err);
}

int plan_load(struct str file, struct str text, struct plan **ret_plan, struct err *err)
{
    AUTO_PLAN struct plan *plan = mem_new(struct plan);
    plan->file = arena_str(&plan->arena, file);
    plan->text = arena_str(&plan->arena, text);
    TRY(load(plan, plan->text, err));
    *ret_plan = TAKE(plan);
    return 0;
}

int plan_load_file(const char *path, struct plan **ret_plan, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    buf_init(&text, TEXT_BYTES_MAX);
    TRY(fs_read_file(path, &text, err));
    return plan_load(str_of(path), buf_str(&text), ret_plan, err);
}

void plan_free(struct plan *plan)
{
    if (plan == NULL) {
        return;
    }
    vec_foreach (struct plan_stream, stream, &plan->streams) {
        vec_done(&stream->settings.items);
    }
    vec_foreach (struct plan_table, table, &plan->tables) {
        vec_done(&table->partition_columns);
        vec_done(&table->partition_places);
        vec_done(&table->properties);
        vec_done(&table->settings.items);
    }
    for (size_t i = 0; i < plan->registries.count; i++) {
        codec_registry_close(plan->registries.items[i]);
    }
    vec_done(&plan->registries);
    vec_done(&plan->streams);
    vec_done(&plan->views);
    vec_done(&plan->tables);
    arena_done(&plan->arena);
    mem_free(plan);
}

void plan_freep(struct plan **plan)
{
    plan_free(*plan);
}
