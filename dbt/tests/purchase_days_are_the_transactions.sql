-- The transactions of clv_summary (repeat days and the first) are the distinct days with a purchase.
with days as (

    select uniqExact(customer_id, {{ utc_day('purchased_at') }}) as transactions
    from {{ ref('fct_purchases') }}

),

summary as (

    select sum(frequency + 1) as transactions
    from {{ ref('clv_summary') }}

)

select
    days.transactions as in_purchases,
    summary.transactions as in_summary
from days
cross join summary
where days.transactions != summary.transactions
