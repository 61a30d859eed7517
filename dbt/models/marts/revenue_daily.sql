{{ config(order_by='(day, country, category, customer_type)') }}

with purchases as (

    select * from {{ ref('fct_purchases') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

first_days as (

    select
        customer_id,
        min({{ utc_day('purchased_at') }}) as first_day
    from purchases
    group by customer_id

),

typed_purchases as (

    select
        purchases.*,
        {{ label("if(" ~ utc_day('purchases.purchased_at') ~ " = first_days.first_day, 'new', 'returning')") }} as customer_type
    from purchases
    inner join first_days on purchases.customer_id = first_days.customer_id

),

bought as (

    select
        {{ utc_day('purchased_at') }} as day,
        country,
        category,
        customer_type,
        1 as purchases,
        quantity as units,
        amount as gross,
        discount as discounts,
        toDecimal64(0, 4) as refunds
    from typed_purchases

),

-- A refund keeps the labels of its purchase, so that they cancel each other out.
refunded as (

    select
        {{ utc_day('refunds.refunded_at') }} as day,
        typed_purchases.country as country,
        typed_purchases.category as category,
        typed_purchases.customer_type as customer_type,
        0 as purchases,
        0 as units,
        toDecimal64(0, 4) as gross,
        toDecimal64(0, 4) as discounts,
        refunds.refund as refunds
    from refunds
    inner join typed_purchases on refunds.purchase_id = typed_purchases.purchase_id

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
        movements.customer_type as customer_type,
        {{ bigint('sum(movements.purchases)') }} as purchases,
        {{ bigint('sum(movements.units)') }} as units,
        {{ money_sum('movements.gross') }} as gross,
        {{ money_sum('movements.discounts') }} as discounts,
        {{ money_sum('movements.refunds') }} as refunds
    from movements
    group by movements.day, movements.country, movements.category, movements.customer_type

),

final as (

    select
        *,
        gross - discounts - refunds as net
    from daily

)

select * from final
