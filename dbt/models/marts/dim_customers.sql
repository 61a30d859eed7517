{{ config(order_by='customer_id') }}

with registered as (

    select * from {{ ref('int_customers') }}

),

session_totals as (

    select
        customer_id,
        {{ bigint('count()') }} as sessions,
        max(ended_at) as last_event_at,
        argMin((country, channel, device), started_at) as first_seen_by
    from {{ ref('fct_sessions') }}
    group by customer_id

),

purchase_totals as (

    select
        customer_id,
        {{ bigint('count()') }} as purchases,
        {{ money_sum('net_amount') }} as net_revenue,
        min(purchased_at) as first_purchase_at,
        max(purchased_at) as last_purchase_at,
        argMin((country, channel, device), (purchased_at, purchase_id)) as first_seen_by
    from {{ ref('fct_purchases') }}
    group by customer_id

),

segments as (

    select * from {{ ref('int_newest_segments') }}

),

rfm as (

    select * from {{ ref('int_rfm') }}

),

churn_scores as (

    select * from {{ ref('int_newest_churn_scores') }}

),

known as (

    select customer_id from registered
    union distinct
    select customer_id from session_totals
    union distinct
    select customer_id from purchase_totals

),

joined as (

    select
        known.customer_id as customer_id,
        cast(registered.customer_id is not null as Bool) as is_registered,
        registered.registered_at as registered_at,
        {{ label('coalesce(registered.country, session_totals.first_seen_by.1, purchase_totals.first_seen_by.1)') }} as country,
        {{ label('coalesce(registered.channel, session_totals.first_seen_by.2, purchase_totals.first_seen_by.2)') }} as channel,
        {{ label('coalesce(registered.device, session_totals.first_seen_by.3, purchase_totals.first_seen_by.3)') }} as device,
        purchase_totals.first_purchase_at as first_purchase_at,
        purchase_totals.last_purchase_at as last_purchase_at,
        coalesce(purchase_totals.purchases, 0) as purchases,
        coalesce(purchase_totals.net_revenue, 0) as net_revenue,
        coalesce(session_totals.sessions, 0) as sessions,
        -- greatest() of a NULL is NULL: each side stands in for the other where that is missing.
        greatest(
            coalesce(session_totals.last_event_at, purchase_totals.last_purchase_at),
            coalesce(purchase_totals.last_purchase_at, session_totals.last_event_at)
        ) as last_seen_at,
        {{ label(
            "multiIf(purchase_totals.purchases is null, 'prospect', purchase_totals.last_purchase_at >= " ~ cutoff()
            ~ " - interval " ~ var('churn_label_days') ~ " day, 'active', 'lapsed')"
        ) }} as status,
        rfm.rfm_recency as rfm_recency,
        rfm.rfm_frequency as rfm_frequency,
        rfm.rfm_monetary as rfm_monetary,
        toLowCardinality(rfm.rfm_segment) as rfm_segment,
        segments.segment_name as segment_name,
        churn_scores.churn_score as churn_score
    from known
    left join registered on known.customer_id = registered.customer_id
    left join session_totals on known.customer_id = session_totals.customer_id
    left join purchase_totals on known.customer_id = purchase_totals.customer_id
    left join rfm on known.customer_id = rfm.customer_id
    left join segments on known.customer_id = segments.customer_id
    left join churn_scores on known.customer_id = churn_scores.customer_id

)

select * from joined
