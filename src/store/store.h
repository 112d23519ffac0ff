/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_H
#define STORE_H

#include "base/base.h"

#include <stdatomic.h>

/*
 * store - an object store: keys to bytes, with one conditional operation
 *
 * A store is opened at a root ("s3a://bucket/prefix", a folder); keys are
 * relative to it, '/'-separated, raw UTF-8 (each store encodes them as its
 * transport needs).  All operations may be called from several threads.
 *
 * Every operation but put_if_absent is idempotent: the store retries it itself
 * with jittered back-off until a deadline, and what comes out as ERR_IO is
 * final for the caller (`retry` says whether another attempt makes sense).
 * put_if_absent is sent once and never retried: its outcome may be unknown.
 *
 * Errors: ERR_CONFIG (no such bucket, access denied, bad root; names the key and
 * the action), ERR_IO, ERR_CORRUPT (a body that does not match its length or
 * checksum), ERR_CANCELED (after store_cancel).
 */
struct store_event;

struct store {
    const struct store_ops *ops;
    /* A list reads all names of a folder, wherever it starts: to ask by name is cheaper. */
    bool lists_whole_folders;
    struct store_stats *stats; /* what is counted of it, and whoever else has it; NULL = nothing */
    /* Who is told of what goes on beneath the operations; NULL = nobody. */
    void (*on_event)(void *user, const struct store_event *event);
    void *on_event_user;
};

/* What is told apart of operations: these, as `sluice_store_requests_total` names them. */
enum store_operation {
    STORE_OPERATION_GET,
    STORE_OPERATION_HEAD,
    STORE_OPERATION_PUT,
    STORE_OPERATION_PUT_IF_ABSENT,
    STORE_OPERATION_LIST,
    STORE_OPERATION_DELETE,
};
#define STORE_OPERATIONS 6
extern const char *const store_operation_names[STORE_OPERATIONS];

/* How they end. Absent is an answer of get and head, exists and unknown are of put_if_absent. */
enum store_outcome {
    STORE_OUTCOME_OK,
    STORE_OUTCOME_ABSENT,
    STORE_OUTCOME_EXISTS,
    STORE_OUTCOME_UNKNOWN,
    STORE_OUTCOME_CANCELED,
    STORE_OUTCOME_ERROR,
};
#define STORE_OUTCOMES 6
extern const char *const store_outcome_names[STORE_OUTCOMES];

/* Counters for people, of one store or of several; {0} is empty. Any thread. */
struct store_stats {
    atomic_ullong requests[STORE_OPERATIONS][STORE_OUTCOMES];
    atomic_ullong retries[STORE_OPERATIONS];    /* further attempts of a request */
    struct histogram seconds[STORE_OPERATIONS]; /* of a request with its attempts */
    atomic_ullong sent_bytes, received_bytes;   /* of the objects of requests that were ok */
};
/* From now on the store counts there; before it has other users. `stats` outlives the store. */
void store_watch(struct store *s, struct store_stats *stats);
/* For stores: another attempt of a request of that name ("put") is made. */
void store_count_retry(struct store *s, const char *operation);

/* What goes on beneath an operation, for the log. */
enum store_event_kind {
    STORE_EVENT_RETRY,   /* an attempt failed; another one follows after a pause */
    STORE_EVENT_LEARNED, /* the answer told clock, region or keys; another attempt at once */
    STORE_EVENT_KEYS,    /* newer keys could not be had; the old ones are used on */
};
struct store_event {
    enum store_event_kind kind;
    const char *operation; /* "put" */
    struct str key;        /* relative to the root; "" = of none */
    int status;            /* of HTTP; 0 = no answer */
    const char *reason;    /* without secrets */
    unsigned attempts;     /* so far */
    int64_t pause_us;
};
typedef void (*store_event_fn)(void *user, const struct store_event *event);
/* Tells `on_event` from now on, on the threads of the operations, at the same time too. Before the
 * store has other users. */
void store_observe(struct store *s, store_event_fn on_event, void *user);
/* For stores. */
void store_tell(const struct store *s, const struct store_event *event);

/* What put_if_absent answers. */
enum store_put {
    STORE_PUT_DONE,    /* we created it */
    STORE_PUT_EXISTS,  /* the key is there, from whomever: perhaps from us */
    STORE_PUT_UNKNOWN, /* no clear answer: it may be there now, or later, or never */
};

/* Outcomes of get and head. */
enum store_get { STORE_GOT, STORE_ABSENT };

