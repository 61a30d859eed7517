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

    {{ buyers_by('category') }}

),

revenue as (

    {{ revenue_by('category') }}

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
        {{ revenue_columns() }}
    from known
    left join interest on known.month = interest.month and known.category = interest.category
    left join buyers on known.month = buyers.month and known.category = buyers.category
    left join revenue on known.month = revenue.month and known.category = revenue.category

)

select * from final
