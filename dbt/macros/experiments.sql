{# The customer's bucket in an experiment, as contracts.experiments.bucket: the first 32 bits of the MD5, modulo the buckets. #}
{% macro bucket(experiment, customer_id) -%}
    toInt32(
        reinterpretAsUInt32(reverse(substring(MD5(concat({{ experiment }}, ':', {{ customer_id }})), 1, 4)))
        % {{ var('experiment_buckets') }}
    )
{%- endmacro %}

{# Probability of a value at least this far from zero, to either side, under the standard normal distribution. #}
{% macro two_sided_p(z) -%}
    erfc(abs({{ z }}) / sqrt(2))
{%- endmacro %}
