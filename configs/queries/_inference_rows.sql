{% from "_profile.sql" import profile, by_profile -%}
{%- if history -%}
WITH
  days AS (
    SELECT DISTINCT {{ key }}{{ " AS user_id" if key != "user_id" }}, {{ day }} AS day
    FROM {{ raw.users }}
    WHERE snapshot_date = {{ snapshot_date }} AND NULLIF({{ key }}, '') IS NOT NULL
  ),
{% include "_history.sql" %}
{% endif -%}
SELECT
  users.{{ key }},
  {{ campaign }} AS campaign,
  users.eligible_recommenders,
  users.snapshot_date
  {{- profile(user_features) }}
{%- for one in history %},
  history.`{{ one.name }}`
{%- endfor %}
FROM {{ raw.users }} AS users
{%- if history %}
JOIN history ON history.user_id = users.{{ key }}
{%- endif %}
WHERE users.snapshot_date = {{ snapshot_date }} AND NULLIF(users.{{ key }}, '') IS NOT NULL
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY users.{{ key }}
  ORDER BY ARRAY_TO_STRING(users.eligible_recommenders, '|'), {{ by_profile(user_features) }}
) = 1
