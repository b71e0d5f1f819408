{% from "_features.sql" import feature_columns -%}
-- Newsletters of use case {{ use_case }} sent from {{ start }} to before {{ end }} (UTC): one row per newsletter and user.
SELECT
  user_id,
  campaign,
  recommender,
  CAST(propensity AS FLOAT64) AS propensity,
  policy_version,
  eligible_recommenders,
  CAST(clicked AS INT64) AS clicked,
  CAST(unsubscribed AS INT64) AS unsubscribed,
  -- An unsubscribe that counts outweighs the click.
  CASE
    WHEN {{ unsubscribe_counts }} THEN {{ unsubscribe_reward }}
    WHEN clicked THEN {{ click_reward }}
    ELSE 0.0
  END AS reward
  {{- feature_columns(features, "DATE(sent_at)") }}
FROM {{ table }}
WHERE sent_at >= TIMESTAMP '{{ start }} 00:00:00+00:00'
  AND sent_at < TIMESTAMP '{{ end }} 00:00:00+00:00'
