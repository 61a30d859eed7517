-- depends_on: {{ ref('int_raw_counts') }}
{{ config(order_by='customer_id') }}

with customers as (

    select * from {{ ref('stg_customers') }}

),

known as (

    select *
    from customers
    where registered_at < {{ cutoff() }}

)

select * from known
