/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_REGISTRY_PROTO_H
#define CODEC_REGISTRY_PROTO_H

#include "codec/registry.h"

/*
 * registry_proto - Protobuf schemas, which registries keep as .proto text
 */

/*
 * Runs `protoc` over the text and its references, which are found under their names. Gives a
 * serialized FileDescriptorSet with all imports, the text's own file last, in `arena`.
 * ERR_DATA: what protoc has to say; ERR_CONFIG: it is not there; ERR_IO; ERR_CANCELED.
 */
int codec_registry_proto_compile(struct str text, const struct codec_schema_file *references,
                                 size_t reference_count, int64_t deadline_mono_us,
                                 struct stop *stop, struct arena *arena,
                                 struct str *ret_descriptors, struct err *err);

/*
 * The full name of the message that the indexes lead to, in the last file of the set: [0] its
 * first message, [0, 2] the third one within that. ERR_DATA: there is none.
 */
int codec_registry_proto_message(struct str descriptors, const uint32_t *indexes,
                                 size_t index_count, struct buf *out, struct err *err);

#endif
