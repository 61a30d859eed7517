{# The day the marts describe: what was known at its end, UTC. #}
{% macro as_of_day() -%}
    toDate32('{{ var("as_of_day") }}')
{%- endmacro %}

{# The first moment that is no longer known. #}
{% macro cutoff() -%}
    toDateTime64('{{ var("cutoff") }}', 3, 'UTC')
{%- endmacro %}

{# The midnight up to which the history is complete: the cutoff, or the start of the day of the build where that is earlier.
   Compare it with midnights alone. #}
{% macro known_until() -%}
    toDateTime64('{{ var("known_until") }}', 3, 'UTC')
{%- endmacro %}
