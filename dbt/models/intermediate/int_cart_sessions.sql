{{ config(materialized='by_customer', order_by='(customer_id, started_at)') }}

with events as (

    select * from {{ ref('int_session_events') }}
    where {{ customers_to_build() }}

),

sessions as (

    select
        *,
        countIf(carts > 0) over earlier_sessions as prior_cart_sessions,
        countIf(purchases > 0) over earlier_sessions as prior_purchase_sessions
    from {{ ref('fct_sessions') }}
    where {{ customers_to_build() }}
    window earlier_sessions as (
        partition by customer_id order by session_number rows between unbounded preceding and 1 preceding
    )

),

carts as (

    select
        customer_id,
        session_number,
        min(event_time) as first_cart_at,
        max(event_time) as last_cart_at,
        {{ bigint('sum(quantity)') }} as units,
        {{ bigint('uniqExact(product_id)') }} as products,
        {{ bigint('uniqExact(category)') }} as categories,
        max(price) as highest_price
    from events
    where event_type = 'cart'
    group by customer_id, session_number

),

before_the_cart as (

    select
        events.customer_id as customer_id,
        events.session_number as session_number,
        {{ bigint('count()') }} as events_before,
        {{ bigint("countIf(events.event_type = 'view')") }} as views_before,
        {{ bigint("countIf(events.event_type = 'search')") }} as searches_before
    from events
    inner join carts on events.customer_id = carts.customer_id and events.session_number = carts.session_number
    where events.event_time < carts.first_cart_at
    group by events.customer_id, events.session_number

),

cart_sessions as (

    select
        sessions.session_key as session_key,
        sessions.customer_id as customer_id,
        sessions.session_number as session_number,
        sessions.started_at as started_at,
        sessions.ended_at as ended_at,
        carts.first_cart_at as first_cart_at,
        sessions.device as device,
        sessions.country as country,
        sessions.channel as channel,
        toInt32(toDayOfWeek(carts.first_cart_at, 0, 'UTC')) as weekday,
        toInt32(toHour(carts.first_cart_at, 'UTC')) as hour,
        {{ bigint("dateDiff('second', sessions.started_at, carts.first_cart_at)") }} as seconds_to_cart,
        coalesce(before_the_cart.events_before, 0) as events_before,
        coalesce(before_the_cart.views_before, 0) as views_before,
        coalesce(before_the_cart.searches_before, 0) as searches_before,
        {{ bigint('sessions.session_number - 1') }} as prior_sessions,
        {{ bigint('sessions.prior_cart_sessions') }} as prior_cart_sessions,
        {{ bigint('sessions.prior_purchase_sessions') }} as prior_purchase_sessions,
        carts.last_cart_at as last_cart_at,
        sessions.carts as carts,
        sessions.removals as removals,
        carts.units as units,
        carts.products as products,
        carts.categories as categories,
        carts.highest_price as highest_price,
        sessions.cart_value as cart_value,
        cast(sessions.checkouts > 0 as Bool) as is_checked_out,
        cast(sessions.purchases = 0 as Bool) as is_abandoned,
        sessions.abandoned_value as abandoned_value
    from sessions
    inner join carts on sessions.customer_id = carts.customer_id and sessions.session_number = carts.session_number
    left join before_the_cart
        on sessions.customer_id = before_the_cart.customer_id and sessions.session_number = before_the_cart.session_number

)

select * from cart_sessions
