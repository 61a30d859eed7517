{{ config(materialized='view') }}

-- No model scores customers yet. Its results in `ml` take the place of this row, newest run first, as in int_newest_segments.
with newest as (

    select
        '' as customer_id,
        toFloat64(0) as churn_score

)

select *
from newest
where false
