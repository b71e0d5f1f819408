{% from "_profile.sql" import profile, by_profile -%}
SELECT
  users.{{ key }},
  {{ campaign }} AS campaign,
  users.eligible_recommenders,
  users.snapshot_date
  {{- profile(features) }}
FROM {{ raw.users }} AS users
WHERE users.snapshot_date = {{ snapshot_date }} AND NULLIF(users.{{ key }}, '') IS NOT NULL
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY users.{{ key }}
  ORDER BY ARRAY_TO_STRING(users.eligible_recommenders, '|'), {{ by_profile(features) }}
) = 1
