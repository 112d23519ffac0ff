/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadletters_sql - which dead letters are open, as SQL over the two tables
 *
 * A letter is known by its key (stream, topic, topic id, partition, offset) and its round: 0 when
 * the message came from the topic, else the replay that it failed in.  A claim closes the letters
 * of its key that are of an earlier round and not younger than the letter it was made for:
 *
 *  (1) A letter that failed again in replay k is of round k, and only a later claim closes it.
 *  (2) A message that is read again from its topic (`sluice offsets set`) and fails again is a new
 *      letter: claims made before do not close it.
 *  (3) A claim closes all open letters of its key, whatever the filter, so that a message is
 *      never replayed twice for one reading.
 */
#include "cli/deadletters_sql.h"

#include "cli/option.h"
#include "sql/sql.h"

#define VALUE_CHARS 200 /* of a value's head */

#define KEY "stream, topic, topic_id, \"partition\", \"offset\""

const char cli_deadletters_claim_columns[] =
    "STRUCT<query: STRING, stream: STRING, topic: STRING, topic_id: STRING, `partition`: INT, "
    "`offset`: BIGINT, replay_id: BIGINT, replay_offset: BIGINT, letter_time: TIMESTAMP>";

const char cli_deadletters_no_letters[] =
    "SELECT NULL::VARCHAR AS query, NULL::VARCHAR AS stream, NULL::VARCHAR AS topic, "
    "NULL::VARCHAR AS topic_id, NULL::INTEGER AS \"partition\", NULL::BIGINT AS \"offset\", "
    "NULL::TIMESTAMPTZ AS \"timestamp\", NULL::BLOB AS key, "
    "NULL::STRUCT(key VARCHAR, value BLOB)[] AS headers, NULL::BLOB AS value, "
    "NULL::BIGINT AS value_bytes, NULL::VARCHAR AS value_sha256, NULL::VARCHAR AS reason, "
    "NULL::VARCHAR AS message, NULL::BIGINT AS position, NULL::TIMESTAMPTZ AS time, "
    "NULL::BIGINT AS replay_id, NULL::BIGINT AS replay_offset WHERE false";

const char cli_deadletters_no_claims[] =
    "SELECT NULL::VARCHAR AS query, NULL::VARCHAR AS stream, NULL::VARCHAR AS topic, "
    "NULL::VARCHAR AS topic_id, NULL::INTEGER AS \"partition\", NULL::BIGINT AS \"offset\", "
    "NULL::BIGINT AS replay_id, NULL::BIGINT AS replay_offset, "
    "NULL::TIMESTAMPTZ AS letter_time WHERE false";

void cli_deadletters_sql_replay_query(struct buf *out, struct str query)
{
    buf_add_str(out, query);
    buf_add_c(out, "/replay");
}

static void add_replay_query(struct buf *out, struct str query)
{
    AUTO_BUF struct buf name = {0};
    cli_deadletters_sql_replay_query(&name, query);
    sql_quote_text(out, buf_str(&name));
}

/* The letters of a query, with .round, .replayed_in (NULL = open) and .is_whole. */
static void add_letters(struct buf *out, const struct cli_deadletters_of *of)
{
    buf_printf(out,
               "SELECT l.*, coalesce(l.replay_id, 0) AS round, "
               "coalesce(octet_length(l.value) >= l.value_bytes, true) AS is_whole, "
               "(SELECT min(c.replay_id) FROM %s c WHERE c.stream = l.stream "
               "AND c.topic = l.topic AND c.topic_id = l.topic_id "
               "AND c.\"partition\" = l.\"partition\" AND c.\"offset\" = l.\"offset\" "
               "AND c.replay_id > coalesce(l.replay_id, 0) AND c.letter_time >= l.time "
               "AND c.query = ",
               of->claims);
    sql_quote_text(out, of->query);
    buf_printf(out,
               ") AS replayed_in FROM %s l WHERE (l.replay_id IS NULL AND l.query = ", of->letters);
    sql_quote_text(out, of->query);
    buf_add_c(out, ") OR (l.replay_id IS NOT NULL AND l.query = ");
    add_replay_query(out, of->query);
    buf_add_char(out, ')');
}

