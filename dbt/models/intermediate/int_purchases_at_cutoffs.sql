{{ config(materialized='by_customer', order_by='(cutoff_day, customer_id)') }}

{#- Sums of money stay decimal until they are divided: no order of rows shows in the last digit. -#}

with cutoffs as (

    {{ cutoff_rows(var('churn_cutoffs')) }}

),

events as (

    select * from {{ ref('int_purchase_events') }}
    where {{ customers_to_build() }}

),

states as (

    select
        *,
        lead(toNullable(event_time)) over (partition by purchase_id order by event_time, event_id) as changed_at
    from events

),

-- A purchase in the state that it had at the cutoff: what became of it later is not known.
purchases as (

    select
        cutoffs.cutoff_day as cutoff_day,
        cutoffs.cutoff_at as cutoff_at,
        states.customer_id as customer_id,
        states.purchase_id as purchase_id,
        states.purchased_at as purchased_at,
        states.category as category,
        states.quantity as quantity,
        states.amount as amount,
        states.discount as discount,
        states.device as device,
        states.country as country,
        states.channel as channel,
        states.status in ({{ quoted(var('refunded_statuses')) }}) as is_refunded,
        if(is_refunded, toDecimal64(0, 4), states.amount - states.discount) as net_amount
    from states
    cross join cutoffs
    where
        states.event_time < cutoffs.cutoff_at
        and coalesce(states.changed_at >= cutoffs.cutoff_at, true)
        and states.purchased_at < cutoffs.cutoff_at

),

features as (

    select
        cutoff_day,
        customer_id,
        min(purchased_at) as first_purchase_at,
        dateDiff('day', {{ utc_day('max(purchased_at)') }}, cutoff_day) as recency_days,
        {{ bigint('count()') }} as orders,
        {{ bigint('uniqExact(' ~ utc_day('purchased_at') ~ ')') }} as purchase_days,
        dateDiff('day', {{ utc_day('min(purchased_at)') }}, {{ utc_day('max(purchased_at)') }}) as days_from_first_to_last,
        {{ bigint('sum(quantity)') }} as units,
        toFloat64(sum(net_amount)) as net_revenue,
        {{ ratio('sum(net_amount)', 'count()') }} as average_order_value,
        {{ bigint('uniqExact(category)') }} as categories,
        {{ ratio('sum(discount)', 'sum(amount)') }} as discount_share,
        {{ ratio('countIf(is_refunded)', 'count()') }} as return_rate,
        {% for days in var('churn_windows') -%}
        {{ in_window('count', none, 'purchased_at', days) }} as orders_{{ days }}d,
        {{ trend('count', none, 'purchased_at', days) }} as orders_trend_{{ days }}d,
        toFloat64({{ in_window('sum', 'net_amount', 'purchased_at', days) }}) as net_revenue_{{ days }}d,
        toFloat64({{ trend('sum', 'net_amount', 'purchased_at', days) }}) as net_revenue_trend_{{ days }}d,
        {% endfor -%}
        argMax(device, (purchased_at, purchase_id)) as last_device,
        argMax(country, (purchased_at, purchase_id)) as last_country,
        argMax(channel, (purchased_at, purchase_id)) as last_channel
    from purchases
    group by cutoff_day, customer_id

)

select * from features
