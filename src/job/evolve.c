/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evolve - columns for fields that nobody has declared
 *
 * JSON says what it holds: the noted messages are a sample, and inference gives their types.
 * Avro and Protobuf messages with a schema's number in front name the schema that has more fields;
 * its columns are those of codec_describe.
 *
 *  (1) Known fields keep their types; new ones come behind them, in nested structs too.
 *  (2) Notes are taken under the lock: they are rare, one batch each time a producer changes.
 */
#include "job/evolve.h"

#include <stdatomic.h>

#include "codec/framed.h"
#include "codec/infer.h"

struct evolve {
    const struct plan_stream *stream;
    atomic_llong count;
    struct mutex lock;
    struct codec_infer *infer; /* guarded by .lock, as is the list below; NULL = by schemas */
    VEC(struct codec_framed_header) schemas;
};

struct evolve *evolve_new(const struct plan_stream *stream)
{
    struct evolve *e = mem_new(struct evolve);
    e->stream = stream;
    mutex_init(&e->lock);
    if (str_eq_c(stream->format, "json")) {
        struct codec_infer_options options = {.timestamps = stream->infer_timestamps,
                                              .allow_nan = stream->codec.allow_nan};
        struct err err;
        int rc = codec_infer_new(stream->format, &options, &e->infer, &err);
        assert(rc >= 0);
    }
    return e;
}

void evolve_free(struct evolve *e)
{
    if (e == NULL) {
        return;
    }
    codec_infer_free(e->infer);
    vec_done(&e->schemas);
    mutex_done(&e->lock);
    mem_free(e);
}

static void note_schema(struct evolve *e, const struct codec_framed_header *header)
{
    vec_foreach (struct codec_framed_header, known, &e->schemas) {
        if (known->id == header->id && known->index_count == header->index_count &&
            memcmp(known->indexes, header->indexes,
                   header->index_count * sizeof(header->indexes[0])) == 0) {
            return;
        }
    }
    *vec_push(&e->schemas) = *header;
}

void evolve_note(struct evolve *e, struct str value)
{
    struct codec_framed_header header = {0};
    bool has_indexes = str_eq_c(e->stream->format, "protobuf");
    bool framed = e->stream->codec.registry != NULL && value.ptr != NULL &&
                  codec_framed_read(value, has_indexes, &header) == NULL;
    MUTEX_GUARD(&e->lock);
    atomic_fetch_add(&e->count, 1);
    if (e->infer != NULL) {
        codec_infer_add(e->infer, framed ? str_skip(value, header.bytes) : value);
    } else if (framed) {
        note_schema(e, &header);
    }
}

int64_t evolve_count(const struct evolve *e)
{
    return atomic_load(&e->count);
}

/* 1 = there was something to add. */
static int widen(const struct type **row_type, const struct type *found, struct arena *arena,
                 struct buf *added)
{
    struct codec_infer_paths paths = {0};
    *row_type = codec_infer_widen(*row_type, plan_usable_columns(arena, found), arena, &paths);
    for (size_t i = 0; i < paths.count; i++) {
        buf_printf(added, "%s%.*s", added->len > 0 ? ", " : "", STR_FMT(paths.items[i]));
    }
    return paths.count > 0;
}

int evolve_finish(struct evolve *e, struct arena *arena, const struct type **ret_row_type,
                  struct buf *added, struct err *err)
{
    MUTEX_GUARD(&e->lock);
    const struct type *row_type = e->stream->row_type;
    const struct type *found = NULL;
    int rc = 0;
    if (e->infer != NULL) {
        found = codec_infer_type(e->infer, arena);
        if (e->stream->hints != NULL) {
            TRY(codec_infer_hint(found, e->stream->hints, arena, &found, err));
        }
        rc = widen(&row_type, found, arena, added);
    }
    vec_foreach (struct codec_framed_header, header, &e->schemas) {
        TRY(codec_framed_describe_header(e->stream->format, &e->stream->codec, header, arena,
                                         &found, err));
        rc |= widen(&row_type, found, arena, added);
    }
    *ret_row_type = row_type;
    return rc;
}
