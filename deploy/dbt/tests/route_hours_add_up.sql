-- gold_route_hours counts each position of a route once: no hour is missing, stale or there twice.
with counted as (
    select route_id, date_trunc('hour', vehicle_timestamp) as hour, count(*) as positions
    from {{ ref('silver_positions') }}
    where route_id is not null
    group by 1, 2
),

summed as (
    select route_id, hour, sum(positions) as positions
    from {{ ref('gold_route_hours') }}
    group by route_id, hour
)

select
    coalesce(counted.route_id, summed.route_id) as route_id,
    coalesce(counted.hour, summed.hour) as hour,
    counted.positions as in_silver,
    summed.positions as in_gold
from counted
full join summed on counted.route_id = summed.route_id and counted.hour = summed.hour
where not counted.positions <=> summed.positions
