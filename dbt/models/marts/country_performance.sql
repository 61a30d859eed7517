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

    {{ buyers_by('country') }}

),

revenue as (

    {{ revenue_by('country') }}

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
        {{ revenue_columns() }}
    from known
    left join registrations on known.month = registrations.month and known.country = registrations.country
    left join sessions on known.month = sessions.month and known.country = sessions.country
    left join buyers on known.month = buyers.month and known.country = buyers.country
    left join revenue on known.month = revenue.month and known.country = revenue.country

)

select * from final
