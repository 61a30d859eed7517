{{ config(materialized='by_customer', order_by='(customer_id, purchased_at, purchase_id)') }}

with events as (

    select * from {{ ref('int_purchase_events') }}
    where {{ customers_to_build() }}

),

newest as (

    select
        *,
        -- Of two states at one time the greater event id, as in the stream's own table of purchases.
        row_number() over (partition by purchase_id order by event_time desc, event_id desc) as recency
    from events

),

purchases as (

    select
        purchase_id,
        customer_id,
        client_session_id as session_id,
        status,
        purchased_at,
        event_time as updated_at,
        product_id,
        category,
        brand,
        quantity,
        amount,
        discount,
        if(status in ({{ quoted(var('refunded_statuses')) }}), amount - discount, toDecimal64(0, 4)) as refund,
        currency,
        device,
        country,
        channel
    from newest
    where recency = 1

),

final as (

    select
        *,
        cast(amount - discount - refund as Decimal(18, 4)) as net_amount
    from purchases

)

select * from final
