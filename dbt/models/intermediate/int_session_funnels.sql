{{ config(materialized='by_customer', order_by='(customer_id, session_number)') }}

with {{ view_chains(['customer_id', 'session_number']) }},

deepest as (

    select
        customer_id,
        {{ bigint('session_number') }} as session_number,
        {{ deepest_chain() }}
    from chains
    group by customer_id, session_number

),

sessions as (

    select * from {{ ref('fct_sessions') }}
    where {{ customers_to_build() }}

),

final as (

    select
        deepest.*,
        {{ utc_day('sessions.started_at') }} as day,
        sessions.device as device,
        sessions.country as country,
        sessions.channel as channel
    from deepest
    inner join sessions on deepest.customer_id = sessions.customer_id and deepest.session_number = sessions.session_number

)

select * from final
