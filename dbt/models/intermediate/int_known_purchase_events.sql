{{ config(materialized='view') }}

with events as (

    select
        *,
        {{ row_hash() }} as row_hash
    from {{ ref('stg_purchase_events') }}

),

deleted_customers as (

    select * from {{ ref('stg_deleted_customers') }}

),

known as (

    select *
    from events
    where
        event_time < {{ cutoff() }}
        and purchased_at < {{ cutoff() }}
        and customer_id not in (select deleted_customers.customer_id from deleted_customers)

)

select * from known
