{#
  From when on rows may be new to this model: some hours before the newest that it has, by Sluice's
  clock. Reading a row twice is harmless, so the hours are for clocks that were set back. A literal,
  not a subquery, so that Delta leaves files out by their statistics.
#}
{% macro loaded_since() -%}
  {%- set newest = run_query(
        "select date_format(max(loaded_at) - interval " ~ var('lookback_hours') ~ " hours, "
        ~ "'yyyy-MM-dd HH:mm:ss.SSSSSS') from " ~ this) -%}
  timestamp '{{ newest.columns[0][0] or "1970-01-01 00:00:00" }}'
{%- endmacro %}
