with source as (

    select * from {{ source('raw', 'web_events') }} final

),

renamed as (

    select
        event_id,
        event_time,
        event_type,
        customer_id,
        session_id as client_session_id,
        product_id,
        category,
        brand,
        price,
        coalesce(quantity, 1) as quantity,
        device,
        country,
        channel
    from source

)

select * from renamed
