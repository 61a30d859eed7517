{#- The materialization `by_customer`: a table whose rows follow from one customer's events alone, whatever the others did. The rows
    of customers who have not changed since it was built are kept, the others' are built anew, beside the table and swapped for it.

    Which customers changed says int_raw_customers: each has the version of the build that saw them change last. A table bears in its
    comment what it was made of, and is kept only where that still holds:
      history    of int_raw_customers, whose versions can be compared with each other only
      version    up to which changes are in it: that of its inputs, so that a build of some models alone stays behind by itself
      built      by which build it was last made in full
      signature  its SQL with all variables, its columns, and what its inputs say of `built`: an input that was made in full may hold
                 more than the versions tell
    The comment changes places with the table: a build that fails on its way leaves every table with what is true of it. -#}
{% materialization by_customer, adapter='clickhouse' %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set beside = make_backup_relation(target, 'table') -%}
  {{ drop_relation_if_exists(load_cached_relation(beside)) }}
  {{ run_hooks(pre_hooks) }}

  {%- set made_of = _made_of(sql) -%}
  {%- set kept = _kept(existing, made_of) -%}
  {%- if kept is none -%}
    {%- do made_of.update({'built': invocation_id}) -%}
    {% call statement('main') -%}
      {{ get_create_table_as_sql(False, beside, sql) }}
    {%- endcall %}
  {%- else -%}
    {%- do made_of.update({'built': kept.built}) -%}
    {%- set changed -%}
      customer_id in (select changed.customer_id from {{ built_before('int_raw_customers') }} as changed where changed.version > {{ kept.version }})
    {%- endset -%}
    {%- set columns = adapter.get_columns_in_relation(existing) | map(attribute='quoted') | join(', ') -%}
    {#- The clone shares the files of the table, and deleting marks rows: what is kept is not written again. -#}
    {% do run_query('create table ' ~ beside ~ ' clone as ' ~ existing) %}
    {% do run_query('delete from ' ~ beside ~ ' where ' ~ changed) %}
    {% call statement('main') -%}
      insert into {{ beside }} ({{ columns }})
      select {{ columns }} from ({{ sql | replace(customers_to_build(), changed) }}) where {{ changed }}
    {%- endcall %}
  {%- endif -%}
  {% do run_query("alter table " ~ beside ~ " modify comment '" ~ tojson(made_of) ~ "'") %}
  {%- if existing is none -%}
    {{ adapter.rename_relation(beside, target) }}
  {%- else -%}
    {% do exchange_tables_atomic(beside, existing) %}
    {{ drop_relation_if_exists(beside) }}
  {%- endif -%}

  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- The condition with which a model of this kind reads its inputs. It spares reading the others; the result does not rest on it. -#}
{% macro customers_to_build() -%}
    true /* customers to build */
{%- endmacro %}

{#- A model's table by its name: not as an input, and as the build before left it where this one has yet to come to it. -#}
{% macro built_before(name) -%}
    {{ return(_relation_of(graph.nodes['model.' ~ project_name ~ '.' ~ name])) }}
{%- endmacro %}

{#- The history of int_raw_customers that these tables were built in; empty where they were not built in it, or are not there. -#}
{% macro history_goes_on(names) -%}
    {%- if not execute or should_full_refresh() or not load_cached_relation(this) or config.get('materialized') == 'unit' -%}
        {{ return('') }}
    {%- endif -%}
    {%- set histories = [run_query('select any(history) from ' ~ this).rows[0][0]] -%}
    {%- for name in names -%}
        {%- do histories.append(_comment(built_before(name)).history) -%}
    {%- endfor -%}
    {{ return(histories[0] if histories | unique | list | length == 1 else '') }}
{%- endmacro %}

{% macro _relation_of(node) -%}
    {{ return(api.Relation.create(schema=node.schema, identifier=node.alias)) }}
{%- endmacro %}

{% macro _comment(relation) -%}
    {%- set found = run_query(
        "select comment from system.tables where database = '" ~ relation.schema ~ "' and name = '" ~ relation.identifier ~ "'"
    ) -%}
    {%- set nothing = {'history': '', 'version': 0, 'built': '', 'signature': ''} -%}
    {{ return(fromjson(found.rows[0][0], nothing) if found.rows else nothing) }}
{%- endmacro %}

{% macro _made_of(sql) -%}
    {%- set inputs = [] -%}
    {%- for id in model.depends_on.nodes if graph.nodes[id].config.materialized != 'view' and graph.nodes[id].name != 'int_raw_customers' -%}
        {%- if graph.nodes[id].config.materialized != 'by_customer' -%}
            {{ exceptions.raise_compiler_error(model.name ~ ' is built by customer, but reads ' ~ graph.nodes[id].name ~ ', which is not') }}
        {%- endif -%}
        {%- do inputs.append(_comment(_relation_of(graph.nodes[id]))) -%}
    {%- endfor -%}
    {%- set newest = run_query('select any(history), max(version) from ' ~ built_before('int_raw_customers')).rows[0] -%}
    {%- set histories = inputs | map(attribute='history') | unique | list -%}
    {{ return({
        'history': newest[0] if histories in ([], [newest[0]]) else '',
        'version': inputs | map(attribute='version') | min if inputs else newest[1] | int,
        'signature': local_md5(tojson([
            sql, config.get('order_by'), model.columns.values() | map(attribute='data_type', default='') | list,
            inputs | map(attribute='built') | list
        ])),
    }) }}
{%- endmacro %}

{#- What the table was made of, where the rows of unchanged customers can be kept; else none: it is not there, or is not made of the
    same, or half of its rows are marked as deleted. -#}
{% macro _kept(existing, made_of) -%}
    {%- if existing is none or should_full_refresh() or not made_of.history -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set had = _comment(existing) -%}
    {%- set is_of_the_same = had.history == made_of.history and had.signature == made_of.signature -%}
    {{ return(had if is_of_the_same and had.version <= made_of.version and _marked_share(existing) < 0.5 else none) }}
{%- endmacro %}

{% macro _marked_share(relation) -%}
    {%- set counts = run_query(
        "select (select count() from " ~ relation ~ "), total_rows from system.tables where database = '" ~ relation.schema
        ~ "' and name = '" ~ relation.identifier ~ "'"
    ).rows[0] -%}
    {{ return(1 - (counts[0] | int) / (counts[1] | int) if counts[1] | int else 0) }}
{%- endmacro %}
