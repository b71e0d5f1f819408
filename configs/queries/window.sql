-- {{ words.units | capital }} of use case {{ use_case }} by day and by propensity, from {{ start }} to before {{ end }} (UTC).
SELECT
  DATE(sent_at) AS day,
  CASE
{% for bound in bounds %}
    WHEN propensity >= {{ bound }} THEN {{ loop.index0 }}
{% endfor %}
    ELSE {{ bounds | length }}
  END AS bin,
  COUNT(*) AS newsletters
FROM {{ table }}
WHERE sent_at >= TIMESTAMP '{{ start }} 00:00:00+00:00'
  AND sent_at < TIMESTAMP '{{ end }} 00:00:00+00:00'
GROUP BY day, bin
ORDER BY day, bin
