{{ config(order_by='(day, event_type, country, device, channel)') }}

with events as (

    select * from {{ ref('int_web_events') }}

),

daily as (

    select
        {{ utc_day('event_time') }} as day,
        event_type,
        country,
        device,
        channel,
        {{ bigint('count()') }} as events,
        {{ bigint('uniqExact(customer_id)') }} as customers
    from events
    group by day, event_type, country, device, channel

)

select * from daily
