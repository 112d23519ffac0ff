{# The newest version of a Delta table; 0 while dbt only parses. #}
{% macro table_version(relation) -%}
  {%- if execute -%}
    {%- set newest = run_query('describe history ' ~ relation ~ ' limit 1') -%}
    {{ newest.columns[0][0] }}
  {%- else -%}
    0
  {%- endif -%}
{%- endmacro %}
