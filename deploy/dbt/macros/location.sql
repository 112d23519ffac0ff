{# Tables lie at <location_root>/<schema>/<name>; dbt-spark itself leaves the schema out. #}
{% macro spark__location_clause() %}
  location '{{ config.require('location_root') }}/{{ model['schema'] }}/{{ model['alias'] }}'
{%- endmacro %}
