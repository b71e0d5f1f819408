-- Rows of a raw table of events of use case {{ use_case }} from {{ first_day }} to before {{ end_day }} (UTC), and those that
-- belong to a send of these days or of the {{ final_after_days }} days before.
WITH
  sent AS (
    SELECT DISTINCT send_id FROM {{ raw.sends }} WHERE sent_at >= {{ oldest_send }} AND sent_at < {{ end }}
  )
SELECT
  COUNT(*) AS found,
  COUNT(sent.send_id) AS matched
FROM {{ events }} AS events
LEFT JOIN sent ON sent.send_id = events.send_id
WHERE events.{{ time }} >= {{ start }} AND events.{{ time }} < {{ end }}
