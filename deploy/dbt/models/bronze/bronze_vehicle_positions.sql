{# The table as it was when this build began: all later models see one version, whatever arrives. #}
{%- set version = table_version(source('sluice', 'vehicle_positions')) | trim -%}
select
    *,
    cast({{ version }} as bigint) as source_version
from {{ source('sluice', 'vehicle_positions') }} version as of {{ version }}
