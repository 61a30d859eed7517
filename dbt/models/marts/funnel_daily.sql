{{ config(order_by='(day, country, device, channel)') }}

with sessions as (

    select * from {{ ref('fct_sessions') }}

),

daily as (

    select
        {{ utc_day('started_at') }} as day,
        device,
        country,
        channel,
        {{ bigint('count()') }} as sessions,
        {{ bigint('countIf(views > 0)') }} as viewed,
        {{ bigint('countIf(carts > 0)') }} as carted,
        {{ bigint('countIf(checkouts > 0)') }} as checked_out,
        {{ bigint('countIf(purchases > 0)') }} as purchased,
        {% for step in var('funnel_steps') -%}
        {{ bigint('countIf(funnel_step >= ' ~ loop.index ~ ')') }} as reached_{{ step }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from sessions
    group by day, device, country, channel

)

select * from daily
