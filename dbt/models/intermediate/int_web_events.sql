-- depends_on: {{ ref('int_raw_counts') }}
{{ config(order_by='(customer_id, event_time, event_id)') }}

with events as (

    select * from {{ ref('stg_web_events') }}

),

deleted_customers as (

    select * from {{ ref('stg_deleted_customers') }}

),

known as (

    select events.*
    from events
    where
        events.event_time < {{ cutoff() }}
        and events.customer_id not in (select deleted_customers.customer_id from deleted_customers)

)

select * from known
