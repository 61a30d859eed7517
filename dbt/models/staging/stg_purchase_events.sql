with source as (

    select * from {{ source('raw', 'purchase_events') }} final

),

renamed as (

    select
        event_id,
        event_time,
        purchase_id,
        customer_id,
        session_id as client_session_id,
        status,
        purchased_at,
        product_id,
        coalesce(category, '{{ var("unknown") }}') as category,
        coalesce(brand, '{{ var("unknown") }}') as brand,
        quantity,
        amount,
        discount,
        currency,
        device,
        country,
        channel
    from source

)

select * from renamed
