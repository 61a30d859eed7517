{{ config(order_by='built_at') }}

-- Built last: a build that fails on its way leaves the description of the one before.
{% for model in [
    ref('cart_sessions'), ref('category_performance'), ref('churn_features'), ref('churn_label_audit'), ref('clv_summary'),
    ref('country_performance'), ref('customer_features'), ref('dim_customers'), ref('experiment_exposures'),
    ref('experiment_results'), ref('fct_purchases'), ref('fct_sessions'), ref('fct_web_events_daily'), ref('funnel_daily'),
    ref('layer_counts'), ref('registrations_monthly'), ref('retention_cohorts'), ref('revenue_daily'),
] -%}
-- depends on {{ model }}
{% endfor %}
with freeze as (

    select min(counted_at) as frozen_at
    from {{ ref('int_raw_counts') }}

),

build as (

    select
        '{{ var("as_of") }}' as as_of,
        {{ as_of_day() }} as as_of_day,
        {{ cutoff() }} as cutoff,
        frozen_at,
        now64(3, 'UTC') as built_at,
        '{{ invocation_id }}' as invocation_id,
        toInt32({{ var('session_gap_minutes') }}) as session_gap_minutes,
        '{{ var("currency") }}' as currency
    from freeze

)

select * from build
