{#- Whether a query has the names and types of its model's contract. As dbt-clickhouse asks it, but of the analyser alone: with LIMIT 0
    the engine makes ready what is joined, which took twice as long. -#}
{% macro clickhouse__get_assert_columns_equivalent(sql) -%}
    {%- set found = [] -%}
    {%- for row in run_query('describe table (\n' ~ sql ~ '\n)' ~ adapter.get_model_query_settings(model)).rows -%}
        {%- do found.append({'name': row['name'], 'data_type': row['type']}) -%}
    {%- endfor -%}
    {%- set promised = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do promised.append({'name': column.name, 'data_type': column.data_type}) -%}
    {%- endfor -%}
    {%- if found | sort(true, attribute='name') != promised | sort(true, attribute='name') -%}
        {%- do exceptions.raise_contract_error(promised, found) -%}
    {%- endif -%}
{%- endmacro %}
