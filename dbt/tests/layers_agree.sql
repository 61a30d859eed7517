-- Rows of an entity are the same in every relation that accounts for it, and so is its money, to the last decimal.
with counts as (

    select * from {{ ref('layer_counts') }}
    where layer != 'raw'

)

select
    entity,
    min(`rows`) as fewest,
    max(`rows`) as most,
    min(amount) as least,
    max(amount) as highest
from counts
group by entity
having fewest != most or coalesce(least != highest, false)
