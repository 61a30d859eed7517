{{ config(order_by='(day, country, device, channel)') }}

with sessions as (

    select * from {{ ref('fct_sessions') }}

),

session_funnels as (

    select * from {{ ref('int_session_funnels') }}

),

customer_funnels as (

    select * from {{ ref('int_customer_funnels') }}

),

session_counts as (

    select
        {{ utc_day('started_at') }} as day,
        device,
        country,
        channel,
        count() as sessions,
        countIf(views > 0) as viewed,
        countIf(carts > 0) as carted,
        countIf(checkouts > 0) as checked_out,
        countIf(purchases > 0) as purchased,
        {% for step in var('funnel_steps') -%}
        countIf(funnel_step >= {{ loop.index }}) as reached_{{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
    group by day, device, country, channel

),

{% for subject in ['session', 'customer'] -%}
{{ subject }}_paths as (

    select
        day,
        device,
        country,
        channel,
        {% for step in var('funnel_steps') -%}
        countIf(depth >= {{ loop.index }}) as {{ subject }}s_to_{{ step }},
        {% endfor -%}
        sum(cart_ms) as {{ subject }}_cart_ms,
        sum(checkout_ms) as {{ subject }}_checkout_ms,
        sum(purchase_ms) as {{ subject }}_purchase_ms
    from {{ subject }}_funnels
    group by day, device, country, channel

),

{% endfor -%}

-- A customer's later view may lie on a day, or under a label, with which no session started.
final as (

    select
        assumeNotNull(coalesce(session_counts.day, customer_paths.day)) as day,
        {{ label('coalesce(session_counts.device, customer_paths.device)') }} as device,
        {{ label('coalesce(session_counts.country, customer_paths.country)') }} as country,
        {{ label('coalesce(session_counts.channel, customer_paths.channel)') }} as channel,
        {% for measure in ['sessions', 'viewed', 'carted', 'checked_out', 'purchased'] -%}
        {{ bigint('coalesce(session_counts.' ~ measure ~ ', 0)') }} as {{ measure }},
        {% endfor -%}
        {% for step in var('funnel_steps') -%}
        {{ bigint('coalesce(session_counts.reached_' ~ step ~ ', 0)') }} as reached_{{ step }},
        {% endfor -%}
        {% for subject in ['session', 'customer'] -%}
        {% for step in var('funnel_steps') -%}
        {{ bigint('coalesce(' ~ subject ~ '_paths.' ~ subject ~ 's_to_' ~ step ~ ', 0)') }} as {{ subject }}s_to_{{ step }},
        {% endfor -%}
        {% for step in var('funnel_steps')[1:] -%}
        {{ bigint('coalesce(' ~ subject ~ '_paths.' ~ subject ~ '_' ~ step ~ '_ms, 0)') }} as {{ subject }}_{{ step }}_ms,
        {% endfor -%}
        {% endfor -%}
        toInt32({{ var('funnel_window_minutes') }}) as window_minutes
    from session_counts
    left join session_paths
        on
            session_counts.day = session_paths.day
            and session_counts.device = session_paths.device
            and session_counts.country = session_paths.country
            and session_counts.channel = session_paths.channel
    full outer join customer_paths
        on
            session_counts.day = customer_paths.day
            and session_counts.device = customer_paths.device
            and session_counts.country = customer_paths.country
            and session_counts.channel = customer_paths.channel

)

select * from final
