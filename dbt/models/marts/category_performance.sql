{{ config(order_by='(month, category)') }}

with interest as (

    select
        {{ utc_month('event_time') }} as month,
        {{ label("coalesce(category, '" ~ var('unknown') ~ "')") }} as category,
        countIf(event_type = 'view') as views,
        uniqExactIf(customer_id, event_type = 'view') as viewers,
        countIf(event_type = 'cart') as carts
    from {{ ref('int_web_events') }}
    where event_type in ('view', 'cart')
    group by month, category

),

buyers as (

    select
        {{ utc_month('purchased_at') }} as month,
        category,
        uniqExact(customer_id) as buyers
    from {{ ref('fct_purchases') }}
    group by month, category

),

revenue as (

    select
        {{ month_of('day') }} as month,
        category,
        sum(purchases) as purchases,
        sum(units) as units,
        sum(gross) as gross,
        sum(discounts) as discounts,
        sum(refunds) as refunds,
        sum(net) as net
    from {{ ref('revenue_daily') }}
    group by month, category

),

known as (

    select
        month,
        category
    from interest
    union distinct
    select
        month,
        category
    from revenue

),

final as (

    select
        known.month as month,
        known.category as category,
        {{ month_is_complete('known.month') }} as is_complete,
        {{ bigint('coalesce(interest.views, 0)') }} as views,
        {{ bigint('coalesce(interest.viewers, 0)') }} as viewers,
        {{ bigint('coalesce(interest.carts, 0)') }} as carts,
        {{ bigint('coalesce(buyers.buyers, 0)') }} as buyers,
        {{ bigint('coalesce(revenue.purchases, 0)') }} as purchases,
        {{ bigint('coalesce(revenue.units, 0)') }} as units,
        {% for amount in ['gross', 'discounts', 'refunds', 'net'] -%}
        cast(coalesce(revenue.{{ amount }}, 0) as Decimal(38, 4)) as {{ amount }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from known
    left join interest on known.month = interest.month and known.category = interest.category
    left join buyers on known.month = buyers.month and known.category = buyers.category
    left join revenue on known.month = revenue.month and known.category = revenue.category

)

select * from final
