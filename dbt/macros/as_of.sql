{# The day the marts describe: what was known at its end, UTC. #}
{% macro as_of_day() -%}
    toDate32('{{ var("as_of_day") }}')
{%- endmacro %}

{# The first moment that is no longer known. #}
{% macro cutoff() -%}
    toDateTime64('{{ var("cutoff") }}', 3, 'UTC')
{%- endmacro %}
