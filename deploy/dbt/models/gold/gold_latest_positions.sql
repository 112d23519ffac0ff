{{ config(unique_key='vehicle_id') }}

with numbered as (

    select
        *,
        row_number() over (partition by vehicle_id order by vehicle_timestamp desc) as back
    from {{ ref('silver_positions') }}
    {%- if is_incremental() %}
    where loaded_at >= {{ loaded_since() }}
    {%- endif %}

)

select
    numbered.vehicle_id,
    numbered.vehicle_timestamp,
    numbered.vehicle_label,
    numbered.route_id,
    numbered.trip_id,
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
left join {{ this }} as known on numbered.vehicle_id = known.vehicle_id
{%- endif %}
where numbered.back = 1
{%- if is_incremental() %}
    and (known.vehicle_id is null or numbered.vehicle_timestamp > known.vehicle_timestamp)
{%- endif %}
