-- depends_on: {{ ref('int_raw_customers') }}
{{ config(materialized='by_customer', order_by='(customer_id, purchase_id, event_time, event_id)') }}

select *
from {{ ref('int_known_purchase_events') }}
where {{ customers_to_build() }}