static void add_text_condition(struct buf *out, const char *column, const char *text)
{
    if (text != NULL) {
        buf_printf(out, " AND %s = ", column);
        sql_quote_text(out, str_of(text));
    }
}

static void add_number_condition(struct buf *out, const char *what, int64_t value)
{
    if (value != CLI_NUMBER_NONE) {
        buf_printf(out, " AND %s %" PRId64, what, value);
    }
}

/* "true AND …" */
static void add_filter(struct buf *out, const struct cli_deadletters_filter *filter)
{
    buf_add_c(out, "true");
    add_text_condition(out, "reason", filter->reason);
    add_text_condition(out, "topic", filter->topic);
    add_number_condition(out, "\"partition\" =", filter->partition);
    add_number_condition(out, "\"offset\" >=", filter->from);
    add_number_condition(out, "\"offset\" <=", filter->to);
}

/* ---- for people ------------------------------------------------------------------------------ */

/* Of several queries: one SELECT, `query` being theirs and not the replay's. */
static void add_all(struct buf *out, const struct cli_deadletters_of *items, size_t count,
                    const struct cli_deadletters_filter *filter)
{
    buf_add_c(out, "(");
    for (size_t i = 0; i < count; i++) {
        buf_add_c(out, i == 0 ? "SELECT * REPLACE (" : " UNION ALL SELECT * REPLACE (");
        sql_quote_text(out, items[i].query);
        buf_add_c(out, " AS query) FROM (");
        add_letters(out, &items[i]);
        buf_add_c(out, ") WHERE ");
        add_filter(out, filter);
    }
    buf_add_char(out, ')');
}

void cli_deadletters_sql_show(struct buf *out, const struct cli_deadletters_of *items, size_t count,
                              const struct cli_deadletters_filter *filter, int64_t limit)
{
    buf_printf(out,
               "SELECT time, query, reason, split_part(message, chr(10), 1) AS message, stream, "
               "topic, \"partition\", \"offset\", "
               "value_bytes AS bytes, left(coalesce(TRY(decode(value)), value::VARCHAR), %d) AS "
               "value, replay_id AS failed_in, replayed_in FROM (SELECT * FROM ",
               VALUE_CHARS);
    add_all(out, items, count, filter);
    buf_printf(out,
               " ORDER BY time DESC, query DESC, topic DESC, \"partition\" DESC, \"offset\" DESC "
               "LIMIT %" PRId64 ") ORDER BY time, query, topic, \"partition\", \"offset\"",
               limit);
}

void cli_deadletters_sql_count(struct buf *out, const struct cli_deadletters_of *items,
                               size_t count, const struct cli_deadletters_filter *filter)
{
    buf_add_c(out, "SELECT count(*)::VARCHAR FROM ");
    add_all(out, items, count, filter);
}

void cli_deadletters_sql_summary(struct buf *out, const struct cli_deadletters_of *items,
                                 size_t count, const struct cli_deadletters_filter *filter)
{
    buf_add_c(out,
              "SELECT query, reason, count(*) AS letters, "
              "count(*) FILTER (replayed_in IS NULL) AS open, "
              "count(*) FILTER (replayed_in IS NOT NULL) AS replayed, "
              "count(*) FILTER (NOT is_whole) AS cut, min(time) AS first, max(time) AS last FROM ");
    add_all(out, items, count, filter);
    buf_add_c(out, " GROUP BY query, reason ORDER BY query, letters DESC, reason");
}

/* ---- for a replay ---------------------------------------------------------------------------- */

