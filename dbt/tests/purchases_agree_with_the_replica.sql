-- Both roads from the stream give the same newest state: the events in ClickHouse, and Postgres by replication.
-- Replication may trail by moments, so the last minutes are left out, and a replica that is ahead of this build is right.
-- A warning, since the marts are made of the events alone. Only for a build that is not cut in the past.
{{ config(severity='warn', enabled=var('as_of') == '') }}

with purchases as (

    select *
    from {{ ref('fct_purchases') }}
    where updated_at < now64(3, 'UTC') - interval 10 minute

),

replica as (

    select * from {{ ref('stg_live_purchases') }}

)

select
    purchases.purchase_id as purchase_id,
    purchases.status as status,
    replica.status as replica_status,
    purchases.updated_at as updated_at,
    replica.updated_at as replica_updated_at
from purchases
left join replica on purchases.purchase_id = replica.purchase_id
where
    replica.purchase_id is null
    or replica.updated_at < purchases.updated_at
    or (
        replica.updated_at = purchases.updated_at
        and (
            replica.status != purchases.status
            or replica.customer_id != purchases.customer_id
            or replica.quantity != purchases.quantity
            or replica.amount != purchases.amount
            or replica.discount != purchases.discount
        )
    )
limit 1000
