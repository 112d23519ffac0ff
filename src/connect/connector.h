/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_CONNECTOR_H
#define CONNECT_CONNECTOR_H

#include "base/base.h"
#include "connect/option.h"

/*
 * connector - where messages come from
 *
 * One thread (the job's) drives a source, in this order:
 *
 *     open   discover   start   ( poll | verify | acknowledge | start )*   close
 *
 * (acknowledged, which only informs people, at any time after discover).
 *
 * A source delivers the messages of each partition in order of offset and never one below the
 * position it was started at.  Partitions are known by index in source->partitions, which only
 * grows; the job reads `next_offset` there when it cuts a batch: as the job is also the one who
 * polls, these positions are exactly what has been delivered.
 *
 * Errors: ERR_CONFIG (a topic that is not there, an option that is refused, authentication),
 * ERR_DATA (offsets lost to retention with failOnDataLoss or to truncation, a message that cannot
 * be fetched), ERR_IDENTITY (a topic that was deleted, or deleted and made again), ERR_CANCELED.  A
 * broker that is away is not an error: poll answers SOURCE_IDLE, and `status` says what is being
 * waited for.
 */
struct message_header {
    struct str name;
    struct str value; /* ptr NULL = null */
};

/* A message that is read a second time says here where it came from first. */
struct message_origin {
    struct str topic, topic_id;
    int32_t partition;
    int64_t offset;
};

/* What few messages have; lives as long as the packet. */
struct message_extra {
    size_t header_count;
    const struct message_header *headers;
    const struct message_origin *origin; /* NULL = as the source says */
};

struct message {
    struct str value; /* ptr NULL = null (tombstone) */
    struct str key;   /* ptr NULL = null */
    int64_t offset;
    int64_t timestamp_us;              /* -1 = none */
    uint32_t partition;                /* index in source->partitions */
    const struct message_extra *extra; /* NULL = no headers and no origin */
};

/* Messages handed over together. Freed on any thread by packet_free. */
struct packet {
    size_t count;
    struct message *messages; /* what they point to lives as long as the packet */
    uint64_t bytes;           /* what it costs in memory, all included */
    void (*free)(struct packet *packet);
};

static inline void packet_free(struct packet *packet)
{
    if (packet != NULL) {
        packet->free(packet);
    }
}

#define PACKET_MESSAGES_MAX 2048

struct source_partition {
    struct str topic;    /* as the source names it */
    struct str topic_id; /* "" when there is none */
    int32_t number;
    int64_t next_offset;  /* next to be delivered; moves past gaps and control records */
    int64_t end_offset;   /* last known end of the log; -1 = unknown */
    int64_t limit_offset; /* deliver nothing at or above; INT64_MAX = no limit */
    bool started;         /* in the assignment */
    bool held;            /* by the job: deliver nothing, stay at next_offset until a start */
    bool at_limit;        /* everything below the limit has been delivered */
    int32_t leader_epoch; /* of the record below next_offset, or a later one; -1 = unknown. Set
                             before start, delivery finds out if the log was truncated below */
    int64_t lost_count;   /* offsets that retention took before we came (failOnDataLoss=false) */
    int64_t newest_us;    /* the job's: timestamp of the last message delivered; 0 = none yet */
};

enum source_state {
    SOURCE_CONNECTING,
    SOURCE_RUNNING,
    SOURCE_DOWN, /* waiting; `reason` says for what */
};

struct source_status {
    enum source_state state;
    char reason[256];
    int64_t since_mono_us;
    /* Before this change: the same state when only the reason is another one. */
    enum source_state was;
    int64_t was_for_us; /* how long it was in that one */
};

/* Told of each change, on the job's thread, also in the middle of a call that waits. */
typedef void (*source_status_fn)(void *user, const struct source_status *status);

enum source_poll { SOURCE_IDLE, SOURCE_PACKET, SOURCE_END };

struct source;

/* What the source's client library tells of itself; -1 = unknown. */
struct source_client {
    int64_t queue_messages, queue_bytes; /* fetched and not yet asked for */
    int64_t brokers_up;
    int64_t request_errors; /* so far */
    double round_trip_s;    /* mean of the brokers'; < 0 = unknown */
};

