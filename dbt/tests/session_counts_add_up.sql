-- Counts by event type are the same summed over sessions and over days.
{%- set counts = {
    'view': 'views', 'cart': 'carts', 'remove_from_cart': 'removals', 'checkout': 'checkouts', 'purchase': 'purchases',
} %}

with sessions as (

    {% for event_type, column in counts.items() %}
    select
        '{{ event_type }}' as event_type,
        sum({{ column }}) as events
    from {{ ref('fct_sessions') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

daily as (

    select
        event_type,
        sum(events) as events
    from {{ ref('fct_web_events_daily') }}
    group by event_type

)

select
    sessions.event_type as event_type,
    sessions.events as in_sessions,
    coalesce(daily.events, 0) as in_days
from sessions
left join daily on sessions.event_type = daily.event_type
where in_sessions != in_days
