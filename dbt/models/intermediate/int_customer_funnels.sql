{{ config(materialized='by_customer', order_by='(day, customer_id)') }}

with {{ view_chains(['customer_id']) }},

deepest as (

    select
        customer_id,
        {{ utc_day('view_at') }} as day,
        argMin(device, event_number) as device,
        argMin(country, event_number) as country,
        argMin(channel, event_number) as channel,
        {{ deepest_chain() }}
    from chains
    group by customer_id, day

)

select * from deepest
