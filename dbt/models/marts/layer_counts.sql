{{ config(order_by='(entity, layer, relation)') }}

{%- set measures = [
    ('intermediate', ref('int_web_events'), 'web_event', 'count()', 'sum(toDecimal128(coalesce(price, 0), 4) * quantity)'),
    ('intermediate', ref('int_purchase_events'), 'purchase_event', 'count()', 'sum(amount)'),
    ('intermediate', ref('int_customers'), 'customer', 'count()', 'null'),
    ('intermediate', ref('int_purchase_events'), 'purchase', 'uniqExact(purchase_id)', 'null'),
    ('marts', ref('fct_web_events_daily'), 'web_event', 'sum(events)', 'null'),
    ('marts', ref('fct_sessions'), 'web_event', 'sum(events)', 'null'),
    ('marts', ref('fct_sessions'), 'session', 'count()', 'null'),
    ('marts', ref('funnel_daily'), 'session', 'sum(sessions)', 'null'),
    ('marts', ref('dim_customers'), 'session', 'sum(sessions)', 'null'),
    ('marts', ref('country_performance'), 'session', 'sum(sessions)', 'null'),
    ('marts', ref('fct_sessions'), 'cart_session', 'countIf(carts > 0)', 'sum(cart_value)'),
    ('marts', ref('cart_sessions'), 'cart_session', 'count()', 'sum(cart_value)'),
    ('marts', ref('funnel_daily'), 'cart_session', 'sum(carted)', 'null'),
    ('marts', ref('fct_purchases'), 'purchase', 'count()', 'sum(net_amount)'),
    ('marts', ref('revenue_daily'), 'purchase', 'sum(purchases)', 'sum(net)'),
    ('marts', ref('dim_customers'), 'purchase', 'sum(purchases)', 'sum(net_revenue)'),
    ('marts', ref('country_performance'), 'purchase', 'sum(purchases)', 'sum(net)'),
    ('marts', ref('category_performance'), 'purchase', 'sum(purchases)', 'sum(net)'),
    ('marts', ref('dim_customers'), 'customer', 'countIf(is_registered)', 'null'),
    ('marts', ref('registrations_monthly'), 'customer', 'sum(registrations)', 'null'),
    ('marts', ref('country_performance'), 'customer', 'sum(registrations)', 'null'),
    ('marts', ref('retention_cohorts'), 'customer', 'sumIf(customers, months_since = 0)', 'null'),
    ('marts', ref('fct_purchases'), 'buyer', 'uniqExact(customer_id)', 'sum(net_amount)'),
    ('marts', ref('clv_summary'), 'buyer', 'count()', 'null'),
    ('marts', ref('customer_features'), 'buyer', 'count()', 'null'),
    ('marts', ref('churn_features'), 'buyer', 'countIf(cutoff_day = ' ~ as_of_day() ~ ')', 'null'),
] %}

with raw_counts as (

    select * from {{ ref('int_raw_counts') }}

),

counts as (

    select
        'raw' as layer,
        concat(entity, 's') as relation,
        entity,
        in_scope_rows as `rows`,
        if(entity = 'customer', null, in_scope_amount) as amount
    from raw_counts
    {% for layer, relation, entity, rows, amount in measures %}
    union all
    select
        '{{ layer }}' as layer,
        '{{ relation.identifier }}' as relation,
        '{{ entity }}' as entity,
        {{ bigint(rows) }} as `rows`,
        cast({{ amount }} as Nullable(Decimal(38, 4))) as amount
    from {{ relation }}
    {% endfor %}

)

select * from counts
