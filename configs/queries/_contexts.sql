{#- Common table expression `contexts`, after those of `_sends.sql`: of each send that has features of its own, these;
    they are nearer to it than its user's snapshot. Of several deliveries of them, one. -#}
{%- from "_profile.sql" import profile, by_profile %}
  contexts AS (
    SELECT
      own.send_id
      {{- profile(features, "own") | indent(4) }}
    FROM {{ raw.contexts }} AS own
    WHERE own.sent_at >= {{ start }} AND own.sent_at < {{ end }}
    QUALIFY ROW_NUMBER() OVER (
      PARTITION BY own.send_id
      ORDER BY {{ by_profile(features, "own") }}
    ) = 1
  )
