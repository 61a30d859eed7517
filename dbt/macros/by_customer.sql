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
  {#- Merging large parts would cost more than all that a build writes, beside it; what is deleted is gone with the next full one. -#}
  {%- do model.config.update({'settings': {'max_bytes_to_merge_at_max_space_in_pool': 32 * 1024 * 1024}}) -%}

  {%- set inputs = _inputs() -%}
  {%- set told = _told(inputs + [this]) -%}
  {%- set made_of = _made_of(sql, told, told.tables[:-1]) -%}
  {%- set had = told.tables[-1] -%}
  {%- set kept = _kept(existing) if existing and _goes_on(had, made_of) else none -%}
  {%- if kept is none -%}
    {%- do made_of.update({'built': invocation_id}) -%}
    {% call statement('main') -%}
      {{ get_create_table_as_sql(False, beside, sql) }}
    {%- endcall %}
    {% do run_query('alter table ' ~ beside ~ ' modify ' ~ _comment(made_of)) %}
  {%- else -%}
    {%- do made_of.update({'built': had.built}) -%}
    {%- set changed -%}
      customer_id in (select changed.customer_id from {{ built_before('int_raw_customers') }} as changed where changed.version > {{ had.version }})
    {%- endset -%}
    {#- The clone shares the files of the table, and deleting marks rows: what is kept is not written again. -#}
    {% do run_query('create table ' ~ beside ~ ' clone as ' ~ existing ~ ' ' ~ _comment(made_of)) %}
    {% do run_query('delete from ' ~ beside ~ ' where ' ~ changed) %}
    {% call statement('main') -%}
      insert into {{ beside }} ({{ kept }})
      select {{ kept }} from ({{ sql | replace(customers_to_build(), changed) }}) where {{ changed }}
    {%- endcall %}
  {%- endif -%}
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
    {%- set relations = [] -%}
    {%- for name in names -%}
        {%- do relations.append(built_before(name)) -%}
    {%- endfor -%}
    {%- set told = _told(relations) -%}
    {{ return(told.history if told.tables | map(attribute='history') | unique | list == [told.history] else '') }}
{%- endmacro %}

{% macro _relation_of(node) -%}
    {{ return(api.Relation.create(schema=node.schema, identifier=node.alias)) }}
{%- endmacro %}

{% macro _comment(made_of) -%}
    {{ return("comment '" ~ tojson(made_of) ~ "'") }}
{%- endmacro %}

{#- What a build goes on from, in one statement: history and newest version of int_raw_customers, and what these tables were made of. -#}
{% macro _told(relations) -%}
    {%- set schemas = relations | map(attribute='schema') | unique | join("', '") -%}
    {%- set names = relations | map(attribute='identifier') | join("', '") -%}
    {%- set found = run_query(
        "select any(history), max(version), (select groupArray((name, comment)) from system.tables where database in ('" ~ schemas
        ~ "') and name in ('" ~ names ~ "')) from " ~ built_before('int_raw_customers')
    ).rows[0] -%}
    {%- set comments = dict(fromjson(found[2])) -%}
    {%- set tables = [] -%}
    {%- for relation in relations -%}
        {%- set nothing = {'history': '', 'version': 0, 'built': '', 'signature': ''} -%}
        {%- do tables.append(fromjson(comments.get(relation.identifier, ''), nothing)) -%}
    {%- endfor -%}
    {{ return({'history': found[0], 'version': found[1] | int, 'tables': tables}) }}
{%- endmacro %}

{% macro _inputs() -%}
    {%- set inputs = [] -%}
    {%- for id in model.depends_on.nodes if graph.nodes[id].config.materialized != 'view' and graph.nodes[id].name != 'int_raw_customers' -%}
        {%- if graph.nodes[id].config.materialized != 'by_customer' -%}
            {{ exceptions.raise_compiler_error(model.name ~ ' is built by customer, but reads ' ~ graph.nodes[id].name ~ ', which is not') }}
        {%- endif -%}
        {%- do inputs.append(_relation_of(graph.nodes[id])) -%}
    {%- endfor -%}
    {{ return(inputs) }}
{%- endmacro %}

{% macro _made_of(sql, newest, inputs) -%}
    {%- set histories = inputs | map(attribute='history') | unique | list -%}
    {{ return({
        'history': newest.history if histories in ([], [newest.history]) else '',
        'version': inputs | map(attribute='version') | min if inputs else newest.version,
        'signature': local_md5(tojson([
            sql, config.get('order_by'), model.columns.values() | map(attribute='data_type', default='') | list,
            inputs | map(attribute='built') | list
        ])),
    }) }}
{%- endmacro %}

{#- Whether what was made can be brought to what is to be made: it is of the same, and not ahead of it. -#}
{% macro _goes_on(had, made_of) -%}
    {%- set is_of_the_same = had.history == made_of.history and had.signature == made_of.signature -%}
    {{ return(made_of.history and is_of_the_same and had.version <= made_of.version and not should_full_refresh()) }}
{%- endmacro %}

{#- The columns of a table whose rows can be kept; none where more than half of them are marked as deleted. -#}
{% macro _kept(relation) -%}
    {%- set of_it = " where database = '" ~ relation.schema ~ "' and " -%}
    {%- set found = run_query(
        "select count(), (select total_rows from system.tables" ~ of_it ~ "name = '" ~ relation.identifier
        ~ "'), (select groupArray(name) from system.columns" ~ of_it ~ "table = '" ~ relation.identifier ~ "') from " ~ relation
    ).rows[0] -%}
    {{ return('`' ~ fromjson(found[2]) | join('`, `') ~ '`' if 2 * (found[0] | int) >= found[1] | int else none) }}
{%- endmacro %}
