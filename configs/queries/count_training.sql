-- Sends of use case {{ use_case }} from {{ first_day }} to before {{ end_day }} (UTC) by the reason that leaves them out,
-- NULL for those that become training rows; how many of those have no features.
WITH
{% include "_sends.sql" %}
SELECT
  judged.left_out,
  COUNT(*) AS sends,
  COUNTIF(judged.left_out IS NULL AND snapshots.send_id IS NULL) AS without_features
FROM judged
LEFT JOIN snapshots ON snapshots.send_id = judged.send_id
GROUP BY judged.left_out
ORDER BY judged.left_out
