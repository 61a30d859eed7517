-- What was in scope before the freeze ≤ what was frozen ≤ what is in scope now; equal on both sides while no stream runs.
{%- set entities = [
    ('web_event', ref('int_web_events'), ref('stg_web_events'), 'event_time', 'toDecimal128(coalesce(price, 0), 4) * quantity'),
    ('purchase_event', ref('int_purchase_events'), ref('stg_purchase_events'), 'greatest(event_time, purchased_at)', 'toDecimal128(amount, 4)'),
] %}

with deleted_customers as (

    select * from {{ ref('stg_deleted_customers') }}

),

counts as (

    {% for entity, frozen, now, known_at, amount in entities %}
    select
        before.entity as entity,
        before.in_scope_rows as rows_before,
        frozen.rows as rows_frozen,
        now.rows as rows_now,
        before.in_scope_amount as amount_before,
        frozen.amount as amount_frozen,
        now.amount as amount_now
    from {{ ref('int_raw_counts') }} as before
    cross join (select count() as rows, sum({{ amount }}) as amount from {{ frozen }}) as frozen
    cross join (
        select
            count() as rows,
            sum({{ amount }}) as amount
        from {{ now }}
        where {{ known_at }} < {{ cutoff() }} and customer_id not in (select customer_id from deleted_customers)
    ) as now
    where before.entity = '{{ entity }}'
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select *
from counts
where
    rows_frozen not between rows_before and rows_now
    or amount_frozen not between amount_before and amount_now
