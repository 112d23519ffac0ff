/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_FRAMED_H
#define CODEC_FRAMED_H

#include "codec/codec.h"
#include "codec/registry.h"

/*
 * framed - messages that begin with the number of their schema (Confluent's wire format)
 *
 *     byte 0       0
 *     bytes 1-4    schema id, big-endian
 *     Protobuf     the message's place in the schema: how many indexes, then the indexes, zigzag
 *                  varints; a single byte 0 stands for "1, 0", the first message
 *     the message
 */

/*
 * The schema id of a message, for whoever sees to it that the registry's cache has it before the
 * message is decoded. False for a tombstone and for what is not framed: no schema is needed.
 */
bool codec_framed_id(struct str value, uint32_t *ret_id);

/* Whether decoding the format looks at the schema; JSON says by itself what it holds. */
bool codec_framed_needs_schema(struct str format);

/* codec_open and codec_describe: how the messages' own codec is made. */
typedef int (*codec_framed_open_fn)(struct str format, const struct type *row_type,
                                    const struct codec_options *options, struct codec **ret_codec,
                                    struct err *err);
typedef int (*codec_framed_describe_fn)(struct str format, const struct codec_options *options,
                                        struct arena *arena, const struct type **ret_row_type,
                                        struct err *err);

/*
 * A codec around one for each schema that turns up. Never asks the registry. Beside the reasons
 * of the format, a message is CODEC_ROW_BAD for
 *   "magic"      it does not begin with the header
 *   "index"      the message's place is malformed, or there is no message in that place
 *   "schema_id"  the schema is not in the registry's cache
 *   "schema"     it cannot be used, is of another kind, or does not fit the row type
 * ERR_CONFIG for a format that registries do not know.
 */
int codec_framed_open(struct str format, const struct type *row_type,
                      const struct codec_options *options, codec_framed_open_fn open,
                      struct codec **ret_codec, struct err *err);

/* The row type of the options' subject. Asks the registry. ERR_CONFIG: there is no such subject
 * or version, it is of another kind, or cannot be used; and what asking may come to. */
int codec_framed_describe(struct str format, const struct codec_options *options,
                          codec_framed_describe_fn describe, struct arena *arena,
                          const struct type **ret_row_type, struct err *err);

/* ---- the header ---- */

#define CODEC_FRAMED_INDEXES_MAX 32

struct codec_framed_header {
    uint32_t id;
    size_t bytes; /* up to the message */
    size_t index_count;
    uint32_t indexes[CODEC_FRAMED_INDEXES_MAX];
};

/* NULL, or the reason: "magic", "index". `value` is no tombstone. */
const char *codec_framed_read(struct str value, bool has_indexes,
                              struct codec_framed_header *ret_header);

/* The row type of the schema that a message's header names, which is cached and was usable. */
int codec_framed_describe_header(struct str format, const struct codec_options *options,
                                 const struct codec_framed_header *header, struct arena *arena,
                                 const struct type **ret_row_type, struct err *err);

#endif
