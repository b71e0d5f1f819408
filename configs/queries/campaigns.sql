-- Campaigns of use case {{ use_case }} with {{ words.units }} {{ words.sent }} from {{ start }} to before {{ end }} (UTC).
SELECT DISTINCT campaign
FROM {{ table }}
WHERE sent_at >= TIMESTAMP '{{ start }} 00:00:00+00:00'
  AND sent_at < TIMESTAMP '{{ end }} 00:00:00+00:00'
ORDER BY campaign
