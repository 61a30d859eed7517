{{ config(order_by='(day, customer_id)') }}

with {{ view_chains(['customer_id']) }},

deepest as (

    select
        customer_id,
        {{ utc_day('view_at') }} as day,
        argMin(device, (view_at, event_id)) as device,
        argMin(country, (view_at, event_id)) as country,
        argMin(channel, (view_at, event_id)) as channel,
        {{ deepest_chain() }}
    from chains
    group by customer_id, day

)

select * from deepest
