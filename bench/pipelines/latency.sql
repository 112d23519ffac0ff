-- The same with each record's time in Kafka, for record-to-commit latency.
CREATE STREAM events (
    event_id STRING,
    user_id BIGINT,
    event_type STRING,
    ts BIGINT,
    country STRING,
    device STRING,
    amount DOUBLE,
    quantity BIGINT,
    url STRING,
    ok BOOLEAN
) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '${BENCH_BROKER}',
    subscribe                 = '${BENCH_TOPIC}',
    startingOffsets           = 'earliest'
);

CREATE STREAMING TABLE bench_latency
USING delta
LOCATION '${BENCH_TABLE}'
OPTIONS (mergeSchema = true, trigger = '${BENCH_TRIGGER:-1 second}')
AS
SELECT *, _timestamp AS kafka_timestamp FROM STREAM events;