struct source_ops {
    const char *name;             /* USING … */
    const struct option *options; /* ends with a NULL name */
    int (*open)(const struct settings *settings, const char *query, struct stop *stop,
                struct source **ret_source, struct err *err);
    int (*discover)(struct source *s, struct err *err);
    int (*resolve)(struct source *s, const bool *which, struct err *err);
    int (*start)(struct source *s, struct err *err);
    int (*poll)(struct source *s, int64_t until_mono_us, size_t messages_max, uint64_t bytes_max,
                struct packet **ret_packet, struct err *err);
    int (*bound)(struct source *s, struct err *err);
    int (*verify)(struct source *s, struct err *err);
    void (*acknowledge)(struct source *s, const int64_t *next_offsets, size_t count);
    int (*acknowledged)(struct source *s, int64_t *ret_offsets, struct err *err); /* may be NULL */
    void (*client)(struct source *s, struct source_client *ret_client);           /* may be NULL */
    void (*close)(struct source *s);
};

/* What happened beside the messages; written by the job's thread only. */
struct source_counts {
    uint64_t dropped_below;      /* records below next_offset, or of no partition of ours */
    uint64_t acknowledge_failed; /* lag tools could not be told */
};

struct source {
    const struct source_ops *ops;
    VEC(struct source_partition) partitions;
    struct source_status status; /* written by the job's thread only */
    struct source_counts counts;
    bool wants_headers;      /* set before the start: messages bring their headers */
    bool has_new_partitions; /* found while running, not started: added by poll or discover */
    uint8_t phase;           /* of the call order; source.c's own */
    source_status_fn on_status;
    void *on_status_user;
    char connected_to[256]; /* for people: the brokers, a file; "" = nothing to tell */
};

/* Known connectors; NULL with ERR_CONFIG that lists them. Reads only the tables. */
const struct source_ops *source_find(struct str name, struct err *err);

/* Opens; touches nothing outside yet. `query` names group and client ids; `stop` ends waits. */
int source_open(const struct source_ops *ops, const struct settings *settings, const char *query,
                struct stop *stop, struct source **ret_source, struct err *err);
/* Who is to be told of changes of the status from now on; one at most. */
void source_watch(struct source *s, source_status_fn on_status, void *user);
/* Fills or extends `partitions` (topic, id, number; next_offset -1 for new ones). Waits for the
 * broker. Answers how many were added. */
int source_discover(struct source *s, struct err *err);
/* Sets next_offset of partitions i with which[i] from the starting options: what "earliest" and
 * "latest" mean now. Partitions found after the first start use earliest. */
int source_resolve(struct source *s, const bool *which, struct err *err);
/* (Re)starts delivery of every partition at its next_offset; what was fetched before is dropped. */
int source_start(struct source *s, struct err *err);
/*
 * Waits until something is there or the time has come (or the stop: SOURCE_IDLE). SOURCE_PACKET:
 * *ret_packet (at most messages_max <= PACKET_MESSAGES_MAX messages and about bytes_max bytes, at
 * least one message) is the caller's. SOURCE_END: every partition is at its limit.
 */
int source_poll(struct source *s, int64_t until_mono_us, size_t messages_max, uint64_t bytes_max,
                struct packet **ret_packet, struct err *err);
/* Sets limit_offset of every partition to the present end of its log (available now). */
int source_bound(struct source *s, struct err *err);
/* Looks the topics' identities up again; ERR_IDENTITY when one was recreated. Any thread. */
int source_verify(struct source *s, struct err *err);
/* Tells lag tools what is durable now; best effort, does not wait. next_offsets[i] < 0 = skip.
 * Any thread. */
void source_acknowledge(struct source *s, const int64_t *next_offsets, size_t count);
/* What lag tools have been told of each partition: ret_offsets[i], -1 = nothing. A connector
 * without such tools answers -1 for all. Waits for the broker, but only for seconds: then ERR_IO.
 */
int source_acknowledged(struct source *s, int64_t *ret_offsets, struct err *err);
/* Serves the client library, which may be kept waiting otherwise, and answers what it tells. For a
 * while without polls: about once a second. All -1 for a connector without such a library. */
void source_look(struct source *s, struct source_client *ret_client);
void source_close(struct source *s); /* NULL is fine; packets may outlive it */

/* For connectors: sets status, and since_mono_us when the state is another one. */
void source_set_status(struct source *s, enum source_state state, const char *fmt, ...)
    PRINTF(3, 4);

#endif
