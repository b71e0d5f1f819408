{#- The use case's features as tf.Example columns; dates become days before `day`, a DATE expression. -#}
{%- macro feature_columns(features, day) %}
{%- for name, type in features %}
{%- if type == "number" %},
  CAST(`{{ name }}` AS FLOAT64) AS `{{ name }}`
{%- elif type == "bool" %},
  CAST(`{{ name }}` AS INT64) AS `{{ name }}`
{%- elif type == "date" %},
  CAST(DATE_DIFF({{ day }}, `{{ name }}`, DAY) AS FLOAT64) AS `{{ name }}`
{%- else %},
  `{{ name }}`
{%- endif %}
{%- endfor %}
{%- endmacro %}
