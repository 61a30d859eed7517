{# Keys that occur in more than one row, or that have a part missing. #}
{% test grain(model, columns) %}

select
    {{ columns | join(', ') }},
    count() as `rows`
from {{ model }}
group by {{ columns | join(', ') }}
having rows > 1{% for column in columns %} or {{ column }} is null{% endfor %}

limit 100

{% endtest %}
