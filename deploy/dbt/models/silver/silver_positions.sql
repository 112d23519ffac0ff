{{ config(unique_key='position_id', partition_by=['position_date']) }}

with reports as (

    select
        md5(concat(vehicle_id, '|', unix_micros(vehicle_timestamp))) as position_id,
        vehicle_id,
        vehicle_timestamp,
        cast(vehicle_timestamp as date) as position_date,
        vehicle_label,
        route_id,
        trip_id,
        start_date,
        direction_id,
        latitude,
        longitude,
        bearing,
        speed as speed_mps,
        stop_id,
        current_status,
        occupancy_status,
        feed_timestamp,
        entity_id,
        processing_timestamp as loaded_at
    from {{ ref('bronze_vehicle_positions') }}
    where {{ usable_position() }}
    {%- if is_incremental() %}
        and processing_timestamp >= {{ loaded_since() }}
    {%- endif %}

),

-- The same measurement stands in every feed until the vehicle has a new one: the first report counts.
-- What follows the first two columns only settles which of two that contradict each other in one feed.
numbered as (

    select
        *,
        row_number() over (
            partition by position_id
            order by loaded_at, feed_timestamp, entity_id, latitude, longitude, route_id, trip_id,
                speed_mps, current_status
        ) as report
    from reports

)

select
    numbered.position_id,
    numbered.vehicle_id,
    numbered.vehicle_timestamp,
    numbered.position_date,
    numbered.vehicle_label,
    numbered.route_id,
    numbered.trip_id,
    numbered.start_date,
    numbered.direction_id,
    numbered.latitude,
    numbered.longitude,
    numbered.bearing,
    numbered.speed_mps,
    numbered.stop_id,
    numbered.current_status,
    numbered.occupancy_status,
    numbered.loaded_at
from numbered
{%- if is_incremental() %}
left anti join {{ this }} as known on numbered.position_id = known.position_id
{%- endif %}
where numbered.report = 1
