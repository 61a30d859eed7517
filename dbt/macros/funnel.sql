{# One step's events: the keys and the time. #}
{% macro events_of(step, keys) -%}
    select
        {{ keys | join(', ') }},
        event_time as {{ step }}_at
    from {{ ref('int_session_events') }}
    where event_type = '{{ step }}' and {{ customers_to_build() }}
{%- endmacro %}

{# The condition of an as-of join to the earliest step at or after another one; of one moment, in whatever order. #}
{% macro followed_by(earlier, earlier_at, later, later_at, keys) -%}
    {% for key in keys %}{{ earlier }}.{{ key }} = {{ later }}.{{ key }} and {% endfor -%}
    {{ earlier }}.{{ earlier_at }} <= {{ later }}.{{ later_at }}
{%- endmacro %}

{# CTEs up to `chains`: one row per view, with the earliest chain of steps after it and how much of it lies within the window.
   From a view the earliest chain is the best: whatever a later cart leads to, an earlier one leads to as well. #}
{% macro view_chains(keys) -%}
purchases as (

    {{ events_of('purchase', keys) }}

),

checkouts as (

    {{ events_of('checkout', keys) }}

),

carts as (

    {{ events_of('cart', keys) }}

),

views as (

    select
        customer_id,
        session_number,
        event_number,
        event_time as view_at,
        device,
        country,
        channel
    from {{ ref('int_session_events') }}
    where event_type = 'view' and {{ customers_to_build() }}

),

paid_checkouts as (

    select
        checkouts.*,
        purchases.purchase_at as purchase_at
    from checkouts
    asof left join purchases on {{ followed_by('checkouts', 'checkout_at', 'purchases', 'purchase_at', keys) }}

),

continued_carts as (

    select
        carts.*,
        paid_checkouts.checkout_at as checkout_at,
        paid_checkouts.purchase_at as purchase_at
    from carts
    asof left join paid_checkouts on {{ followed_by('carts', 'cart_at', 'paid_checkouts', 'checkout_at', keys) }}

),

continued_views as (

    select
        views.*,
        continued_carts.cart_at as cart_at,
        continued_carts.checkout_at as checkout_at,
        continued_carts.purchase_at as purchase_at
    from views
    asof left join continued_carts on {{ followed_by('views', 'view_at', 'continued_carts', 'cart_at', keys) }}

),

chains as (

    select
        *,
        coalesce(dateDiff('millisecond', view_at, cart_at) <= {{ window_ms() }}, false) as carted,
        coalesce(dateDiff('millisecond', view_at, checkout_at) <= {{ window_ms() }}, false) as checked_out,
        coalesce(dateDiff('millisecond', view_at, purchase_at) <= {{ window_ms() }}, false) as purchased,
        toInt32(1 + carted + checked_out + purchased) as steps_done,
        -- The deepest comes last, of equals the one that starts first.
        steps_done * 1000000000000 - toInt64(event_number) as place,
        if(carted, dateDiff('millisecond', view_at, cart_at), 0) as to_cart_ms,
        if(checked_out, dateDiff('millisecond', cart_at, checkout_at), 0) as to_checkout_ms,
        if(purchased, dateDiff('millisecond', checkout_at, purchase_at), 0) as to_purchase_ms
    from continued_views

)
{%- endmacro %}

{% macro window_ms() -%}
    {{ var('funnel_window_minutes') }} * 60 * 1000
{%- endmacro %}

{# Aggregates over `chains`: what is said of the deepest. #}
{% macro deepest_chain() -%}
        max(steps_done) as depth,
        {% for step in ['cart', 'checkout', 'purchase'] -%}
        {{ bigint('argMax(to_' ~ step ~ '_ms, place)') }} as {{ step }}_ms
        {%- if not loop.last %},{% endif %}
        {% endfor %}
{%- endmacro %}
