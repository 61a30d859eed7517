{{ config(materialized='by_customer', order_by='(customer_id, session_number)') }}

with {{ view_chains(['customer_id', 'session_number']) }},

deepest as (

    select
        customer_id,
        {{ bigint('session_number') }} as session_number,
        {{ deepest_chain() }}
    from chains
    group by customer_id, session_number

)

select * from deepest
