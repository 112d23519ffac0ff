{# What a row of Sluice's table must have to be a position: whose, when, and somewhere on Earth. #}
{% macro usable_position() -%}
  vehicle_id is not null
        and vehicle_timestamp is not null
        and latitude between -90 and 90
        and longitude between -180 and 180
{%- endmacro %}
