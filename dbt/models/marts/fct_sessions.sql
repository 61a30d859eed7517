{{ config(materialized='by_customer', order_by='(customer_id, started_at)') }}

with session_events as (

    select
        *,
        coalesce(toDecimal128(price, 4), 0) * quantity as value,
        {{ position_in(var('funnel_steps'), 'event_type') }} as step
    from {{ ref('int_session_events') }}
    where {{ customers_to_build() }}

),

sessions as (

    select
        customer_id,
        {{ bigint('session_number') }} as session_number,
        min(event_time) as started_at,
        max(event_time) as ended_at,
        {{ bigint('count()') }} as events,
        {{ bigint("countIf(event_type = 'view')") }} as views,
        {{ bigint("countIf(event_type = 'cart')") }} as carts,
        {{ bigint("countIf(event_type = 'remove_from_cart')") }} as removals,
        {{ bigint("countIf(event_type = 'checkout')") }} as checkouts,
        {{ bigint("countIf(event_type = 'purchase')") }} as purchases,
        toInt32(max(step)) as funnel_step,
        cast(
            greatest(sumIf(value, event_type = 'cart') - sumIf(value, event_type = 'remove_from_cart'), 0) as Decimal(38, 4)
        ) as cart_value,
        {{ label('anyIf(device, starts_session)') }} as device,
        {{ label('anyIf(country, starts_session)') }} as country,
        {{ label('anyIf(channel, starts_session)') }} as channel
    from session_events
    group by customer_id, session_number

),

final as (

    select
        *,
        concat(customer_id, '-', toString(toUnixTimestamp64Milli(started_at))) as session_key,
        if(purchases = 0, cart_value, toDecimal128(0, 4)) as abandoned_value
    from sessions

)

select * from final
