{% from "_reward.sql" import known, known_one, reward_of -%}
-- What each recommender of use case {{ use_case }} did from {{ start }} to before {{ end }} (UTC).
SELECT
  recommender,
  COUNT(*) AS newsletters,
  AVG(IF(clicked, 1.0, 0.0)) AS click_rate,
  AVG(IF(unsubscribed, 1.0, 0.0)) AS unsubscribe_rate,
  AVG(IF(clicked AND unsubscribed, 1.0, 0.0)) AS unsubscribe_after_click_rate,
  AVG({{ reward_of(reward) }}) AS mean_reward
{%- if reward.outcomes %},
  -- Rows of which an outcome is not known are not trained on.
  {{ known(reward) }} AS known
{%- for term in reward.outcomes %},
  COUNTIF(NOT {{ known_one(term) }}) AS missing_{{ loop.index0 }}
{%- endfor %}
{%- endif %}
FROM {{ table }}
WHERE sent_at >= TIMESTAMP '{{ start }} 00:00:00+00:00'
  AND sent_at < TIMESTAMP '{{ end }} 00:00:00+00:00'
GROUP BY recommender{{ ", known" if reward.outcomes }}
ORDER BY recommender
