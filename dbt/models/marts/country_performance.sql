{{ config(order_by='(month, country)') }}

with registrations as (

    select
        month,
        country,
        sum(registrations) as registrations
    from {{ ref('registrations_monthly') }}
    group by month, country

),

sessions as (

    select
        {{ utc_month('started_at') }} as month,
        country,
        count() as sessions,
        uniqExact(customer_id) as visitors,
        countIf(purchases > 0) as sessions_with_purchase
    from {{ ref('fct_sessions') }}
    group by month, country

),

buyers as (

    select
        {{ utc_month('purchased_at') }} as month,
        country,
        uniqExact(customer_id) as buyers
    from {{ ref('fct_purchases') }}
    group by month, country

),

revenue as (

    select
        {{ month_of('day') }} as month,
        country,
        sum(purchases) as purchases,
        sum(units) as units,
        sum(gross) as gross,
        sum(discounts) as discounts,
        sum(refunds) as refunds,
        sum(net) as net
    from {{ ref('revenue_daily') }}
    group by month, country

),

known as (

    select
        month,
        country
    from registrations
    union distinct
    select
        month,
        country
    from sessions
    union distinct
    select
        month,
        country
    from revenue

),

final as (

    select
        known.month as month,
        known.country as country,
        {{ month_is_complete('known.month') }} as is_complete,
        {{ bigint('coalesce(registrations.registrations, 0)') }} as registrations,
        {{ bigint('coalesce(sessions.sessions, 0)') }} as sessions,
        {{ bigint('coalesce(sessions.visitors, 0)') }} as visitors,
        {{ bigint('coalesce(sessions.sessions_with_purchase, 0)') }} as sessions_with_purchase,
        {{ bigint('coalesce(buyers.buyers, 0)') }} as buyers,
        {{ bigint('coalesce(revenue.purchases, 0)') }} as purchases,
        {{ bigint('coalesce(revenue.units, 0)') }} as units,
        {% for amount in ['gross', 'discounts', 'refunds', 'net'] -%}
        cast(coalesce(revenue.{{ amount }}, 0) as Decimal(38, 4)) as {{ amount }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from known
    left join registrations on known.month = registrations.month and known.country = registrations.country
    left join sessions on known.month = sessions.month and known.country = sessions.country
    left join buyers on known.month = buyers.month and known.country = buyers.country
    left join revenue on known.month = revenue.month and known.country = revenue.country

)

select * from final
