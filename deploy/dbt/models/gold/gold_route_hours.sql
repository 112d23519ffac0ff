{{ config(unique_key=['route_id', 'hour']) }}

with positions as (

    select
        *,
        date_trunc('hour', vehicle_timestamp) as hour
    from {{ ref('silver_positions') }}
    where route_id is not null

)

{%- if is_incremental() %},

-- A route's hour that got a position is counted anew, from all of its positions.
touched as (

    select distinct route_id, hour, position_date
    from positions
    where loaded_at >= {{ loaded_since() }}

)
{%- endif %}

select
    positions.route_id,
    positions.hour,
    count(*) as positions,
    count(distinct positions.vehicle_id) as vehicles,
    count(distinct positions.trip_id) as trips,
    avg(positions.speed_mps) as avg_speed_mps,
    max(positions.speed_mps) as max_speed_mps,
    count_if(positions.current_status = 'STOPPED_AT') as stopped_positions,
    max(positions.loaded_at) as loaded_at
from positions
{%- if is_incremental() %}
left semi join touched
    on positions.route_id = touched.route_id
    and positions.hour = touched.hour
    and positions.position_date = touched.position_date
{%- endif %}
group by positions.route_id, positions.hour
