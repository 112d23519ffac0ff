/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_DEAD_LETTER_H
#define JOB_DEAD_LETTER_H

#include "connect/connector.h"
#include "sql/sql.h"

/*
 * dead_letter - the messages of one batch that cannot become rows, private to job/
 *
 * DuckDB's workers add them while the batch is read; they go to a file in the spool, so a batch of
 * nothing else costs no memory.  Once the batch's statement has succeeded they are read back, into
 * Parquet for the dead letter table or one by one for a topic.
 */
struct dead_letter {
    struct str stream;
    struct str topic, topic_id; /* where the message came from first */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_us; /* -1 = none */
    struct str key, value;
    size_t header_count;
    const struct message_header *headers;
    struct str reason;     /* stable code: "syntax", "utf8", "range", "sql", "not_null"… */
    struct str message;    /* for a person */
    int64_t position;      /* byte in the value; -1 = none */
    int64_t replay_id;     /* 0 = from the stream itself */
    int64_t replay_offset; /* position within the replay */
    int64_t time_us;       /* wall clock, set by dead_letters_add */
};

struct dead_letters;

/* `path` is a file to be made in the spool with the first letter. */
struct dead_letters *dead_letters_new(const char *path);
void dead_letters_free(struct dead_letters *d); /* removes the file; NULL is fine */
/* Any thread; copies. */
int dead_letters_add(struct dead_letters *d, const struct dead_letter *letter, struct err *err);
int64_t dead_letters_count(struct dead_letters *d);

/* Every letter in the order of adding, on one thread, when nobody adds any more. The strings and
 * headers are valid until dead_letters_free. */
typedef int (*dead_letter_fn)(void *user, const struct dead_letter *letter, struct err *err);
int dead_letters_each(struct dead_letters *d, dead_letter_fn on_letter, void *user,
                      struct err *err);

/* The columns of a dead letter table. */
extern const char dead_letters_columns[];

/* Makes `sluice_dead_letters()` a table function of the connection; `row_type` is
 * dead_letters_columns parsed and outlives the database. */
int dead_letters_register(struct sql_conn *conn, const struct type *row_type, struct arena *arena,
                          struct sql_source **ret_source, struct err *err);

/*
 * Writes them as Parquet files below `dir` (fresh). A value longer than value_bytes_max is cut
 * there, and its SHA-256 is kept.
 */
struct dead_letters_copy {
    struct sql_conn *conn;
    struct sql_source *source;
    struct str query;
    uint64_t value_bytes_max;
    const char *dir;
    const char *compression;
};
int dead_letters_write(struct dead_letters *d, const struct dead_letters_copy *copy,
                       struct arena *arena, struct sql_copy_result *ret_result, struct err *err);

#endif
