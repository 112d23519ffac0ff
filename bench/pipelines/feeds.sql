-- Feeds of twenty vehicles, one row a vehicle, by day.
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
    'kafka.bootstrap.servers' = '${BENCH_BROKER}',
    subscribe                 = '${BENCH_TOPIC}',
    startingOffsets           = 'earliest'
);

CREATE STREAMING TABLE bench_feeds
USING delta
LOCATION '${BENCH_TABLE}'
PARTITIONED BY (start_date)
OPTIONS (mergeSchema = true, trigger = '${BENCH_TRIGGER:-1 second}')
AS
SELECT
    header.gtfs_realtime_version,
    header.incrementality,
    header."timestamp" AS feed_timestamp,
    e.id AS entity_id,
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
    e.vehicle."timestamp" AS vehicle_timestamp,
    e.vehicle.stop_id,
    e.vehicle.vehicle.id AS vehicle_id,
    e.vehicle.vehicle.label AS vehicle_label,
    e.vehicle.occupancy_status,
    producer_timestamp,
    source_id,
    event_type,
    current_timestamp AS processing_timestamp
FROM (SELECT *, unnest(entity) AS e FROM STREAM feed);
