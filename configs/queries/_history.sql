{#- Common table expressions: `history` has the use case's history features by `user_id` and `day`. They tell of the sends
    of the days before `day` alone, and of the clicks of those days. Before it stands `days` with the same two columns. -#}
{%- set soonest = "INTERVAL " ~ min_seconds_to_click ~ " SECOND" %}
  past_sends AS (
    -- Each send once. What was shown counts, whether or not the send can become a training row.
    SELECT send_id, {{ key }}{{ " AS user_id" if key != "user_id" }}, sent_at, recommender
    FROM {{ raw.sends }}
    WHERE sent_at >= {{ oldest_history }} AND sent_at < {{ end_of_history }}
      AND NULLIF(send_id, '') IS NOT NULL AND NULLIF({{ key }}, '') IS NOT NULL AND NULLIF(recommender, '') IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (PARTITION BY send_id ORDER BY sent_at, {{ key }}, recommender) = 1
  ),
{%- if history_of_clicks %}
  past_readings AS (
    -- Each click of a reader once; a machine's is none.
    SELECT past_sends.send_id, clicks.clicked_at
    FROM past_sends
    JOIN {{ raw.clicks }} AS clicks
      ON clicks.send_id = past_sends.send_id
      AND clicks.clicked_at >= TIMESTAMP_ADD(past_sends.sent_at, {{ soonest }})
      AND clicks.clicked_at < TIMESTAMP_ADD(past_sends.sent_at, INTERVAL {{ attribution_days }} DAY)
    WHERE clicks.clicked_at >= {{ oldest_history }} AND clicks.clicked_at < {{ end_of_history }}
    GROUP BY past_sends.send_id, clicks.clicked_at
{%- if bots %}
    HAVING COUNTIF(clicks.bot) = 0
{%- endif %}
  ),
  past_clicks AS (
    SELECT send_id, MIN(clicked_at) AS first_click FROM past_readings GROUP BY send_id
  ),
{%- endif %}
  past AS (
    SELECT
      days.user_id,
      days.day,
      past_sends.recommender,
      DATE_DIFF(days.day, DATE(past_sends.sent_at), DAY) AS age
{%- if history_of_clicks %},
      COALESCE(DATE(past_clicks.first_click) < days.day, FALSE) AS clicked
{%- endif %}
    FROM days
    JOIN past_sends
      ON past_sends.user_id = days.user_id
      AND DATE_DIFF(days.day, DATE(past_sends.sent_at), DAY) BETWEEN 1 AND {{ history_days }}
{%- if history_of_clicks %}
    LEFT JOIN past_clicks ON past_clicks.send_id = past_sends.send_id
{%- endif %}
  ),
  history AS (
    SELECT
      days.user_id,
      days.day
{%- for one in history %},
{%- set those %}past.age <= {{ one.days }}
{%- if one.recommenders %} AND past.recommender IN ({{ one.recommenders | join(", ") }}){% endif %}
{%- endset %}
{%- if one.count == "days_since_shown" %}
      CAST(COALESCE(MIN(IF({{ those }}, past.age, NULL)), {{ one.days }}) AS FLOAT64) AS `{{ one.name }}`
{%- else %}
      CAST(COUNTIF({{ those }}{{ " AND past.clicked" if one.count == "clicks" }}) AS FLOAT64) AS `{{ one.name }}`
{%- endif %}
{%- endfor %}
    FROM days
    LEFT JOIN past ON past.user_id = days.user_id AND past.day = days.day
    GROUP BY days.user_id, days.day
  )
