-- Every sum of revenue_daily is that of fct_purchases.
with daily as (

    select
        sum(purchases) as purchases,
        sum(units) as units,
        sum(gross) as gross,
        sum(discounts) as discounts,
        sum(refunds) as refunds,
        sum(net) as net
    from {{ ref('revenue_daily') }}

),

facts as (

    select
        count() as purchases,
        sum(quantity) as units,
        sum(amount) as gross,
        sum(discount) as discounts,
        sum(refund) as refunds,
        sum(net_amount) as net
    from {{ ref('fct_purchases') }}

)

select
    daily.net as daily_net,
    facts.net as facts_net
from daily
cross join facts
where
    daily.purchases != facts.purchases
    or daily.units != facts.units
    or daily.gross != facts.gross
    or daily.discounts != facts.discounts
    or daily.refunds != facts.refunds
    or daily.net != facts.net
