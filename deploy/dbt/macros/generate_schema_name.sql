{#
  bronze, silver and gold are called so, not default_bronze as dbt would. Who works with a schema of
  their own (DBT_SCHEMA=alice) gets alice_bronze and so on, and disturbs nobody.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name is none -%}
    {{ target.schema }}
  {%- elif target.schema == 'default' -%}
    {{ custom_schema_name | trim }}
  {%- else -%}
    {{ target.schema }}_{{ custom_schema_name | trim }}
  {%- endif -%}
{%- endmacro %}
