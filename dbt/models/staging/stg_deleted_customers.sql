with source as (

    select * from {{ source('raw', 'customers') }}

),

newest as (

    select
        customer_id,
        argMax(_deleted, _lsn) as is_deleted
    from source
    group by customer_id

)

select customer_id
from newest
where is_deleted = 1
