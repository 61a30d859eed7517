{{ config(order_by='(cohort_month, months_since)') }}

with customers as (

    select
        customer_id,
        {{ utc_month('registered_at') }} as cohort_month
    from {{ ref('int_customers') }}

),

purchases as (

    select * from {{ ref('fct_purchases') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

movements as (

    select
        customer_id,
        {{ utc_month('started_at') }} as month,
        0 as purchases,
        toDecimal64(0, 4) as revenue
    from sessions
    union all
    select
        customer_id,
        {{ utc_month('purchased_at') }} as month,
        1 as purchases,
        amount - discount as revenue
    from purchases

),

activity as (

    select
        customers.cohort_month as cohort_month,
        movements.month as month,
        {{ bigint('uniqExact(movements.customer_id)') }} as active_customers,
        {{ bigint('uniqExactIf(movements.customer_id, movements.purchases > 0)') }} as buyers,
        {{ money_sum('movements.revenue') }} as placed
    from movements
    inner join customers on movements.customer_id = customers.customer_id
    group by cohort_month, month

),

-- A refund lies in the month in which it was made: the month of its purchase may be closed.
refunded as (

    select
        customers.cohort_month as cohort_month,
        {{ utc_month('refunds.refunded_at') }} as month,
        {{ money_sum('refunds.refund') }} as refunds
    from refunds
    inner join customers on refunds.customer_id = customers.customer_id
    group by cohort_month, month

),

cohorts as (

    select
        cohort_month,
        {{ bigint('count()') }} as customers
    from customers
    group by cohort_month

),

cells as (

    select
        cohort_month,
        customers,
        toInt32(arrayJoin(range(toUInt32(dateDiff('month', cohort_month, {{ as_of_day() }}) + 1)))) as months_since,
        addMonths(cohort_month, months_since) as month,
        {{ month_is_complete('month') }} as is_complete
    from cohorts

),

final as (

    select
        cells.cohort_month as cohort_month,
        cells.months_since as months_since,
        cells.month as month,
        cells.customers as customers,
        cells.is_complete as is_complete,
        if(is_complete, coalesce(activity.active_customers, 0), null) as active_customers,
        if(is_complete, coalesce(activity.buyers, 0), null) as buyers,
        cast(
            if(is_complete, coalesce(activity.placed, 0) - coalesce(refunded.refunds, 0), null) as Nullable(Decimal(38, 4))
        ) as revenue,
        active_customers / customers as active_share,
        buyers / customers as buyer_share
    from cells
    left join activity on cells.cohort_month = activity.cohort_month and cells.month = activity.month
    left join refunded on cells.cohort_month = refunded.cohort_month and cells.month = refunded.month

)

select * from final
