{{ config(order_by='(cutoff_day, customer_id)') }}

with cutoffs as (

    {{ cutoff_rows(var('churn_cutoffs')) }}

),

purchase_features as (

    select * from {{ ref('int_purchases_at_cutoffs') }}

),

session_features as (

    select * from {{ ref('int_sessions_at_cutoffs') }}

),

customers as (

    select * from {{ ref('int_customers') }}

),

purchases as (

    select * from {{ ref('fct_purchases') }}

),

bought_after as (

    select distinct
        cutoffs.cutoff_day as cutoff_day,
        purchases.customer_id as customer_id
    from purchases
    cross join cutoffs
    where
        purchases.purchased_at >= cutoffs.cutoff_at
        and purchases.purchased_at < cutoffs.cutoff_at + interval {{ var('churn_label_days') }} day

),

features as (

    select
        purchase_features.cutoff_day as cutoff_day,
        purchase_features.customer_id as customer_id,
        purchase_features.recency_days as recency_days,
        least(
            purchase_features.first_purchase_at,
            coalesce(session_features.first_session_at, purchase_features.first_purchase_at),
            coalesce(customers.registered_at, purchase_features.first_purchase_at)
        ) as first_known_at,
        dateDiff('day', {{ utc_day('first_known_at') }}, cutoff_day) as tenure_days,
        purchase_features.orders as orders,
        purchase_features.purchase_days as purchase_days,
        {{ ratio('purchase_features.days_from_first_to_last', 'purchase_features.purchase_days - 1') }} as days_between_orders,
        {{ ratio('purchase_features.recency_days', 'days_between_orders') }} as recency_to_interval,
        purchase_features.units as units,
        purchase_features.net_revenue as net_revenue,
        purchase_features.average_order_value as average_order_value,
        purchase_features.categories as categories,
        purchase_features.discount_share as discount_share,
        purchase_features.return_rate as return_rate,
        {% for days in var('churn_windows') -%}
        {% for name in ['orders', 'orders_trend', 'net_revenue', 'net_revenue_trend'] -%}
        purchase_features.{{ name }}_{{ days }}d as {{ name }}_{{ days }}d,
        {% endfor -%}
        {% for name in ['sessions', 'sessions_trend', 'views', 'carts'] -%}
        coalesce(session_features.{{ name }}_{{ days }}d, 0) as {{ name }}_{{ days }}d,
        {% endfor -%}
        {% endfor -%}
        coalesce(session_features.sessions, 0) as sessions,
        coalesce(session_features.days_since_session, tenure_days) as days_since_session,
        coalesce(session_features.cart_abandon_rate, 0) as cart_abandon_rate,
        {{ label('coalesce(session_features.last_device, purchase_features.last_device)') }} as device,
        {{ label('coalesce(session_features.last_country, purchase_features.last_country)') }} as country,
        {{ label('coalesce(session_features.last_channel, purchase_features.last_channel)') }} as channel,
        cutoffs.cutoff_at + interval {{ var('churn_label_days') }} day <= {{ known_until() }} as is_labelled,
        if(is_labelled, toInt32(bought_after.customer_id is null), null) as label
    from purchase_features
    inner join cutoffs on purchase_features.cutoff_day = cutoffs.cutoff_day
    left join session_features
        on
            purchase_features.cutoff_day = session_features.cutoff_day
            and purchase_features.customer_id = session_features.customer_id
    -- Who registered after the cutoff was not registered then.
    left join customers
        on purchase_features.customer_id = customers.customer_id and cutoffs.cutoff_at > customers.registered_at
    left join bought_after
        on purchase_features.cutoff_day = bought_after.cutoff_day and purchase_features.customer_id = bought_after.customer_id

)

select * except (first_known_at, is_labelled)
from features
