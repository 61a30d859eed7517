-- Counted before the events are frozen: a stream that goes on can only add to these numbers.
{%- set entities = [
    ('web_event', ref('stg_web_events'), 'event_time', 'toDecimal128(coalesce(price, 0), 4) * quantity'),
    ('purchase_event', ref('stg_purchase_events'), 'greatest(event_time, purchased_at)', 'toDecimal128(amount, 4)'),
    ('customer', ref('stg_customers'), 'registered_at', 'toDecimal128(0, 4)'),
] %}

with deleted_customers as (

    select * from {{ ref('stg_deleted_customers') }}

),

{% for entity, relation, known_at, amount in entities -%}
{{ entity }}_counts as (

    select
        '{{ entity }}' as entity,
        now64(3, 'UTC') as counted_at,
        {{ bigint('countIf(in_scope)') }} as in_scope_rows,
        {{ bigint('countIf(not in_scope)') }} as out_of_scope_rows,
        cast(sumIf(amount, in_scope) as Decimal(38, 4)) as in_scope_amount
    from (
        select
            {{ amount }} as amount,
            {{ known_at }} < {{ cutoff() }} and customer_id not in (select customer_id from deleted_customers) as in_scope
        from {{ relation }}
    )

){% if not loop.last %},{% endif %}

{% endfor -%}

{% for entity, _, _, _ in entities -%}
select * from {{ entity }}_counts
{% if not loop.last -%}
union all
{% endif -%}
{% endfor %}
