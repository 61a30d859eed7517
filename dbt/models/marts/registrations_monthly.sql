{{ config(order_by='(month, country, channel)') }}

with customers as (

    select
        *,
        {{ utc_month('registered_at') }} as month,
        coalesce(first_purchase_at < registered_at + interval 30 day, false) as bought_within_30d
    from {{ ref('dim_customers') }}
    where is_registered

),

monthly as (

    select
        assumeNotNull(month) as month,
        country,
        channel,
        {{ bigint('count()') }} as registrations,
        countIf(bought_within_30d) as buyers
    from customers
    group by month, country, channel

),

final as (

    select
        month,
        country,
        channel,
        registrations,
        if(
            toDateTime64(addMonths(month, 1), 3, 'UTC') + interval 30 day <= {{ known_until() }}, {{ bigint('buyers') }}, null
        ) as buyers_30d,
        {{ month_is_complete('month') }} as is_complete
    from monthly

)

select * from final
