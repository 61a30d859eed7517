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
        segments.customer_id as customer_id,
        segments.segment_name as segment_name
    from segments
    inner join newest_run on segments.run_id = newest_run.run_id

)

select * from newest
