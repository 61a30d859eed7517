with source as (

    select * from {{ source('raw', 'purchases') }} final

),

renamed as (

    select
        purchase_id,
        customer_id,
        status,
        purchased_at,
        updated_at,
        quantity,
        amount,
        discount
    from source
    where _deleted = 0

)

select * from renamed
