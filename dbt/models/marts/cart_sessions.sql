{{ config(order_by='(customer_id, started_at)') }}

with carts as (

    select * from {{ ref('int_cart_sessions') }}

),

exposures as (

    select * from {{ ref('experiment_exposures') }}

),

freeze as (

    select min(counted_at) as frozen_at
    from {{ ref('int_raw_counts') }}

),

-- What the shop was trying on the customer at that moment; of more than one experiment all.
seen as (

    select
        carts.customer_id as customer_id,
        carts.session_number as session_number,
        arrayStringConcat(arraySort(groupArray(concat(exposures.experiment, ': ', exposures.variant))), ', ') as variant
    from carts
    inner join exposures on carts.customer_id = exposures.customer_id
    where exposures.exposed_at <= carts.first_cart_at and carts.first_cart_at < exposures.observed_until
    group by carts.customer_id, carts.session_number

),

final as (

    select
        carts.*,
        {{ label("coalesce(seen.variant, 'none')") }} as variant,
        -- Nothing that comes later can still be of it.
        cast(
            carts.ended_at + interval {{ var('session_gap_minutes') }} minute
            < least((select freeze.frozen_at from freeze), {{ cutoff() }}) as Bool
        ) as is_over
    from carts
    left join seen on carts.customer_id = seen.customer_id and carts.session_number = seen.session_number

)

select * from final
