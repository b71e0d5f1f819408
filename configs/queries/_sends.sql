{#- Common table expressions that judge each send of the range: `judged` has them all, `left_out` says why one is
    left out or is NULL; `good` has the others; `snapshots` has the day of the user's features for those that have one. -#}
  sends AS (
    -- An empty text is none. A send without a time belongs to no range, so each one counts it as left out. Sends of
    -- the days before tell which of the range's were delivered then.
    SELECT
      NULLIF(send_id, '') AS send_id,
      NULLIF({{ key }}, '') AS user_id,
      sent_at,
      NULLIF(campaign, '') AS campaign,
      NULLIF(recommender, '') AS recommender,
      propensity,
      NULLIF(policy_version, '') AS policy_version,
      eligible_recommenders
    FROM {{ raw.sends }}
    WHERE (sent_at >= {{ oldest_send }} AND sent_at < {{ end }}) OR sent_at IS NULL
  ),
  flagged AS (
    SELECT
      *,
      send_id IS NOT NULL AND user_id IS NOT NULL AND sent_at IS NOT NULL AND campaign IS NOT NULL
        AND recommender IS NOT NULL AS complete
    FROM sends
  ),
  deliveries AS (
    -- Of several deliveries of a send the earliest counts, and of these the one that says most.
    SELECT
      *,
      ROW_NUMBER() OVER (
        PARTITION BY complete, send_id
        ORDER BY sent_at, propensity DESC, policy_version DESC, user_id, campaign, recommender,
          ARRAY_TO_STRING(eligible_recommenders, '|')
      ) AS delivery
    FROM flagged
  ),
  numbered AS (
    SELECT * FROM deliveries WHERE sent_at >= {{ start }} OR sent_at IS NULL
  ),
  rankings AS (
    -- What a ranking put first, and with which probability.
    SELECT
      user_id,
      campaign,
      generated_at,
      recommenders[SAFE_OFFSET(0)] AS recommender,
      propensities[SAFE_OFFSET(0)] AS propensity,
      model_version
    FROM {{ raw.rankings }}
    WHERE generated_at >= {{ oldest_ranking }} AND generated_at < {{ end }}
  ),
  served AS (
    -- The newest ranking that a send found which does not tell its propensity or policy itself; if it names the
    -- policy, the newest by that model, because another one may have been made since the sender asked.
    SELECT numbered.send_id, rankings.recommender, rankings.propensity, rankings.model_version
    FROM numbered
    JOIN rankings
      ON rankings.user_id = numbered.user_id
      AND rankings.campaign = numbered.campaign
      AND rankings.generated_at <= numbered.sent_at
      AND numbered.sent_at < TIMESTAMP_ADD(rankings.generated_at, INTERVAL {{ expires_after_days }} DAY)
      AND (numbered.policy_version IS NULL OR rankings.model_version = numbered.policy_version)
    WHERE numbered.complete AND numbered.delivery = 1
      AND (numbered.propensity IS NULL OR numbered.policy_version IS NULL)
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY numbered.send_id
      ORDER BY rankings.generated_at DESC, rankings.model_version DESC, rankings.recommender,
        rankings.propensity DESC
    ) = 1
  ),
  explained AS (
    -- A ranking explains a send of its first recommender; no other, for nobody knows how often the sender falls back.
    SELECT
      numbered.send_id,
      numbered.user_id,
      numbered.sent_at,
      numbered.campaign,
      numbered.recommender,
      COALESCE(numbered.propensity, served.propensity) AS propensity,
      COALESCE(numbered.policy_version, served.model_version, 'unknown') AS policy_version,
      numbered.eligible_recommenders,
      numbered.complete,
      numbered.delivery
    FROM numbered
    LEFT JOIN served ON served.send_id = numbered.send_id AND served.recommender = numbered.recommender
  ),
  judged AS (
    SELECT
      *,
      CASE
        WHEN NOT complete THEN 'missing_value'
        WHEN delivery > 1 THEN 'duplicate'
        WHEN recommender NOT IN ({{ recommenders | join(", ") }}) THEN 'unknown_recommender'
        WHEN ARRAY_LENGTH(eligible_recommenders) > 0 AND recommender NOT IN UNNEST(eligible_recommenders)
{%- for names in aliases %}
          -- The send and its list may hold different names of one recommender.
          AND NOT (
            recommender IN ({{ names | join(", ") }})
            AND ({% for name in names %}{{ name }} IN UNNEST(eligible_recommenders){{ " OR " if not loop.last }}{% endfor %})
          )
{%- endfor %}
          THEN 'not_eligible'
        WHEN propensity IS NULL THEN 'no_propensity'
        WHEN NOT (propensity > 0 AND propensity <= {{ largest_propensity }}) THEN 'bad_propensity'
      END AS left_out
    FROM explained
  ),
  good AS (
    SELECT * FROM judged WHERE left_out IS NULL
  ),
  snapshots AS (
    -- The newest snapshot of the user at or before the sending day: nothing leaks from the future.
    SELECT good.send_id, good.user_id, MAX(users.snapshot_date) AS snapshot_date
    FROM good
    JOIN {{ raw.users }} AS users
      ON users.{{ key }} = good.user_id
      AND users.snapshot_date <= DATE(good.sent_at)
{%- if snapshot_max_age_days is not none %}
      AND DATE_DIFF(DATE(good.sent_at), users.snapshot_date, DAY) <= {{ snapshot_max_age_days }}
{%- endif %}
    WHERE users.snapshot_date < {{ end_date }}
{%- if snapshot_max_age_days is not none %} AND users.snapshot_date >= {{ oldest_snapshot }}{% endif %}
    GROUP BY good.send_id, good.user_id
  )
