-- The two newest snapshots of the users of use case {{ use_case }} at or before {{ run_date }}, the newest first: their
-- rows, those that name a user, and the users.
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
  COUNT(NULLIF(users.user_id, '')) AS named,
  COUNT(DISTINCT NULLIF(users.user_id, '')) AS users
FROM {{ raw.users }} AS users
JOIN newest ON users.snapshot_date = newest.snapshot_date
GROUP BY newest.snapshot_date
ORDER BY newest.snapshot_date DESC
