-- The newest snapshot of the users of use case {{ use_case }} at or before {{ run_date }}: its rows, those that name a
-- user, and the users.
WITH
  newest AS (
    SELECT MAX(snapshot_date) AS snapshot_date FROM {{ raw.users }} WHERE snapshot_date <= {{ run_day }}
  )
SELECT
  newest.snapshot_date,
  COUNT(*) AS deliveries,
  COUNT(NULLIF(users.user_id, '')) AS named,
  COUNT(DISTINCT NULLIF(users.user_id, '')) AS users
FROM {{ raw.users }} AS users
JOIN newest ON users.snapshot_date = newest.snapshot_date
GROUP BY newest.snapshot_date
