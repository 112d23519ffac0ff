-- gold_latest_positions has each vehicle of silver, at its newest instant.
with newest as (
    select vehicle_id, max(vehicle_timestamp) as vehicle_timestamp
    from {{ ref('silver_positions') }}
    group by vehicle_id
)

select newest.vehicle_id, newest.vehicle_timestamp, gold.vehicle_timestamp as in_gold
from newest
left join {{ ref('gold_latest_positions') }} as gold on newest.vehicle_id = gold.vehicle_id
where not newest.vehicle_timestamp <=> gold.vehicle_timestamp
