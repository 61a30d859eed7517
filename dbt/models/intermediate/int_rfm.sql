{{ config(materialized='view') }}

with purchases as (

    select * from {{ ref('fct_purchases') }}

),

totals as (

    select
        customer_id,
        max(purchased_at) as last_purchase_at,
        count() as purchases,
        {{ money_sum('net_amount') }} as net_revenue
    from purchases
    group by customer_id

),

-- By rank, so that equals get the same score.
scored as (

    select
        customer_id,
        {% for score, measure in [('recency', 'last_purchase_at'), ('frequency', 'purchases'), ('monetary', 'net_revenue')] -%}
        toInt32(1 + intDiv(5 * (rank() over (order by {{ measure }}) - 1), count() over ())) as rfm_{{ score }},
        {% endfor -%}
        (rfm_frequency + rfm_monetary) / 2 as value_score
    from totals

),

named as (

    select
        customer_id,
        rfm_recency,
        rfm_frequency,
        rfm_monetary,
        multiIf(
            rfm_recency >= 4 and value_score >= 4, 'champions',
            rfm_recency = 3 and value_score >= 4, 'loyal',
            value_score >= 4, 'at risk',
            rfm_recency >= 4 and value_score >= 2, 'promising',
            rfm_recency >= 4, 'new',
            rfm_recency = 3, 'needs attention',
            rfm_recency = 2, 'about to sleep',
            'lost'
        ) as rfm_segment
    from scored

)

select * from named
