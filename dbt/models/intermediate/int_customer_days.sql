{{ config(materialized='by_customer', order_by='(day, event_type, country, device, channel)') }}

with events as (

    select * from {{ ref('int_web_events') }}
    where {{ customers_to_build() }}

),

daily as (

    select
        {{ utc_day('event_time') }} as day,
        event_type,
        country,
        device,
        channel,
        customer_id,
        {{ bigint('count()') }} as events
    from events
    group by day, event_type, country, device, channel, customer_id

)

select * from daily
