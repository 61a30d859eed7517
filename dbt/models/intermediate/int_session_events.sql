{{ config(materialized='by_customer', order_by='(customer_id, event_time, event_id)') }}

with events as (

    select * from {{ ref('int_web_events') }}
    where {{ customers_to_build() }}

),

with_gap as (

    select
        *,
        row_number() over customer_events as event_number,
        dateDiff('millisecond', lag(event_time) over customer_events, event_time) as gap_ms
    from events
    window customer_events as (partition by customer_id order by event_time, event_id)

),

with_start as (

    select
        *,
        event_number = 1 or gap_ms > {{ var('session_gap_minutes') }} * 60 * 1000 as starts_session
    from with_gap

),

numbered as (

    select
        * except (row_hash, gap_ms),
        sum(starts_session) over (
            partition by customer_id
            order by event_time, event_id
            rows between unbounded preceding and current row
        ) as session_number
    from with_start

)

select * from numbered
