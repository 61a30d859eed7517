with raw_customers as (

    select * from {{ ref('int_raw_customers') }}

),

{% for entity in ['web_event', 'purchase_event'] -%}
{{ entity }}_counts as (

    select
        '{{ entity }}' as entity,
        coalesce(minOrNull(raw_customers.counted_at), now64(3, 'UTC')) as counted_at,
        {{ bigint('sum(raw_customers.in_scope_rows)') }} as in_scope_rows,
        {{ bigint('sum(raw_customers.out_of_scope_rows)') }} as out_of_scope_rows,
        {{ money_sum('raw_customers.in_scope_amount') }} as in_scope_amount
    from raw_customers
    where raw_customers.entity = '{{ entity }}'

),

{% endfor -%}
customer_counts as (

    select
        'customer' as entity,
        now64(3, 'UTC') as counted_at,
        {{ bigint('countIf(registered_at < ' ~ cutoff() ~ ')') }} as in_scope_rows,
        {{ bigint('countIf(registered_at >= ' ~ cutoff() ~ ')') }} as out_of_scope_rows,
        toDecimal128(0, 4) as in_scope_amount
    from {{ ref('stg_customers') }}

)

select * from web_event_counts
union all
select * from purchase_event_counts
union all
select * from customer_counts
