/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_H
#define CODEC_PROTOBUF_H

#include "codec/codec.h"

/*
 * protobuf - Protobuf messages straight into columns (rules: README.md)
 */
int codec_protobuf_open(const struct type *row_type, const struct codec_options *options,
                        struct codec **ret_codec, struct err *err);

/* The row type of options->protobuf_message; see codec_describe. */
int codec_protobuf_describe(const struct codec_options *options, struct arena *arena,
                            const struct type **ret_row_type, struct err *err);

/*
 * Compiles .proto files with protoc, imports included, into a serialized FileDescriptorSet that
 * is appended to `ret_descriptors`.  Both lists end with NULL; without include folders those of
 * the files are taken.  Runs protoc as a process of its own (no shell) and waits for it, a minute
 * at most.  ERR_CONFIG with protoc's own words (file:line) when it refuses, or what to install
 * when it is not there.
 */
int codec_protobuf_compile(const char *const *files, const char *const *includes,
                           struct buf *ret_descriptors, struct err *err);

#endif
