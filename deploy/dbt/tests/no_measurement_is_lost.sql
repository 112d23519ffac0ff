-- Every usable row of the version that was built from is in silver. It would fail if the clock of
-- Sluice's machine had gone back by more than lookback_hours: then run `dbt build --full-refresh`.
select bronze.vehicle_id, bronze.vehicle_timestamp
from {{ ref('bronze_vehicle_positions') }} as bronze
left anti join {{ ref('silver_positions') }} as silver
    on bronze.vehicle_id = silver.vehicle_id
    and bronze.vehicle_timestamp = silver.vehicle_timestamp
where {{ usable_position() }}
