{{ config(order_by='customer_id') }}

with purchases as (

    select * from {{ ref('fct_purchases') }}

),

purchase_days as (

    select
        customer_id,
        {{ utc_day('purchased_at') }} as day,
        {{ money_sum('net_amount') }} as net_amount
    from purchases
    group by customer_id, day

),

ranked as (

    select
        *,
        row_number() over (partition by customer_id order by day) as day_number
    from purchase_days

),

summary as (

    select
        customer_id,
        {{ bigint('count() - 1') }} as frequency,
        dateDiff('day', min(day), max(day)) as recency,
        dateDiff('day', min(day), {{ as_of_day() }}) as T,
        {{ ratio('sumIf(net_amount, day_number > 1)', 'countIf(day_number > 1)') }} as monetary_value
    from ranked
    group by customer_id

)

select * from summary
