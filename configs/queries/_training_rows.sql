{% from "_profile.sql" import profile, by_profile -%}
WITH
{% include "_sends.sql" %},
  first_clicks AS (
    SELECT good.send_id, MIN(clicks.clicked_at) AS clicked_at
    FROM good
    JOIN {{ raw.clicks }} AS clicks
      ON clicks.send_id = good.send_id
      AND clicks.clicked_at >= good.sent_at
      AND clicks.clicked_at < TIMESTAMP_ADD(good.sent_at, INTERVAL {{ attribution_days }} DAY)
    WHERE clicks.clicked_at >= {{ start }} AND clicks.clicked_at < {{ last_outcome }}
    GROUP BY good.send_id
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
  profiles AS (
    SELECT
      snapshots.send_id
      {{- profile(features) | indent(4) }}
    FROM snapshots
    JOIN {{ raw.users }} AS users
      ON users.user_id = snapshots.user_id
      AND users.snapshot_date = snapshots.snapshot_date
    WHERE users.snapshot_date < {{ end_date }}
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY snapshots.send_id
      ORDER BY {{ by_profile(features) }}
    ) = 1
  )
SELECT
  good.user_id,
  good.sent_at,
  good.campaign,
  good.recommender,
  good.propensity,
  good.policy_version,
  good.eligible_recommenders,
  first_clicks.clicked_at IS NOT NULL AS clicked,
  -- A click that leads to an unsubscribe; without a click it belongs to no recommender.
  COALESCE(last_unsubscribes.unsubscribed_at >= first_clicks.clicked_at, FALSE) AS unsubscribed
{%- for name, type in features %},
  profiles.`{{ name }}`
{%- endfor %}
FROM good
LEFT JOIN first_clicks ON first_clicks.send_id = good.send_id
LEFT JOIN last_unsubscribes ON last_unsubscribes.send_id = good.send_id
LEFT JOIN profiles ON profiles.send_id = good.send_id
