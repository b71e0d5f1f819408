{% from "_features.sql" import feature_columns -%}
-- {{ words.subjects | capital }} of use case {{ use_case }} {{ words.who }} get the {{ words.unit }} of {{ run_date }}: one row per {{ words.subject }}.
SELECT
  {{ key }}{{ " AS user_id" if key != "user_id" }},
  campaign,
  eligible_recommenders
  {{- feature_columns(features, "DATE '" ~ run_date ~ "'") }}
FROM {{ table }}
