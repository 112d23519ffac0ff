-- Web events (ten fields a message), from Kafka into a Delta table by day.
--
--   KAFKA_BROKER  bootstrap servers  localhost:9092
--   KAFKA_TOPIC   topic              events
--   EVENTS_PATH   the table          ./lake/events

CREATE STREAM events (
    event_id STRING,
    user_id BIGINT,
    event_type STRING,
    ts TIMESTAMP,
    country STRING,
    device STRING,
    amount DECIMAL(12,2),
    quantity INT,
    url STRING,
    ok BOOLEAN
) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '${KAFKA_BROKER:-localhost:9092}',
    subscribe                 = '${KAFKA_TOPIC:-events}',
    startingOffsets           = 'earliest',
    failOnDataLoss            = true,
    timestampUnit             = 'millis',
    onBadRecord               = 'drop'
);

-- A view is a name for a SELECT; nothing is stored.
CREATE VIEW purchases AS
SELECT *, amount * quantity AS total, _partition AS kafka_partition, _offset AS kafka_offset
FROM STREAM events
WHERE event_type = 'purchase' AND ok;

CREATE STREAMING TABLE events_by_day (
    event_id        STRING NOT NULL COMMENT 'hexadecimal, from the producer',
    user_id         BIGINT,
    event_type      STRING,
    ts              TIMESTAMP,
    country         STRING,
    device          STRING,
    amount          DECIMAL(12,2),
    quantity        INT,
    url             STRING,
    ok              BOOLEAN,
    day             DATE
)
USING delta
LOCATION '${EVENTS_PATH:-./lake/events}'
PARTITIONED BY (day)
TBLPROPERTIES ('delta.logRetentionDuration' = 'interval 7 days')
OPTIONS (trigger = '1 second', compression = 'zstd')
AS
SELECT *, CAST(ts AS DATE) AS day FROM STREAM events;

CREATE STREAMING TABLE purchases_only
LOCATION '${EVENTS_PATH:-./lake/events}_purchases'
AS
SELECT event_id, user_id, ts, country, CAST(total AS DECIMAL(18,2)) AS total, kafka_partition, kafka_offset
FROM purchases;
