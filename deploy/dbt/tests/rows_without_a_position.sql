-- Rows that silver leaves out. A feed may have some: a warning, not an error.
{{ config(severity='warn') }}
select vehicle_id, vehicle_timestamp, latitude, longitude
from {{ ref('bronze_vehicle_positions') }}
where not coalesce({{ usable_position() }}, false)
