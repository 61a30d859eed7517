{# Values outside of a list of names that the contracts define, given as a variable. #}
{% test in_vocabulary(model, column_name, vocabulary) %}

select
    {{ column_name }} as name,
    count() as `rows`
from {{ model }}
where {{ column_name }} not in ({{ quoted(var(vocabulary)) }})
group by name

{% endtest %}
