-- Positions of vehicles (GTFS Realtime as it is, in Protobuf) into the table that
-- vehicle_positions.sql makes of the same feeds in JSON.
--
-- What the JSON has beside the feed comes from Kafka here: the message's key is the source, its
-- timestamp the producer's, and a header says what kind of event it is.
--
--   KAFKA_BROKER     bootstrap servers                        localhost:9092
--   KAFKA_TOPIC      topic with one FeedMessage a message     dev_topic
--   DELTA_LAKE_PATH  the table: s3a://bucket/path or a folder
--   PROTO            the message's description                examples/vehicle_positions.proto

CREATE STREAM feed USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '${KAFKA_BROKER:-localhost:9092}',
    subscribe                 = '${KAFKA_TOPIC:-dev_topic}',
    startingOffsets           = 'earliest',
    'value.format'            = 'protobuf',
    messageName               = 'transit_realtime.FeedMessage',
    protoFiles                = '${PROTO:-examples/vehicle_positions.proto}',
    'key.format'              = 'text'
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
    to_timestamp(header."timestamp"::BIGINT)    AS feed_timestamp,
    e.id                                        AS entity_id,
    e.vehicle.trip.trip_id,
    e.vehicle.trip.start_time,
    e.vehicle.trip.start_date,
    e.vehicle.trip.route_id,
    e.vehicle.trip.schedule_relationship,
    e.vehicle.trip.direction_id::INT            AS direction_id,
    e.vehicle.position.latitude::DOUBLE         AS latitude,
    e.vehicle.position.longitude::DOUBLE        AS longitude,
    e.vehicle.position.bearing::DOUBLE          AS bearing,
    e.vehicle.position.speed::DOUBLE            AS speed,
    e.vehicle.current_stop_sequence::INT        AS current_stop_sequence,
    e.vehicle.current_status,
    to_timestamp(e.vehicle."timestamp"::BIGINT) AS vehicle_timestamp,
    e.vehicle.stop_id,
    e.vehicle.vehicle.id                        AS vehicle_id,
    e.vehicle.vehicle.label                     AS vehicle_label,
    e.vehicle.occupancy_status,
    _timestamp                                  AS producer_timestamp,
    _key                                        AS source_id,
    decode(list_filter(_headers, lambda h: h.key = 'event_type')[1].value) AS event_type,
    current_timestamp                           AS processing_timestamp
FROM (SELECT *, _timestamp, _key, _headers, unnest(entity) AS e FROM STREAM feed);
