{{ config(materialized='view') }}

with scores as (

    select *
    from {{ ref('stg_churn_scores') }}
    where as_of <= {{ as_of_day() }}

),

newest_run as (

    select argMax(run_id, (as_of, computed_at, run_id)) as run_id
    from scores

),

newest as (

    select
        scores.customer_id as customer_id,
        scores.churn_score as churn_score
    from scores
    inner join newest_run on scores.run_id = newest_run.run_id

)

select * from newest
