-- What was in scope before the freeze ≤ what was frozen ≤ what is in scope now; equal on both sides while no stream runs.
{%- set entities = [
    ('web_event', ref('int_web_events'), ref('stg_web_events'), 'event_time', 'toDecimal128(coalesce(price, 0), 4) * quantity'),
    ('purchase_event', ref('int_purchase_events'), ref('stg_purchase_events'), 'greatest(event_time, purchased_at)', 'toDecimal128(amount, 4)'),
] %}

with at_freeze as (

    select * from {{ ref('int_raw_counts') }}

),

{% for entity, frozen, source, known_at, amount in entities -%}
{{ entity }}_frozen as (

    select
        '{{ entity }}' as entity,
        count() as frozen_rows,
        sum({{ amount }}) as frozen_amount
    from {{ frozen }}

),

{{ entity }}_source as (

    select
        '{{ entity }}' as entity,
        count() as source_rows,
        sum({{ amount }}) as source_amount
    from {{ source }}
    where
        {{ known_at }} < {{ cutoff() }}
        and customer_id not in (select gone.customer_id from {{ ref('stg_deleted_customers') }} as gone)

),

{% endfor -%}
frozen as (

    {% for entity, _, _, _, _ in entities -%}
    select * from {{ entity }}_frozen
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

source as (

    {% for entity, _, _, _, _ in entities -%}
    select * from {{ entity }}_source
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    at_freeze.entity as entity,
    at_freeze.in_scope_rows as rows_at_freeze,
    frozen.frozen_rows as frozen_rows,
    source.source_rows as source_rows,
    at_freeze.in_scope_amount as amount_at_freeze,
    frozen.frozen_amount as frozen_amount,
    source.source_amount as source_amount
from at_freeze
inner join frozen on at_freeze.entity = frozen.entity
inner join source on at_freeze.entity = source.entity
where
    frozen.frozen_rows not between at_freeze.in_scope_rows and source.source_rows
    or frozen.frozen_amount not between at_freeze.in_scope_amount and source.source_amount
