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
        {{ utc_day('sessions.started_at') }} as day,
        sessions.device as device,
        sessions.country as country,
        sessions.channel as channel,
        count() as sessions,
        countIf(sessions.views > 0) as viewed,
        countIf(sessions.carts > 0) as carted,
        countIf(sessions.checkouts > 0) as checked_out,
        countIf(sessions.purchases > 0) as purchased,
        {% for step in var('funnel_steps') -%}
        countIf(sessions.funnel_step >= {{ loop.index }}) as reached_{{ step }},
        countIf(session_funnels.depth >= {{ loop.index }}) as sessions_to_{{ step }},
        {% endfor -%}
        sum(session_funnels.cart_ms) as session_cart_ms,
        sum(session_funnels.checkout_ms) as session_checkout_ms,
        sum(session_funnels.purchase_ms) as session_purchase_ms
    from sessions
    left join session_funnels
        on sessions.customer_id = session_funnels.customer_id and sessions.session_number = session_funnels.session_number
    group by day, device, country, channel

),

customer_counts as (

    select
        day,
        device,
        country,
        channel,
        {% for step in var('funnel_steps') -%}
        countIf(depth >= {{ loop.index }}) as customers_to_{{ step }},
        {% endfor -%}
        sum(cart_ms) as customer_cart_ms,
        sum(checkout_ms) as customer_checkout_ms,
        sum(purchase_ms) as customer_purchase_ms
    from customer_funnels
    group by day, device, country, channel

),

-- A customer's later view may lie on a day, or under a label, with which no session started.
final as (

    select
        assumeNotNull(coalesce(session_counts.day, customer_counts.day)) as day,
        {{ label('coalesce(session_counts.device, customer_counts.device)') }} as device,
        {{ label('coalesce(session_counts.country, customer_counts.country)') }} as country,
        {{ label('coalesce(session_counts.channel, customer_counts.channel)') }} as channel,
        {% for measure in ['sessions', 'viewed', 'carted', 'checked_out', 'purchased'] -%}
        {{ bigint('coalesce(session_counts.' ~ measure ~ ', 0)') }} as {{ measure }},
        {% endfor -%}
        {% for step in var('funnel_steps') -%}
        {{ bigint('coalesce(session_counts.reached_' ~ step ~ ', 0)') }} as reached_{{ step }},
        {% endfor -%}
        {% for subject in ['session', 'customer'] -%}
        {% for step in var('funnel_steps') -%}
        {{ bigint('coalesce(' ~ subject ~ '_counts.' ~ subject ~ 's_to_' ~ step ~ ', 0)') }} as {{ subject }}s_to_{{ step }},
        {% endfor -%}
        {% for step in var('funnel_steps')[1:] -%}
        {{ bigint('coalesce(' ~ subject ~ '_counts.' ~ subject ~ '_' ~ step ~ '_ms, 0)') }} as {{ subject }}_{{ step }}_ms,
        {% endfor -%}
        {% endfor -%}
        toInt32({{ var('funnel_window_minutes') }}) as window_minutes
    from session_counts
    full outer join customer_counts
        on
            session_counts.day = customer_counts.day
            and session_counts.device = customer_counts.device
            and session_counts.country = customer_counts.country
            and session_counts.channel = customer_counts.channel

)

select * from final
