{% from "_features.sql" import feature_columns -%}
-- Users of use case {{ use_case }} who get the newsletter of {{ run_date }}: one row per user.
SELECT
  user_id,
  campaign,
  eligible_recommenders
  {{- feature_columns(features, "DATE '" ~ run_date ~ "'") }}
FROM {{ table }}
