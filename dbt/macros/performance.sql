{#- What was bought a month, by one column of the purchases: the parts that the performance marts share. -#}

{% macro buyers_by(column) %}
    select
        {{ utc_month('purchased_at') }} as month,
        {{ column }},
        uniqExact(customer_id) as buyers
    from {{ ref('fct_purchases') }}
    group by month, {{ column }}
{% endmacro %}

{% macro revenue_by(column) %}
    select
        {{ month_of('day') }} as month,
        {{ column }},
        sum(purchases) as purchases,
        sum(units) as units,
        sum(gross) as gross,
        sum(discounts) as discounts,
        sum(refunds) as refunds,
        sum(net) as net
    from {{ ref('revenue_daily') }}
    group by month, {{ column }}
{% endmacro %}

{% macro revenue_columns() %}
        {{ bigint('coalesce(buyers.buyers, 0)') }} as buyers,
        {{ bigint('coalesce(revenue.purchases, 0)') }} as purchases,
        {{ bigint('coalesce(revenue.units, 0)') }} as units,
        {% for amount in ['gross', 'discounts', 'refunds', 'net'] -%}
        cast(coalesce(revenue.{{ amount }}, 0) as Decimal(38, 4)) as {{ amount }}{% if not loop.last %},{% endif %}
        {% endfor %}
{% endmacro %}
