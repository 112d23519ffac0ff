/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_COMPILE_H
#define CODEC_PROTOBUF_COMPILE_H

#include "base/base.h"

/*
 * protobuf_compile - .proto files to a descriptor set, by protoc
 */

/* A private folder for one run of protoc. */
int codec_protobuf_compile_folder(char **ret_path, struct err *err);
void codec_protobuf_compile_folder_done(char **path); /* removes it */
#define AUTO_PROTOC_FOLDER AUTO(codec_protobuf_compile_folder_done)

struct codec_protobuf_compile_run {
    const char *folder;          /* where the result lies for a while */
    const char *const *files;    /* NULL behind the last, as in includes */
    const char *const *includes; /* NULL or none: the folders of the files */
    int64_t deadline_mono_us;
    struct stop *stop;       /* NULL = none */
    enum err_code refusal;   /* what it is when protoc refuses the files */
    const char *own_name;    /* of a file, not to be told in front of complaints; NULL = none */
    const char *alternative; /* to installing protoc, " or …"; NULL = none */
};

/*
 * Runs protoc over the files; their serialized FileDescriptorSet, imports included, is appended to
 * `out`.  `.refusal`: what protoc says, in one line; ERR_CONFIG: it is not there; ERR_DATA: the
 * set is larger than out->max; ERR_IO, with .retry when the deadline has passed; ERR_CANCELED.
 */
int codec_protobuf_compile_run(const struct codec_protobuf_compile_run *run, struct buf *out,
                               struct err *err);

#endif
