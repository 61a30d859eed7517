{# A list of names as quoted SQL literals: 'a', 'b'. #}
{% macro quoted(names) -%}
    {% for name in names %}'{{ name }}'{% if not loop.last %}, {% endif %}{% endfor %}
{%- endmacro %}

{# The position of a value in a list of names: 1 for the first, 0 where it is not in it. #}
{% macro position_in(names, value) -%}
    indexOf([{{ quoted(names) }}], {{ value }})
{%- endmacro %}
