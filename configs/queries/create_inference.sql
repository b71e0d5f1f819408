-- The inference table of use case {{ use_case }}: one row per {{ words.subject }}.
CREATE TABLE IF NOT EXISTS {{ table }} (
{%- for name, type in columns %}
  {{ name }} {{ type }}{{ "," if not loop.last }}
{%- endfor %}
)
CLUSTER BY {{ key }}
OPTIONS (description = '{{ words.subjects | capital }} of the next {{ words.unit }}; newsletter-bandit build-tables empties and refills it daily.')
