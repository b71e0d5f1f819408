-- Sends of use case {{ use_case }} from {{ first_day }} to before {{ end_day }} (UTC) by the reason that leaves them out,
-- NULL for those that become training rows; of those, how many have no features, and what came of them.
WITH
{% include "_sends.sql" %},
{% include "_outcomes.sql" %}
{%- if contexts %},
{% include "_contexts.sql" %}
{%- endif %}
SELECT
  judged.left_out,
  COUNT(*) AS sends,
  COUNTIF(judged.left_out IS NULL AND snapshots.send_id IS NULL
    {{- " AND contexts.send_id IS NULL" if contexts }}) AS without_features,
  COUNTIF(judged.left_out IS NULL AND outcomes.clicked) AS clicked,
  COUNTIF(judged.left_out IS NULL AND outcomes.unsubscribed) AS unsubscribed,
  COUNTIF(judged.left_out IS NULL AND outcomes.clicked AND outcomes.unsubscribed) AS unsubscribed_after_click,
  COUNTIF(judged.left_out IS NULL AND outcomes.bot_click) AS bot_click,
  COUNTIF(judged.left_out IS NULL AND outcomes.early_click) AS early_click,
  COUNTIF(judged.left_out IS NULL AND outcomes.late_click) AS late_click
{%- for term in reward.outcomes %},
  COUNTIF(judged.left_out IS NULL AND outcomes.`{{ term.name }}` <> 0.0) AS with_{{ loop.index0 }},
  SUM(CAST(IF(judged.left_out IS NULL, outcomes.`{{ term.name }}`, 0.0) AS FLOAT64)) AS sum_{{ loop.index0 }}
{%- endfor %}
FROM judged
LEFT JOIN snapshots ON snapshots.send_id = judged.send_id
{%- if contexts %}
LEFT JOIN contexts ON contexts.send_id = judged.send_id
{%- endif %}
LEFT JOIN outcomes ON outcomes.send_id = judged.send_id
GROUP BY judged.left_out
ORDER BY judged.left_out
