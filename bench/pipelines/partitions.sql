-- Events of about 220 bytes out of nothing, spread evenly over some partitions.
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
) USING generator OPTIONS (
    kind = 'events', numRows = '${BENCH_ROWS}', rowsPerSecond = '0', partitions = '4'
);

CREATE STREAMING TABLE bench_partitions
USING delta
LOCATION '${BENCH_TABLE}'
${BENCH_PARTITIONED}
OPTIONS (trigger = '1 second')
AS
SELECT *, CAST(hash(_partition, _offset) % ${BENCH_PARTITIONS} AS STRING) AS part
FROM STREAM events;
