-- What each recommender of use case {{ use_case }} did from {{ start }} to before {{ end }} (UTC).
SELECT
  recommender,
  COUNT(*) AS newsletters,
  AVG(IF(clicked, 1.0, 0.0)) AS click_rate,
  AVG(IF(unsubscribed, 1.0, 0.0)) AS unsubscribe_rate,
  AVG(IF(clicked AND unsubscribed, 1.0, 0.0)) AS unsubscribe_after_click_rate,
  AVG(
    CASE
      WHEN {{ unsubscribe_counts }} THEN {{ unsubscribe_reward }}
      WHEN clicked THEN {{ click_reward }}
      ELSE 0.0
    END
  ) AS mean_reward
FROM {{ table }}
WHERE sent_at >= TIMESTAMP '{{ start }} 00:00:00+00:00'
  AND sent_at < TIMESTAMP '{{ end }} 00:00:00+00:00'
GROUP BY recommender
ORDER BY recommender
