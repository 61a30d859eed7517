{# All columns of a row as one number. A tuple, since the hash of several values is NULL where one of them is. Signed: sums of it are
   subtracted from each other, and wrap. #}
{% macro row_hash() -%}
    reinterpretAsInt64(cityHash64(tuple(*)))
{%- endmacro %}