static void add_streams(struct buf *out, const struct str *streams, size_t count)
{
    buf_add_c(out, "(NULL");
    for (size_t i = 0; i < count; i++) {
        buf_add_c(out, ", ");
        sql_quote_text(out, streams[i]);
    }
    buf_add_char(out, ')');
}

void cli_deadletters_sql_choose(struct buf *out, const struct cli_deadletters_of *of,
                                const struct cli_deadletters_filter *filter,
                                const struct str *streams, size_t stream_count, int64_t replay_id)
{
    buf_add_c(out, "SELECT ");
    sql_quote_text(out, of->query);
    buf_printf(out,
               " AS query, " KEY ", CAST(%" PRId64 " AS BIGINT) AS replay_id, "
               "CAST(row_number() OVER (PARTITION BY stream ORDER BY topic, topic_id, "
               "\"partition\", \"offset\") - 1 AS BIGINT) AS replay_offset, letter_time FROM ("
               "SELECT " KEY ", max(time) AS letter_time FROM (",
               replay_id);
    add_letters(out, of);
    buf_add_c(out, ") WHERE replayed_in IS NULL AND stream IN ");
    add_streams(out, streams, stream_count);
    buf_add_c(out, " GROUP BY " KEY " HAVING bool_or(is_whole) AND bool_or(");
    add_filter(out, filter);
    buf_add_c(out, "))");
}

void cli_deadletters_sql_unable(struct buf *out, const struct cli_deadletters_of *of,
                                const struct cli_deadletters_filter *filter,
                                const struct str *streams, size_t stream_count)
{
    buf_add_c(out, "SELECT topic || ':' || \"partition\" || ':' || \"offset\", "
                   "CASE WHEN coalesce(stream IN ");
    add_streams(out, streams, stream_count);
    buf_add_c(out, ", false) THEN 'cut' ELSE 'stream' END AS why FROM (");
    add_letters(out, of);
    buf_add_c(out, ") WHERE replayed_in IS NULL GROUP BY " KEY
                   " HAVING (NOT bool_or(is_whole) OR why = 'stream') AND bool_or(");
    add_filter(out, filter);
    buf_add_c(out, ") ORDER BY topic, \"partition\", \"offset\"");
}

void cli_deadletters_sql_newest(struct buf *out, const struct cli_deadletters_of *of)
{
    buf_printf(out, "SELECT * FROM (SELECT * FROM %s WHERE query = ", of->claims);
    sql_quote_text(out, of->query);
    buf_add_c(out, ") QUALIFY replay_id = max(replay_id) OVER ()");
}

void cli_deadletters_sql_messages(struct buf *out, const struct cli_deadletters_of *of,
                                  const char *chosen, struct str stream)
{
    buf_add_c(out,
              "SELECT place::VARCHAR, topic, topic_id, \"partition\"::VARCHAR, "
              "\"offset\"::VARCHAR, epoch_us(\"timestamp\")::VARCHAR, hex(key), hex(value), "
              "to_json(list_transform(headers, x -> {'k': x.key, 'v': hex(x.value)}))::VARCHAR "
              "FROM (SELECT l.*, c.replay_offset AS place FROM (");
    add_letters(out, of);
    buf_printf(out,
               ") l JOIN %s c USING (" KEY ") WHERE l.is_whole AND l.round < c.replay_id AND "
               "l.time <= c.letter_time AND c.stream = ",
               chosen);
    sql_quote_text(out, stream);
    buf_add_c(out, " QUALIFY row_number() OVER (PARTITION BY c.replay_offset ORDER BY l.round DESC,"
                   " l.time DESC) = 1) ORDER BY place");
}

void cli_deadletters_sql_again(struct buf *out, const struct cli_deadletters_of *of,
                               int64_t replay_id)
{
    buf_printf(out, "SELECT count(*)::VARCHAR FROM %s WHERE replay_id = %" PRId64 " AND query = ",
               of->letters, replay_id);
    add_replay_query(out, of->query);
}
