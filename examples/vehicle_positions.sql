-- Positions of vehicles (GTFS Realtime as JSON), from Kafka into a Delta table, one row a vehicle.
--
--   KAFKA_BROKER     bootstrap servers                        localhost:9092
--   KAFKA_TOPIC      topic with one feed a message            dev_topic
--   DELTA_LAKE_PATH  the table: s3a://bucket/path or a folder
--
-- S3: MINIO_ENDPOINT, MINIO_ROOT_USER and MINIO_ROOT_PASSWORD, or the usual AWS_* variables.
-- Try it:  sluice check examples/vehicle_positions.sql
--          sluice run examples/vehicle_positions.sql

CREATE STREAM feed (
    header STRUCT<
        gtfs_realtime_version: STRING,
        incrementality: STRING,
        `timestamp`: STRING
    >,
    entity ARRAY<STRUCT<
        id: STRING,
        vehicle: STRUCT<
            trip: STRUCT<
                trip_id: STRING,
                start_time: STRING,
                start_date: STRING,
                route_id: STRING,
                schedule_relationship: STRING,
                direction_id: INT
            >,
            position: STRUCT<
                latitude: DOUBLE,
                longitude: DOUBLE,
                bearing: DOUBLE,
                speed: DOUBLE
            >,
            current_stop_sequence: INT,
            current_status: STRING,
            `timestamp`: STRING,
            stop_id: STRING,
            vehicle: STRUCT<id: STRING, label: STRING>,
            occupancy_status: STRING
        >
    >>,
    producer_timestamp DOUBLE,
    source_id STRING,
    event_type STRING
) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '${KAFKA_BROKER:-localhost:9092}',
    subscribe                 = '${KAFKA_TOPIC:-dev_topic}',
    startingOffsets           = 'earliest',
    'value.format'            = 'json'
);

CREATE STREAMING TABLE vehicle_positions
USING delta
LOCATION '${DELTA_LAKE_PATH:-s3a://my-bucket/delta-lake/vehicle_positions}'
PARTITIONED BY (start_date)
COMMENT 'One row for each vehicle of each feed'
OPTIONS (mergeSchema = true, trigger = '10 seconds')
AS
SELECT
    header.gtfs_realtime_version,
    header.incrementality,
    to_timestamp(TRY_CAST(header."timestamp" AS BIGINT))    AS feed_timestamp,
    e.id                                                    AS entity_id,
    e.vehicle.trip.trip_id,
    e.vehicle.trip.start_time,
    e.vehicle.trip.start_date,
    e.vehicle.trip.route_id,
    e.vehicle.trip.schedule_relationship,
    e.vehicle.trip.direction_id,
    e.vehicle.position.latitude,
    e.vehicle.position.longitude,
    e.vehicle.position.bearing,
    e.vehicle.position.speed,
    e.vehicle.current_stop_sequence,
    e.vehicle.current_status,
    to_timestamp(TRY_CAST(e.vehicle."timestamp" AS BIGINT)) AS vehicle_timestamp,
    e.vehicle.stop_id,
    e.vehicle.vehicle.id                                    AS vehicle_id,
    e.vehicle.vehicle.label                                 AS vehicle_label,
    e.vehicle.occupancy_status,
    to_timestamp(producer_timestamp)                        AS producer_timestamp,
    source_id,
    event_type,
    current_timestamp                                       AS processing_timestamp
FROM (SELECT *, unnest(entity) AS e FROM STREAM feed);
