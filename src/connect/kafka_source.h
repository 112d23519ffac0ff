/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_KAFKA_SOURCE_H
#define CONNECT_KAFKA_SOURCE_H

/*
 * kafka_source - what the kafka*.c files share; private to this folder
 */
#include <stdatomic.h>

#include "connect/connector.h"
#include "connect/librdkafka.h"

#define KAFKA_SOURCE_MAGIC 0x6b61666bU
/* What librdkafka adds to each message in memory, measured. */
#define KAFKA_MESSAGE_OVERHEAD 300
#define KAFKA_TOPIC_ID_MAX     24

extern const struct option kafka_options[];

/* The client. Shared: the source and every packet in flight hold a reference, because messages
 * point into it; the last one destroys it. */
struct kafka_handle {
    rd_kafka_t *rk;
    atomic_uint references;
};

void kafka_handle_unref(struct kafka_handle *handle);

/* A topic as the options name it. */
struct kafka_wanted {
    char *name;
    VEC(int32_t) numbers; /* `assign` only */
};

enum kafka_selection { KAFKA_SUBSCRIBE, KAFKA_ASSIGN, KAFKA_PATTERN };

/* A topic that is read. Never freed or moved before the source. */
struct kafka_topic {
    char *name;
    char id[KAFKA_TOPIC_ID_MAX]; /* as Kafka prints it; "" = a broker without ids */
    rd_kafka_topic_t *rkt;       /* a reference of ours, so that messages' rkt can be compared */
    uint32_t *index_of;          /* partition number -> index in source->partitions */
    size_t index_count;
};
#define KAFKA_NO_INDEX UINT32_MAX

/* Beside source->partitions, by the same index. */
struct kafka_toppar {
    struct kafka_topic *topic;
    int32_t number;
    bool is_late;       /* found after the first start: begins at earliest */
    bool paused;        /* at its limit */
    bool is_suspect;    /* an error said that the position is out of range: to be looked into */
    bool was_truncated; /* … and that the log had been truncated */
    int64_t acknowledge_offset; /* guarded by .lock: to be committed next; -1 = none */
};

/* What DescribeTopics told of one topic. */
struct kafka_description {
    char *name;
    char id[KAFKA_TOPIC_ID_MAX];
    rd_kafka_resp_err_t error;
    int32_t partition_count; /* 0 … count-1 */
};
struct kafka_descriptions {
    VEC(struct kafka_description) items;
};
void kafka_descriptions_done(struct kafka_descriptions *d);
#define AUTO_DESCRIPTIONS AUTO(kafka_descriptions_done)

struct kafka_source {
    struct source base;
    uint32_t magic;
    char *query;
    struct stop *stop;
    struct kafka_handle *handle;
    rd_kafka_t *rk; /* handle->rk */
    /* Questions have connections of their own: a broker answers one request after the other, and
     * a fetch that waits for records would keep a commit's verify waiting. */
    rd_kafka_t *admin;
    rd_kafka_queue_t *queue;

    /* options, constant after open */
    enum kafka_selection selection;
    VEC(struct kafka_wanted) wanted;
    char *pattern;
    struct settings settings; /* a copy: starting options are read when resolving */
    bool fails_on_data_loss;
    bool reads_committed;
    int64_t refresh_us;

    /* owned by the job's thread */
    VEC(struct kafka_topic *) topics;
    struct kafka_topic *last_topic;
    bool has_failed; /* `failure` is what poll answers until the next start */
    struct err failure;
    size_t suspect_count;
    int64_t suspect_retry_us;    /* not before */
    int64_t serve_next_us;       /* of the slow round: watermarks */
    struct source_client client; /* of the last statistics */
    char connection_reason[200]; /* what the last failed connection said */
    int64_t down_since_us;       /* of the last "all brokers down" or authentication failure */
    rd_kafka_message_t *raw[PACKET_MESSAGES_MAX];

    /* guarded by .lock */
    struct mutex lock;
    struct cond changed;
    VEC(struct kafka_toppar) toppars; /* grown by the job's thread, read by all under the lock */
    struct kafka_descriptions found;  /* by the watcher, for the job's thread */
    int64_t contact_us;               /* when the broker last answered the watcher */
    bool is_acknowledging;
    bool is_reachable;   /* a broker has answered and no connection has failed since */
    bool is_auth_failed; /* since the client was made; the reason is in auth_reason */
    char auth_reason[200];
    bool is_closing;

    struct thread watcher;
    atomic_bool has_started; /* from then on lost rights are waited for, not an error */
};

static inline struct kafka_source *kafka_source_of(struct source *base)
{
    struct kafka_source *s = CONTAINER_OF(base, struct kafka_source, base);
    assert(s->magic == KAFKA_SOURCE_MAGIC);
    return s;
}

