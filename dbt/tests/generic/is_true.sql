{# Rows for which the expression is false, or cannot be said. #}
{% test is_true(model, expression) %}

select *
from {{ model }}
where coalesce(not ({{ expression }}), true)
limit 100

{% endtest %}
