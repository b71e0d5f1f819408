-- The training table of use case {{ use_case }}: one row per {{ words.unit }} and {{ words.subject }}.
CREATE TABLE IF NOT EXISTS {{ table }} (
{%- for name, type in columns %}
  {{ name }} {{ type }}{{ "," if not loop.last }}
{%- endfor %}
)
PARTITION BY DATE(sent_at)
CLUSTER BY recommender, {{ key }}
OPTIONS (description = '{{ words.units | capital }} {{ words.sent }}, with outcome and features; newsletter-bandit build-tables writes it.')