/* kafka_config.c: a configuration for this source; the caller owns it. Touches nothing outside. */
int kafka_config_make(const struct settings *settings, const char *query,
                      rd_kafka_conf_t **ret_conf, struct err *err);
/* The same for a producer (`sluice produce`): only what `kafka.*` says about the connection. */
int kafka_config_make_producer(const struct settings *settings, const char *query,
                               rd_kafka_conf_t **ret_conf, struct err *err);
/* The value librdkafka has for `name`; caller frees. NULL = none. */
char *kafka_config_get(const rd_kafka_conf_t *conf, const char *name);

/*
 * kafka_admin.c: questions to the cluster that wait for the answer: until the stop (two seconds of
 * grace, so that a last commit can still verify), or `until_mono_us`. Any thread, but only the
 * job's passes is_job, which keeps `status` up to date and fails with ERR_CONFIG on a refused
 * login. Outcome 1 = answered, 0 = until_mono_us passed.
 */
struct kafka_wait {
    bool is_job;
    int64_t until_mono_us; /* INT64_MAX = until the stop */
};
int kafka_admin_describe(struct kafka_source *s, const char **names, size_t count,
                         struct kafka_wait wait, struct kafka_descriptions *out, struct err *err);
/* Names of all topics, for patterns and for "did you mean". */
int kafka_admin_list(struct kafka_source *s, struct kafka_wait wait, struct kafka_descriptions *out,
                     struct err *err);
/* Replaces each `offset` in `list` (RD_KAFKA_OFFSET_SPEC_… or a time in ms) by the offset found;
 * -1 when no record is that late. `uncommitted` asks for the high watermark, not the last stable
 * offset. */
int kafka_admin_offsets(struct kafka_source *s, rd_kafka_topic_partition_list_t *list,
                        bool uncommitted, struct kafka_wait wait, struct err *err);
/* Replaces each `offset` in `list` by what `group` has committed there; negative = nothing. */
int kafka_admin_group(struct kafka_source *s, const char *group,
                      rd_kafka_topic_partition_list_t *list, struct kafka_wait wait,
                      struct err *err);
void kafka_tplist_destroy(rd_kafka_topic_partition_list_t **list);
#define AUTO_TPLIST AUTO(kafka_tplist_destroy)

/* kafka_topics.c: which topics and partitions there are. */
int kafka_topics_parse(struct kafka_source *s, struct err *err);
void kafka_topics_done(struct kafka_source *s);
int kafka_topics_discover(struct source *base, struct err *err);
int kafka_topics_verify(struct source *base, struct err *err);
/* Takes over what the watcher has found. */
int kafka_topics_adopt(struct kafka_source *s, struct err *err);
void kafka_topics_watch(void *source); /* the watcher's thread */

/* kafka_offsets.c: what the starting options mean now, and the end of the log. */
int kafka_offsets_check(struct kafka_source *s, struct err *err); /* syntax, at open */
int kafka_offsets_resolve(struct source *base, const bool *which, struct err *err);
int kafka_offsets_bound(struct source *base, struct err *err);

/* kafka_error.c: what error messages in the queue, and error callbacks, mean. */
void kafka_error_message(struct kafka_source *s, const rd_kafka_message_t *m, uint32_t index);
void kafka_error_callback(rd_kafka_t *rk, int code, const char *reason, void *opaque);
/* Looks into suspect partitions: lost, truncated or a false alarm. Outcome 1 = assign anew. */
int kafka_error_examine(struct kafka_source *s, int64_t until_mono_us, struct err *err);
/* Errors at the start that no waiting mends: ERR_CONFIG with the reason; 0 for all others. */
int kafka_error_hopeless(struct kafka_source *s, rd_kafka_resp_err_t code, const char *what,
                         const char *text, struct err *err);

/* kafka_group.c: telling lag tools. */
void kafka_group_acknowledge(struct source *base, const int64_t *next_offsets, size_t count);
int kafka_group_acknowledged(struct source *base, int64_t *ret_offsets, struct err *err);
void kafka_group_on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *offsets, void *opaque);

/* Sees what is due through, for a few seconds; shorter once the stop is set. The job's thread, at
 * the end. */
void kafka_group_finish(struct kafka_source *s);

/* kafka_stats.c: what librdkafka tells of itself. */
void kafka_stats_read(struct str text, struct source_client *ret_client);
int kafka_stats_callback(rd_kafka_t *rk, char *json, size_t json_len, void *opaque);
void kafka_stats_look(struct source *base, struct source_client *ret_client);

/* kafka.c */
void kafka_reach(struct kafka_source *s, struct source_partition *p, int64_t next_offset);

#endif
