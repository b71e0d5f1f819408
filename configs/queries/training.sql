{% from "_features.sql" import feature_columns -%}
{% from "_reward.sql" import known, reward_of -%}
-- {{ words.units | capital }} of use case {{ use_case }} {{ words.sent }} from {{ start }} to before {{ end }} (UTC): one row per {{ words.unit }} and {{ words.subject }}.
SELECT
  {{ key }}{{ " AS user_id" if key != "user_id" }},
  campaign,
  recommender,
  CAST(propensity AS FLOAT64) AS propensity,
  policy_version,
  eligible_recommenders,
  CAST(clicked AS INT64) AS clicked,
  CAST(unsubscribed AS INT64) AS unsubscribed,
{%- for term in reward.outcomes %}
  CAST(`{{ term.name }}` AS FLOAT64) AS `{{ term.name }}`,
{%- endfor %}
  {{ reward_of(reward) }} AS reward
  {{- feature_columns(features, "DATE(sent_at)") }}
FROM {{ table }}
WHERE sent_at >= TIMESTAMP '{{ start }} 00:00:00+00:00'
  AND sent_at < TIMESTAMP '{{ end }} 00:00:00+00:00'
{%- if reward.outcomes %}
  AND {{ known(reward) }}
{%- endif %}
