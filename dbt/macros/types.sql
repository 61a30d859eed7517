{# Counts are signed: Iceberg and Spark have no unsigned integers. #}
{% macro bigint(expression) -%}
    toInt64({{ expression }})
{%- endmacro %}

{# The sum of an amount of money, exact: wide enough for any number of rows. #}
{% macro money_sum(expression) -%}
    cast(sum({{ expression }}) as Decimal(38, 4))
{%- endmacro %}

{# A name with few distinct values. #}
{% macro label(expression) -%}
    toLowCardinality(assumeNotNull({{ expression }}))
{%- endmacro %}

{% macro utc_day(timestamp) -%}
    toDate32({{ timestamp }}, 'UTC')
{%- endmacro %}

{# numerator / denominator, 0 where there is nothing to divide by. #}
{% macro ratio(numerator, denominator) -%}
    if({{ denominator }} = 0, 0.0, toFloat64({{ numerator }}) / toFloat64({{ denominator }}))
{%- endmacro %}
