{{ config(materialized='by_customer', order_by='(customer_id, purchase_id, refunded_at)') }}

with events as (

    select * from {{ ref('int_purchase_events') }}
    where {{ customers_to_build() }}

),

refunded_so_far as (

    select
        *,
        if(status in ({{ quoted(var('refunded_statuses')) }}), amount - discount, toDecimal64(0, 4)) as refunded
    from events

),

changes as (

    select
        event_id,
        purchase_id,
        customer_id,
        event_time as refunded_at,
        toDecimal64(
            refunded - lag(refunded, 1, toDecimal64(0, 4)) over (partition by purchase_id order by event_time, event_id), 4
        ) as refund
    from refunded_so_far

),

refunds as (

    select *
    from changes
    where refund != 0

)

select * from refunds
