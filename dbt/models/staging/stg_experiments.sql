with source as (

    select * from {{ source('raw', 'experiments') }} final

),

renamed as (

    select
        experiment,
        variant,
        bucket_from,
        bucket_to,
        started_at,
        ended_at
    from source
    where _deleted = 0

)

select * from renamed
