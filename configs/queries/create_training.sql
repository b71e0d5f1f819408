-- The training table of use case {{ use_case }}: one row per newsletter and user.
CREATE TABLE IF NOT EXISTS {{ table }} (
{%- for name, type in columns %}
  {{ name }} {{ type }}{{ "," if not loop.last }}
{%- endfor %}
)
PARTITION BY DATE(sent_at)
CLUSTER BY recommender, user_id
OPTIONS (description = 'Newsletters sent, with outcome and features; newsletter-bandit build-tables writes it.')
