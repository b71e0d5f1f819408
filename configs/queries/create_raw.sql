-- A raw source of use case {{ use_case }}, which you fill.
CREATE TABLE IF NOT EXISTS {{ table }} (
{%- for name, type in columns %}
  {{ name }} {{ type }}{{ "," if not loop.last }}
{%- endfor %}
)
PARTITION BY {{ partition }}
CLUSTER BY {{ cluster }}
