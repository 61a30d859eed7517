{{ config(order_by='(cutoff_day, horizon_days)') }}

with cutoffs as (

    {{ cutoff_rows(var('churn_audit_cutoffs')) }}

),

purchases as (

    select * from {{ ref('fct_purchases') }}

),

-- The first purchase after the cutoff says it all: until then the customer was silent, and then came back.
buyers as (

    select
        cutoffs.cutoff_day as cutoff_day,
        cutoffs.cutoff_at as cutoff_at,
        purchases.customer_id as customer_id,
        minIf(toNullable(purchases.purchased_at), purchases.purchased_at >= cutoffs.cutoff_at) as next_purchase_at
    from purchases
    cross join cutoffs
    group by cutoff_day, cutoff_at, customer_id
    having min(purchases.purchased_at) < cutoff_at

),

horizons as (

    select
        *,
        toInt32(arrayJoin({{ var('churn_horizons') }})) as horizon_days,
        cutoff_at + toIntervalDay(horizon_days) as silent_until,
        coalesce(next_purchase_at >= silent_until, true) as is_churned
    from buyers

),

audit as (

    select
        cutoff_day,
        horizon_days,
        {{ bigint('count()') }} as customers,
        {{ counted_by('silent_until', 'is_churned') }} as churned,
        churned / customers as churn_rate,
        {% for days in var('churn_returns') -%}
        {{ came_back_within(days) }} as came_back_{{ days }}d,
        came_back_{{ days }}d / nullIf(churned, 0) as came_back_{{ days }}d_share{% if not loop.last %},{% endif %}
        {% endfor %}
    from horizons
    group by cutoff_day, horizon_days, silent_until

)

select * from audit
