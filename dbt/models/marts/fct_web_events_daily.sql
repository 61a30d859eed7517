{{ config(order_by='(day, event_type, country, device, channel)') }}

with customer_days as (

    select * from {{ ref('int_customer_days') }}

),

daily as (

    select
        day,
        event_type,
        country,
        device,
        channel,
        {{ bigint('sum(events)') }} as events,
        -- Each has one row.
        {{ bigint('count()') }} as customers
    from customer_days
    group by day, event_type, country, device, channel

)

select * from daily
