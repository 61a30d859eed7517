with source as (

    select * from {{ source('ml', 'churn_scores') }} final

),

renamed as (

    select
        run_id,
        as_of,
        computed_at,
        customer_id,
        churn_score
    from source

)

select * from renamed
