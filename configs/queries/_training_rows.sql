{% from "_profile.sql" import profile, by_profile -%}
WITH
{% include "_sends.sql" %},
{% include "_outcomes.sql" %},
{%- if contexts %}
{% include "_contexts.sql" %},
{%- endif %}
  profiles AS (
    SELECT
      snapshots.send_id
      {{- profile(user_features) | indent(4) }}
    FROM snapshots
    JOIN {{ raw.users }} AS users
      ON users.{{ key }} = snapshots.user_id
      AND users.snapshot_date = snapshots.snapshot_date
    WHERE users.snapshot_date < {{ end_date }}
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY snapshots.send_id
      ORDER BY {{ by_profile(user_features) }}
    ) = 1
  )
{%- if history %},
  days AS (
    SELECT DISTINCT user_id, DATE(sent_at) AS day FROM good
  ),
{% include "_history.sql" %}
{%- endif %}
SELECT
  good.user_id{{ " AS " ~ key if key != "user_id" }},
  good.sent_at,
  good.campaign,
  good.recommender,
  good.propensity,
  good.policy_version,
  good.eligible_recommenders,
  outcomes.clicked,
  outcomes.unsubscribed
{%- for term in reward.outcomes %},
  outcomes.`{{ term.name }}`
{%- endfor %}
{%- for name, type in user_features %},
{%- if contexts %}
  IF(contexts.send_id IS NULL, profiles.`{{ name }}`, contexts.`{{ name }}`) AS `{{ name }}`
{%- else %}
  profiles.`{{ name }}`
{%- endif %}
{%- endfor %}
{%- for one in history %},
{%- if contexts %}
  IF(contexts.send_id IS NULL, history.`{{ one.name }}`, contexts.`{{ one.name }}`) AS `{{ one.name }}`
{%- else %}
  history.`{{ one.name }}`
{%- endif %}
{%- endfor %}
FROM good
JOIN outcomes ON outcomes.send_id = good.send_id
LEFT JOIN profiles ON profiles.send_id = good.send_id
{%- if contexts %}
LEFT JOIN contexts ON contexts.send_id = good.send_id
{%- endif %}
{%- if history %}
JOIN history ON history.user_id = good.user_id AND history.day = DATE(good.sent_at)
{%- endif %}
