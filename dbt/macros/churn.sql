{# The days as rows, each with the first moment after its end: (cutoff_day, cutoff_at). #}
{% macro cutoff_rows(days) -%}
    select
        toDate32(arrayJoin([{{ quoted(days) }}])) as cutoff_day,
        toDateTime64(cutoff_day + 1, 3, 'UTC') as cutoff_at
{%- endmacro %}

{# Count, or sum of a value, over the last days before cutoff_at. Counts are signed, so that they can be subtracted. #}
{% macro in_window(function, value, time, days) -%}
    {{ _if_between(function, value, time ~ ' >= cutoff_at - interval ' ~ days ~ ' day') }}
{%- endmacro %}

{# The same less what it was over as many days before them. #}
{% macro trend(function, value, time, days) -%}
    {{ in_window(function, value, time, days) }}
    - {{ _if_between(
        function, value,
        time ~ ' >= cutoff_at - interval ' ~ 2 * days ~ ' day and ' ~ time ~ ' < cutoff_at - interval ' ~ days ~ ' day'
    ) }}
{%- endmacro %}

{% macro _if_between(function, value, condition) -%}
    {%- if function == 'count' -%} {{ bigint('countIf(' ~ condition ~ ')') }}
    {%- else -%} {{ function }}If({{ value }}, {{ condition }})
    {%- endif -%}
{%- endmacro %}

{# How many meet the condition; NULL where it cannot be said before a moment that has not come. #}
{% macro counted_by(moment, condition) -%}
    if(
            {{ moment }} <= {{ known_until() }},
            {{ bigint('countIf(' ~ condition ~ ')') }},
            null
        )
{%- endmacro %}

{# Of the churned, those whose next purchase lies within these days after their silence. #}
{% macro came_back_within(days) -%}
    {%- set end = 'silent_until + interval ' ~ days ~ ' day' -%}
    {{ counted_by(end, 'is_churned and next_purchase_at < ' ~ end) }}
{%- endmacro %}
