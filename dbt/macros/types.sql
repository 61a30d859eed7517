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

{# The first day of the UTC month. #}
{% macro utc_month(timestamp) -%}
    toDate32(toStartOfMonth({{ timestamp }}, 'UTC'))
{%- endmacro %}

{# The first day of a day's month. #}
{% macro month_of(day) -%}
    toDate32(toStartOfMonth({{ day }}))
{%- endmacro %}

{# Whether the UTC month that starts on this day is over: nothing can be added to it but what arrives late. #}
{% macro month_is_complete(month) -%}
    cast(toDateTime64(addMonths({{ month }}, 1), 3, 'UTC') <= {{ known_until() }} as Bool)
{%- endmacro %}

{# numerator / denominator, 0 where there is nothing to divide by. #}
{% macro ratio(numerator, denominator) -%}
    if({{ denominator }} = 0, 0.0, toFloat64({{ numerator }}) / toFloat64({{ denominator }}))
{%- endmacro %}
