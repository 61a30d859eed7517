with source as (

    select * from {{ source('raw', 'customers') }} final

),

renamed as (

    select
        customer_id,
        country,
        channel,
        device,
        registered_at,
        updated_at
    from source
    where _deleted = 0

)

select * from renamed
