{{ config(order_by='(experiment, customer_id)') }}

with variants as (

    select
        *,
        least(coalesce(ended_at, {{ cutoff() }}), {{ cutoff() }}) as known_end
    from {{ ref('stg_experiments') }}
    where started_at < {{ cutoff() }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

events as (

    select * from {{ ref('int_web_events') }}

),

experiments as (

    select distinct experiment
    from variants

),

buckets as (

    select
        experiments.experiment as experiment,
        customers.customer_id as customer_id,
        customers.first_purchase_at as first_purchase_at,
        {{ bucket('experiments.experiment', 'customers.customer_id') }} as bucket
    from customers
    cross join experiments

),

assigned as (

    select
        buckets.*,
        variants.variant as variant,
        variants.started_at as started_at,
        variants.known_end as known_end
    from buckets
    inner join variants on buckets.experiment = variants.experiment
    where buckets.bucket >= variants.bucket_from and buckets.bucket < variants.bucket_to

),

exposed as (

    select
        assigned.experiment as experiment,
        assigned.customer_id as customer_id,
        assigned.variant as variant,
        assigned.bucket as bucket,
        min(events.event_time) as exposed_at,
        any(assigned.known_end) as known_end,
        coalesce(any(assigned.first_purchase_at) < exposed_at, false) as bought_before,
        argMin((events.device, events.country, events.channel), (events.event_time, events.event_id)) as labels
    from events
    inner join assigned on events.customer_id = assigned.customer_id
    where events.event_time >= assigned.started_at and events.event_time < assigned.known_end
    group by assigned.experiment, assigned.customer_id, assigned.variant, assigned.bucket

),

final as (

    select
        experiment,
        customer_id,
        {{ label('variant') }} as variant,
        bucket,
        exposed_at,
        known_end as observed_until,
        cast(bought_before as Bool) as bought_before,
        {{ label('labels.1') }} as device,
        {{ label('labels.2') }} as country,
        {{ label('labels.3') }} as channel
    from exposed

)

select * from final
