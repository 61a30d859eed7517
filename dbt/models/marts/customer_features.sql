{{ config(order_by='customer_id') }}

{%- set recent = cutoff() ~ ' - interval 90 day' %}

with purchases as (

    select * from {{ ref('fct_purchases') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

clv_summary as (

    select * from {{ ref('clv_summary') }}

),

dim_customers as (

    select * from {{ ref('dim_customers') }}

),

purchase_features as (

    select
        customer_id,
        {{ bigint('count()') }} as orders,
        {{ bigint('sum(quantity)') }} as units,
        toFloat64(sum(net_amount)) as net_revenue,
        {{ ratio('sum(net_amount)', 'count()') }} as average_order_value,
        {{ bigint('countIf(purchased_at >= ' ~ recent ~ ')') }} as orders_90d,
        toFloat64(sumIf(net_amount, purchased_at >= {{ recent }})) as net_revenue_90d,
        {{ bigint('uniqExact(category)') }} as categories,
        {{ ratio('sum(discount)', 'sum(amount)') }} as discount_share,
        {{ ratio("countIf(status in (" ~ quoted(var('refunded_statuses')) ~ "))", 'count()') }} as return_rate,
        dateDiff('day', {{ utc_day('max(purchased_at)') }}, {{ as_of_day() }}) as recency_days,
        min(purchased_at) as first_purchase_at
    from purchases
    group by customer_id

),

session_features as (

    select
        customer_id,
        {{ bigint('count()') }} as sessions,
        {{ bigint('countIf(started_at >= ' ~ recent ~ ')') }} as sessions_90d,
        {{ bigint('sumIf(views, started_at >= ' ~ recent ~ ')') }} as views_90d,
        {{ bigint('sumIf(carts, started_at >= ' ~ recent ~ ')') }} as carts_90d,
        {{ ratio('countIf(carts > 0 and purchases = 0)', 'countIf(carts > 0)') }} as cart_abandon_rate,
        min(started_at) as first_session_at
    from sessions
    group by customer_id

),

features as (

    select
        purchase_features.customer_id as customer_id,
        {{ as_of_day() }} as as_of_day,
        purchase_features.recency_days as recency_days,
        clv_summary.frequency as frequency,
        clv_summary.monetary_value as monetary_value,
        least(
            purchase_features.first_purchase_at,
            coalesce(dim_customers.registered_at, purchase_features.first_purchase_at),
            coalesce(session_features.first_session_at, purchase_features.first_purchase_at)
        ) as first_known_at,
        dateDiff('day', {{ utc_day('first_known_at') }}, {{ as_of_day() }}) as tenure_days,
        purchase_features.orders as orders,
        purchase_features.orders_90d as orders_90d,
        purchase_features.units as units,
        purchase_features.net_revenue as net_revenue,
        purchase_features.net_revenue_90d as net_revenue_90d,
        purchase_features.average_order_value as average_order_value,
        {{ ratio('clv_summary.recency', 'clv_summary.frequency') }} as days_between_orders,
        purchase_features.categories as categories,
        purchase_features.discount_share as discount_share,
        purchase_features.return_rate as return_rate,
        coalesce(session_features.sessions, 0) as sessions,
        coalesce(session_features.sessions_90d, 0) as sessions_90d,
        coalesce(session_features.views_90d, 0) as views_90d,
        coalesce(session_features.carts_90d, 0) as carts_90d,
        coalesce(session_features.cart_abandon_rate, 0) as cart_abandon_rate
    from purchase_features
    inner join clv_summary on purchase_features.customer_id = clv_summary.customer_id
    inner join dim_customers on purchase_features.customer_id = dim_customers.customer_id
    left join session_features on purchase_features.customer_id = session_features.customer_id

)

select * except (first_known_at)
from features
