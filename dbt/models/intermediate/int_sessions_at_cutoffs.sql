{{ config(materialized='by_customer', order_by='(cutoff_day, customer_id)') }}

with cutoffs as (

    {{ cutoff_rows(var('churn_cutoffs')) }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}
    where {{ customers_to_build() }}

),

events as (

    select * from {{ ref('int_session_events') }}
    where {{ customers_to_build() }}

),

-- A session that goes on after the cutoff is cut there.
straddling as (

    select
        cutoffs.cutoff_day as cutoff_day,
        cutoffs.cutoff_at as cutoff_at,
        sessions.customer_id as customer_id,
        sessions.session_number as session_number
    from sessions
    cross join cutoffs
    where sessions.started_at < cutoffs.cutoff_at and sessions.ended_at >= cutoffs.cutoff_at

),

known as (

    select
        cutoffs.cutoff_day as cutoff_day,
        cutoffs.cutoff_at as cutoff_at,
        sessions.customer_id as customer_id,
        sessions.started_at as started_at,
        sessions.views as views,
        sessions.carts as carts,
        sessions.purchases as purchases,
        sessions.device as device,
        sessions.country as country,
        sessions.channel as channel
    from sessions
    cross join cutoffs
    where sessions.ended_at < cutoffs.cutoff_at
    union all
    select
        straddling.cutoff_day as cutoff_day,
        straddling.cutoff_at as cutoff_at,
        straddling.customer_id as customer_id,
        min(events.event_time) as started_at,
        {{ bigint("countIf(events.event_type = 'view')") }} as views,
        {{ bigint("countIf(events.event_type = 'cart')") }} as carts,
        {{ bigint("countIf(events.event_type = 'purchase')") }} as purchases,
        argMin(events.device, (events.event_time, events.event_id)) as device,
        argMin(events.country, (events.event_time, events.event_id)) as country,
        argMin(events.channel, (events.event_time, events.event_id)) as channel
    from events
    inner join straddling on events.customer_id = straddling.customer_id and events.session_number = straddling.session_number
    where events.event_time < straddling.cutoff_at
    group by straddling.cutoff_day, straddling.cutoff_at, straddling.customer_id, straddling.session_number

),

features as (

    select
        cutoff_day,
        customer_id,
        min(started_at) as first_session_at,
        dateDiff('day', {{ utc_day('max(started_at)') }}, cutoff_day) as days_since_session,
        {{ bigint('count()') }} as sessions,
        {% for days in var('churn_windows') -%}
        {{ in_window('count', none, 'started_at', days) }} as sessions_{{ days }}d,
        {{ trend('count', none, 'started_at', days) }} as sessions_trend_{{ days }}d,
        {{ in_window('sum', 'views', 'started_at', days) }} as views_{{ days }}d,
        {{ in_window('sum', 'carts', 'started_at', days) }} as carts_{{ days }}d,
        {% endfor -%}
        {{ ratio('countIf(carts > 0 and purchases = 0)', 'countIf(carts > 0)') }} as cart_abandon_rate,
        argMax(device, started_at) as last_device,
        argMax(country, started_at) as last_country,
        argMax(channel, started_at) as last_channel
    from known
    group by cutoff_day, customer_id

)

select * from features
