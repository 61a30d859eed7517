{{ config(order_by='(day, country, category)') }}

with purchases as (

    select * from {{ ref('fct_purchases') }}

),

bought as (

    select
        {{ utc_day('purchased_at') }} as day,
        country,
        category,
        1 as purchases,
        quantity as units,
        amount as gross,
        discount as discounts,
        toDecimal64(0, 4) as refunds
    from purchases

),

refunded as (

    select
        {{ utc_day('updated_at') }} as day,
        country,
        category,
        0 as purchases,
        0 as units,
        toDecimal64(0, 4) as gross,
        toDecimal64(0, 4) as discounts,
        refund as refunds
    from purchases
    where status in ({{ quoted(var('refunded_statuses')) }})

),

movements as (

    select * from bought
    union all
    select * from refunded

),

daily as (

    select
        movements.day as day,
        movements.country as country,
        movements.category as category,
        {{ bigint('sum(movements.purchases)') }} as purchases,
        {{ bigint('sum(movements.units)') }} as units,
        {{ money_sum('movements.gross') }} as gross,
        {{ money_sum('movements.discounts') }} as discounts,
        {{ money_sum('movements.refunds') }} as refunds
    from movements
    group by movements.day, movements.country, movements.category

),

final as (

    select
        *,
        gross - discounts - refunds as net
    from daily

)

select * from final
