-- The two newest snapshots of the {{ words.subjects }} of use case {{ use_case }} at or before {{ run_date }}, the newest first: their
-- rows, those that name {{ words.a_subject }}, and the {{ words.subjects }}.
WITH
  days AS (
    SELECT DISTINCT snapshot_date FROM {{ raw.users }} WHERE snapshot_date <= {{ run_day }}
  ),
  newest AS (
    SELECT snapshot_date FROM days ORDER BY snapshot_date DESC LIMIT 2
  )
SELECT
  newest.snapshot_date,
  COUNT(*) AS deliveries,
  COUNT(NULLIF(users.{{ key }}, '')) AS named,
  COUNT(DISTINCT NULLIF(users.{{ key }}, '')) AS users
FROM {{ raw.users }} AS users
JOIN newest ON users.snapshot_date = newest.snapshot_date
GROUP BY newest.snapshot_date
ORDER BY newest.snapshot_date DESC
