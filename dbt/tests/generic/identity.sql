{# Ids that are missing or occur in more than one row, of a table of many rows: equal ids have equal hashes, which are quicker to group. #}
{% test identity(model, column_name) %}

with repeated_hashes as (

    select cityHash64({{ column_name }}) as id_hash
    from {{ model }}
    group by id_hash
    having count() > 1

)

select
    {{ column_name }} as id,
    count() as `rows`
from {{ model }}
where {{ column_name }} is null or cityHash64({{ column_name }}) in (select id_hash from repeated_hashes)
group by id
having rows > 1 or id is null
limit 100

{% endtest %}
