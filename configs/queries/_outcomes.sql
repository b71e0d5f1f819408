{#- Common table expressions, after those of `_sends.sql`: `outcomes` has what came of each good send. -#}
{%- set soonest = "INTERVAL " ~ min_seconds_to_click ~ " SECOND" %}
  known_clicks AS (
    -- Each click once; a machine's if one of its deliveries says so.
    SELECT
      good.send_id,
      good.sent_at,
      clicks.clicked_at,
      {{ "COUNTIF(clicks.bot) > 0" if bots else "FALSE" }} AS bot
    FROM good
    JOIN {{ raw.clicks }} AS clicks
      ON clicks.send_id = good.send_id
      AND clicks.clicked_at < TIMESTAMP_ADD(good.sent_at, INTERVAL {{ attribution_days }} DAY)
    WHERE clicks.clicked_at >= {{ start }} AND clicks.clicked_at < {{ last_outcome }}
    GROUP BY good.send_id, good.sent_at, clicks.clicked_at
  ),
  clicked_sends AS (
    -- The first click of a reader, and whether there were clicks that are none.
    SELECT
      send_id,
      MIN(IF(NOT bot AND clicked_at >= TIMESTAMP_ADD(sent_at, {{ soonest }}), clicked_at, NULL)) AS first_click,
      COUNTIF(bot) > 0 AS bot_click,
      COUNTIF(NOT bot AND clicked_at < TIMESTAMP_ADD(sent_at, {{ soonest }})) > 0 AS early_click
    FROM known_clicks
    GROUP BY send_id
  ),
  last_unsubscribes AS (
    SELECT good.send_id, MAX(unsubscribes.unsubscribed_at) AS unsubscribed_at
    FROM good
    JOIN {{ raw.unsubscribes }} AS unsubscribes
      ON unsubscribes.send_id = good.send_id
      AND unsubscribes.unsubscribed_at >= good.sent_at
      AND unsubscribes.unsubscribed_at < TIMESTAMP_ADD(good.sent_at, INTERVAL {{ attribution_days }} DAY)
    WHERE unsubscribes.unsubscribed_at >= {{ start }} AND unsubscribes.unsubscribed_at < {{ last_outcome }}
    GROUP BY good.send_id
  ),
{%- if reward.outcomes %}
  known_outcomes AS (
    -- Each once, within the days of its own term.
    SELECT DISTINCT good.send_id, events.outcome, events.occurred_at, events.value
    FROM good
    JOIN {{ raw.outcomes }} AS events
      ON events.send_id = good.send_id
      AND events.occurred_at >= good.sent_at
      AND (
{%- for term in reward.outcomes %}
        {{ "OR " if not loop.first }}(events.outcome = '{{ term.name }}'
          AND events.occurred_at < TIMESTAMP_ADD(good.sent_at, INTERVAL {{ term.days }} DAY))
{%- endfor %}
      )
    WHERE events.occurred_at >= {{ start }} AND events.occurred_at < {{ last_value }}
      -- No number that is not finite.
      AND events.value - events.value = 0
  ),
  summed_outcomes AS (
    SELECT
      send_id
{%- for term in reward.outcomes %},
      SUM(CAST(IF(outcome = '{{ term.name }}', value, 0.0) AS FLOAT64)) AS `{{ term.name }}`
{%- endfor %}
    FROM known_outcomes
    GROUP BY send_id
  ),
{%- endif %}
  outcomes AS (
    -- A click counts unless the user had unsubscribed before it, so clicked and unsubscribed together are an
    -- unsubscribe after a click, and unsubscribed alone is one without a click.
    SELECT
      good.send_id,
      clicked_sends.first_click IS NOT NULL
        AND COALESCE(last_unsubscribes.unsubscribed_at >= clicked_sends.first_click, TRUE) AS clicked,
      last_unsubscribes.unsubscribed_at IS NOT NULL AS unsubscribed,
      COALESCE(clicked_sends.bot_click, FALSE) AS bot_click,
      COALESCE(clicked_sends.early_click, FALSE) AS early_click,
      COALESCE(last_unsubscribes.unsubscribed_at < clicked_sends.first_click, FALSE) AS late_click
{%- for term in reward.outcomes %},
      COALESCE(summed_outcomes.`{{ term.name }}`, 0.0) AS `{{ term.name }}`
{%- endfor %}
    FROM good
    LEFT JOIN clicked_sends ON clicked_sends.send_id = good.send_id
    LEFT JOIN last_unsubscribes ON last_unsubscribes.send_id = good.send_id
{%- if reward.outcomes %}
    LEFT JOIN summed_outcomes ON summed_outcomes.send_id = good.send_id
{%- endif %}
  )
