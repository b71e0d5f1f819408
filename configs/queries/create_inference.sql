-- The inference table of use case {{ use_case }}: one row per user.
CREATE TABLE IF NOT EXISTS {{ table }} (
{%- for name, type in columns %}
  {{ name }} {{ type }}{{ "," if not loop.last }}
{%- endfor %}
)
CLUSTER BY user_id
OPTIONS (description = 'Users of the next newsletter; newsletter-bandit build-tables empties and refills it daily.')
