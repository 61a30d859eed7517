{# Nothing else can run beside it, so it may use all threads; else a query gets one for each GiB that is free within its limit. #}
{{ config(order_by='(customer_id, entity)', query_settings={'max_threads_min_free_memory_per_thread': 0}) }}

-- Counted before the events are frozen: a stream that goes on can only add to these numbers. What was frozen last is read by its
-- name, since it is built from this.
{%- set entities = [
    ('web_event', ref('stg_web_events'), 'event_time', 'toDecimal128(coalesce(price, 0), 4) * quantity'),
    ('purchase_event', ref('stg_purchase_events'), 'greatest(event_time, purchased_at)', 'toDecimal128(amount, 4)'),
] %}
{%- set goes_on = history_goes_on(['int_web_events', 'int_purchase_events']) %}

with deleted_customers as (

    select * from {{ ref('stg_deleted_customers') }}

),

{% for entity, source, known_at, money in entities -%}
{{ entity }}_known as (

    select
        customer_id,
        {{ known_at }} < {{ cutoff() }} as is_known,
        {{ money }} as money,
        {{ row_hash() }} as row_hash
    from {{ source }}

),

{% endfor -%}

buyers as (

    select
        purchase_id,
        customer_id
    from {{ ref('stg_purchase_events') }}
    {% if goes_on -%}
    union all
    select
        purchase_id,
        customer_id
    from {{ built_before('int_purchase_events') }}
    {% endif %}
),

-- States of one purchase should name one customer. Where they do not, what is built of each follows from the other's rows as
-- well: these are built together, every time.
shared_purchases as (

    select purchase_id
    from buyers
    group by purchase_id
    having min(customer_id) != max(customer_id)

),

buyers_of_the_same as (

    select customer_id
    from buyers
    where purchase_id in (select shared_purchases.purchase_id from shared_purchases)

),

parts as (

    {% for entity, source, known_at, money in entities -%}
    select
        '{{ entity }}' as entity,
        customer_id,
        {{ bigint('count()') }} as raw_rows,
        {{ bigint('countIf(is_known)') }} as known_rows,
        cast(sumIf(money, is_known) as Decimal(38, 4)) as known_amount,
        sumIf(row_hash, is_known) as known_hash,
        toInt64(0) as frozen_rows,
        toInt64(0) as frozen_hash,
        toInt64(0) as version
    from {{ entity }}_known
    group by customer_id
    {% if goes_on -%}
    union all
    select
        '{{ entity }}' as entity,
        customer_id,
        0 as raw_rows,
        0 as known_rows,
        0 as known_amount,
        0 as known_hash,
        {{ bigint('count()') }} as frozen_rows,
        sum(row_hash) as frozen_hash,
        0 as version
    from {{ built_before('int_' ~ entity ~ 's') }}
    group by customer_id
    {% endif -%}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor -%}
    {% if goes_on -%}
    union all
    select
        entity,
        customer_id,
        0 as raw_rows,
        0 as known_rows,
        0 as known_amount,
        0 as known_hash,
        0 as frozen_rows,
        0 as frozen_hash,
        version
    from {{ this }}
    {% endif %}
),

compared as (

    select
        entity,
        customer_id,
        customer_id not in (select deleted_customers.customer_id from deleted_customers) as is_there,
        if(is_there, sum(known_rows), 0) as in_scope_rows,
        sum(raw_rows) - in_scope_rows as out_of_scope_rows,
        if(is_there, sum(known_amount), 0) as in_scope_amount,
        if(is_there, sum(known_hash), 0) as in_scope_hash,
        max(version) as known_version,
        known_version = 0
        or in_scope_rows != sum(frozen_rows)
        or in_scope_hash != sum(frozen_hash)
        or customer_id in (select buyers_of_the_same.customer_id from buyers_of_the_same) as has_changed
    from parts
    group by entity, customer_id

),

final as (

    select
        entity,
        customer_id,
        now64(3, 'UTC') as counted_at,
        in_scope_rows,
        out_of_scope_rows,
        cast(in_scope_amount as Decimal(38, 4)) as in_scope_amount,
        -- By the clock, but never behind what there was: clocks are set back.
        if(
            has_changed,
            greatest(toUnixTimestamp64Micro(now64(6)), max(known_version) over () + 1),
            known_version
        ) as version,
        '{{ goes_on or invocation_id }}' as history
    from compared

)

select * from final
