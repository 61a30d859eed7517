{{ config(order_by='(experiment, variant)') }}

{%- set z95 = '1.959963984540054' %}

with variants as (

    select
        *,
        bucket_to - bucket_from as buckets,
        sum(buckets) over (partition by experiment) as buckets_of_experiment
    from {{ ref('stg_experiments') }}
    where started_at < {{ cutoff() }}

),

exposures as (

    select * from {{ ref('experiment_exposures') }}

),

purchases as (

    select * from {{ ref('fct_purchases') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

-- What each customer bought from the exposure to the end of the experiment, or to the cutoff.
bought as (

    select
        exposures.experiment as experiment,
        exposures.customer_id as customer_id,
        count() as purchases,
        countIf(purchases.refund > 0) as refunded,
        sum(purchases.net_amount) as net_revenue
    from purchases
    inner join exposures on purchases.customer_id = exposures.customer_id
    where purchases.purchased_at >= exposures.exposed_at and purchases.purchased_at < exposures.observed_until
    group by exposures.experiment, exposures.customer_id

),

visited as (

    select
        exposures.experiment as experiment,
        exposures.customer_id as customer_id,
        count() as sessions,
        countIf(sessions.carts > 0) as carts,
        countIf(sessions.carts > 0 and sessions.purchases = 0) as abandoned
    from sessions
    inner join exposures on sessions.customer_id = exposures.customer_id
    where sessions.ended_at >= exposures.exposed_at and sessions.started_at < exposures.observed_until
    group by exposures.experiment, exposures.customer_id

),

outcomes as (

    select
        exposures.experiment as experiment,
        exposures.variant as variant,
        coalesce(bought.purchases, 0) as customer_purchases,
        coalesce(bought.refunded, 0) as refunded,
        coalesce(bought.net_revenue, 0) as customer_revenue,
        coalesce(visited.sessions, 0) as sessions,
        coalesce(visited.carts, 0) as carts,
        coalesce(visited.abandoned, 0) as abandoned
    from exposures
    left join bought on exposures.experiment = bought.experiment and exposures.customer_id = bought.customer_id
    left join visited on exposures.experiment = visited.experiment and exposures.customer_id = visited.customer_id

),

counted as (

    select
        experiment,
        variant,
        {{ bigint('count()') }} as customers,
        {{ bigint('countIf(customer_purchases > 0)') }} as conversions,
        {{ bigint('sum(customer_purchases)') }} as purchases,
        {{ money_sum('customer_revenue') }} as net_revenue,
        if(count() > 1, varSamp(toFloat64(customer_revenue)), null) as revenue_variance,
        {{ ratio('sum(refunded)', 'sum(customer_purchases)') }} as return_rate,
        {{ ratio('sum(abandoned)', 'sum(carts)') }} as cart_abandon_rate,
        {{ ratio('sum(sessions)', 'count()') }} as sessions_per_customer
    from outcomes
    group by experiment, variant

),

measured as (

    select
        variants.experiment as experiment,
        variants.variant as variant,
        variants.started_at as started_at,
        variants.ended_at as ended_at,
        variants.buckets / variants.buckets_of_experiment as expected_share,
        coalesce(counted.customers, 0) as customers,
        sum(customers) over (partition by variants.experiment) as customers_of_experiment,
        coalesce(counted.conversions, 0) as conversions,
        coalesce(counted.purchases, 0) as purchases,
        coalesce(counted.net_revenue, 0) as net_revenue,
        counted.revenue_variance as revenue_variance,
        conversions / nullIf(customers, 0) as conversion_rate,
        toFloat64(net_revenue) / nullIf(customers, 0) as revenue_per_customer,
        counted.return_rate as return_rate,
        counted.cart_abandon_rate as cart_abandon_rate,
        counted.sessions_per_customer as sessions_per_customer
    from variants
    left join counted on variants.experiment = counted.experiment and variants.variant = counted.variant

),

controls as (

    select *
    from measured
    where variant = '{{ var("control") }}'

),

compared as (

    select
        measured.*,
        measured.variant = '{{ var("control") }}' as is_control,
        measured.customers_of_experiment * measured.expected_share as expected_customers,
        sqrt(expected_customers * (1 - measured.expected_share)) as expected_spread,
        (measured.customers - expected_customers) / nullIf(expected_spread, 0) as ratio_z,
        if(is_control, null, measured.conversion_rate - controls.conversion_rate) as conversion_lift,
        sqrt(
            measured.conversion_rate * (1 - measured.conversion_rate) / nullIf(measured.customers, 0)
            + controls.conversion_rate * (1 - controls.conversion_rate) / nullIf(controls.customers, 0)
        ) as conversion_error,
        if(is_control, null, measured.revenue_per_customer - controls.revenue_per_customer) as revenue_lift,
        sqrt(
            measured.revenue_variance / nullIf(measured.customers, 0) + controls.revenue_variance / nullIf(controls.customers, 0)
        ) as revenue_error,
        controls.conversion_rate as control_rate
    from measured
    left join controls on measured.experiment = controls.experiment

),

final as (

    select
        experiment,
        {{ label('variant') }} as variant,
        cast(is_control as Bool) as is_control,
        started_at,
        ended_at,
        customers,
        expected_share,
        {{ two_sided_p('ratio_z') }} as sample_ratio_p,
        conversions,
        purchases,
        net_revenue,
        conversion_rate,
        revenue_per_customer,
        conversion_lift,
        conversion_lift - {{ z95 }} * conversion_error as conversion_lift_low,
        conversion_lift + {{ z95 }} * conversion_error as conversion_lift_high,
        conversion_lift / nullIf(control_rate, 0) as conversion_lift_relative,
        {{ two_sided_p('conversion_lift / nullIf(conversion_error, 0)') }} as conversion_p,
        revenue_lift,
        revenue_lift - {{ z95 }} * revenue_error as revenue_lift_low,
        revenue_lift + {{ z95 }} * revenue_error as revenue_lift_high,
        {{ two_sided_p('revenue_lift / nullIf(revenue_error, 0)') }} as revenue_p,
        return_rate,
        cart_abandon_rate,
        sessions_per_customer
    from compared

)

select * from final
