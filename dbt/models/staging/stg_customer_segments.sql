with source as (

    select * from {{ source('ml', 'customer_segments') }} final

),

renamed as (

    select
        run_id,
        as_of,
        computed_at,
        customer_id,
        segment_name
    from source

)

select * from renamed