struct store_entry {
    struct str key; /* relative to the root */
    uint64_t size_bytes;
    int64_t modified_us; /* wall clock */
};
/* Called in ascending bytewise order of keys. Return < 0 to stop with that error, 1 to stop. */
typedef int (*store_list_fn)(void *user, const struct store_entry *entry, struct err *err);

struct store_ops {
    const char *name;
    int (*get)(struct store *s, struct str key, uint64_t offset, uint64_t len, struct buf *out,
               struct err *err);
    int (*head)(struct store *s, struct str key, struct store_entry *ret_entry, struct err *err);
    int (*put)(struct store *s, struct str key, struct str body, struct err *err);
    int (*put_file)(struct store *s, struct str key, const char *path, struct err *err);
    int (*put_if_absent)(struct store *s, struct str key, struct str body, struct err *err);
    int (*list)(struct store *s, struct str prefix, struct str start_after, store_list_fn on_entry,
                void *user, struct err *err);
    int (*del)(struct store *s, struct str key, struct err *err);
    void (*cancel)(struct store *s);
    void (*close)(struct store *s);
};

/* Appends the whole object. STORE_GOT or STORE_ABSENT. ERR_DATA when larger than out->max. */
int store_get(struct store *s, struct str key, struct buf *out, struct err *err);
/* Appends up to `len` bytes from `offset`; fewer only when the object ends there. */
int store_get_range(struct store *s, struct str key, uint64_t offset, uint64_t len, struct buf *out,
                    struct err *err);
/* STORE_GOT with size and time (ret_entry->key is `key`), or STORE_ABSENT. */
int store_head(struct store *s, struct str key, struct store_entry *ret_entry, struct err *err);
/* Creates or overwrites, durable on return. */
int store_put(struct store *s, struct str key, struct str body, struct err *err);
/* The same from a local file; large files go in parts with bounded memory. The local store may
 * move the file into place when it is on the same file system: it may be gone afterwards. */
int store_put_file(struct store *s, struct str key, const char *path, struct err *err);
/* Creates the object if there is none, atomically and durably. An enum store_put; < 0 only when
 * it was certainly not and will never be created (refused before sending, ERR_CONFIG…). */
int store_put_if_absent(struct store *s, struct str key, struct str body, struct err *err);
/* All keys that begin with `prefix` and are greater than `start_after` (may be empty). */
int store_list(struct store *s, struct str prefix, struct str start_after, store_list_fn on_entry,
               void *user, struct err *err);
/* Fine when there is none. */
int store_delete(struct store *s, struct str key, struct err *err);
/* Makes waiting and later operations of all threads end soon with ERR_CANCELED. */
void store_cancel(struct store *s);
void store_close(struct store *s); /* NULL is fine */
void store_closep(struct store **s);
#define AUTO_STORE AUTO(store_closep)

/*
 * Options of all stores, from the pipeline's OPTIONS (names as given, e.g. "fs.s3a.endpoint",
 * "s3.endpoint") and the environment.  Empty strings mean "not set".
 */
struct store_options {
    struct str endpoint;   /* "http://127.0.0.1:9000"; else MINIO_ENDPOINT, AWS_ENDPOINT_URL(_S3) */
    struct str access_key; /* else MINIO_ROOT_USER (with MINIO_ENDPOINT), AWS_ACCESS_KEY_ID, … */
    struct str secret_key;
    struct str session_token;
    struct str region;     /* else AWS_REGION, AWS_DEFAULT_REGION, us-east-1 */
    struct str path_style; /* "true", "false", "" = true when an endpoint is given */
    struct str ca_file;    /* PEM bundle; "" = the system's */
    int64_t deadline_us;   /* of one operation with its retries; 0 = 2 minutes */
    uint64_t part_bytes;   /* multipart size; 0 = 16 MiB */
};

/*
 * Opens the store for a table location: "s3://", "s3a://" and "s3n://", "file://", a path
 * (relative ones to the working directory), "memory://name" (tests).  Local folders are made
 * when first written.  The options are copied.
 */
int store_open(struct str location, const struct store_options *options, struct store **ret_store,
               struct err *err);

/* The local folder of a local store, NULL for others; borrowed. */
const char *store_local_root(struct store *s);

/*
 * Refuses a store whose put_if_absent does not hold (delta.md 2.2): creates a
 * probe key below `_delta_log/`, several times at once and again; exactly one may
 * succeed.  ERR_CONFIG names what the store did wrong.
 */
int store_probe(struct store *s, struct err *err);

#endif
