{{ config(materialized='view') }}

with segments as (

    select *
    from {{ ref('stg_customer_segments') }}
    where as_of <= {{ as_of_day() }}

),

newest_run as (

    select argMax(run_id, (as_of, computed_at, run_id)) as run_id
    from segments

),

newest as (

    select
        customer_id,
        segment_name
    from segments
    where run_id in (select run_id from newest_run)

)

select * from newest
