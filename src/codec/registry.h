/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_REGISTRY_H
#define CODEC_REGISTRY_H

#include "base/base.h"

/*
 * registry - schemas by their number, from a Schema Registry (Confluent's HTTP interface)
 *
 * One struct for all threads, open as long as any codec that uses it.  A schema that has been
 * loaded stays, unchanged, until the registry is closed: ids are for ever, and what is known
 * goes on working when the registry is down.
 *
 * Nothing here is called while a message is decoded but codec_registry_cached: whoever reads
 * messages looks at their ids (framed.h), fetches those that are not cached, and lets no message
 * pass before that.
 */
struct codec_registry;

/* All is copied but the stop. */
struct codec_registry_options {
    struct str urls;        /* "http://a:8081,https://b/prefix": asked in this order */
    struct str user;        /* basic auth: "user:password"; "" = none */
    struct str token;       /* bearer; "" = none */
    struct str ca_file;     /* PEM bundle; "" = the system's */
    struct str client_cert; /* PEM; "" = none */
    struct str client_key;  /* PEM; "" = in the file of the certificate */
    bool insecure;          /* neither certificate nor host name is checked */
    int64_t timeout_us;     /* of a call with all that it takes; 0 = 30 s */
    int64_t unknown_us;     /* for so long an unknown id is not asked for again; 0 = 5 s */
    struct stop *stop;      /* borrowed; ends calls with ERR_CANCELED; NULL = none */
};

enum codec_schema_kind { CODEC_SCHEMA_AVRO, CODEC_SCHEMA_PROTOBUF, CODEC_SCHEMA_JSON };

/* The name by which schemas refer to it, and the text. */
struct codec_schema_file {
    struct str name;
    struct str text;
};

/* Immutable, owned by the registry. */
struct codec_schema {
    uint32_t id;
    enum codec_schema_kind kind;
    struct str text; /* as it was registered */
    /* All that it refers to, directly or not, each behind what it needs itself. */
    const struct codec_schema_file *references;
    size_t reference_count;
    /* What a codec takes. AVRO: JSON text with the references in it; PROTOBUF: a serialized
     * FileDescriptorSet, the schema's own file last; JSON: the text. */
    struct str writer;
    struct str unusable; /* why there is no `writer`; empty = there is */
};

/* ERR_CONFIG: no URL, contradictory options. Asks nothing yet. */
int codec_registry_open(const struct codec_registry_options *options,
                        struct codec_registry **ret_registry, struct err *err);
void codec_registry_close(struct codec_registry *registry); /* NULL is fine */

/* The schema when it has been loaded, else NULL. Takes no lock. */
const struct codec_schema *codec_registry_cached(const struct codec_registry *registry,
                                                 uint32_t id);

enum codec_registry_found {
    CODEC_REGISTRY_FOUND,
    CODEC_REGISTRY_UNKNOWN, /* the registry has said so, now or a moment ago */
};

/*
 * The schema, asked for when it is not cached.  One that cannot be used (references in a circle,
 * not the language it says) is found too, and says why: its id will never mean anything else.
 *
 * ERR_IO with .retry when the registry was down, slow or talked nonsense until the timeout;
 * ERR_CONFIG when it refuses us, or for Protobuf without the program `protoc`; ERR_CANCELED.
 */
int codec_registry_fetch(struct codec_registry *registry, uint32_t id,
                         const struct codec_schema **ret_schema, struct err *err);

/* The same for a subject's version; 0 = the latest, which is asked for anew in each call. */
int codec_registry_latest(struct codec_registry *registry, struct str subject, uint32_t version,
                          const struct codec_schema **ret_schema, struct err *err);

/* Confluent's TopicNameStrategy: "<topic>-value", "<topic>-key". */
void codec_registry_subject(struct str topic, bool is_key, struct buf *out);

const char *codec_schema_kind_name(enum codec_schema_kind kind); /* "avro", "protobuf", "json" */

#endif
