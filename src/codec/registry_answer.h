/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_REGISTRY_ANSWER_H
#define CODEC_REGISTRY_ANSWER_H

#include "codec/registry.h"

/*
 * registry_answer - what a registry's answers say
 */
struct codec_registry_reference {
    struct str name;
    struct str subject;
    uint32_t version;
};

struct codec_registry_answer {
    bool has_id;
    uint32_t id;
    enum codec_schema_kind kind;
    struct str text;
    const struct codec_registry_reference *references;
    size_t reference_count;
};

/* A 200 of /schemas/ids/N or /subjects/S/versions/V, into `arena`; `body` may go. ERR_DATA says
 * in what it is none. */
int codec_registry_answer_parse(struct str body, struct arena *arena,
                                struct codec_registry_answer *ret_answer, struct err *err);

/* The error_code of a refusal (40403, …), 0 when there is none; its message, cut, to `out`. */
int64_t codec_registry_answer_error(struct str body, struct buf *out);

#endif
