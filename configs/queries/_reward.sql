{#- The reward of a row of the training table: the sum of its terms. A click after an unsubscribe is none, so both
    together are an unsubscribe after a click; one that counts takes the place of the click. -#}
{%- macro reward_of(reward) -%}
CASE
{%- if reward.unsubscribe_counts %}
    WHEN {{ reward.unsubscribe_counts }} THEN {{ reward.unsubscribe }}
{%- endif %}
    WHEN clicked THEN {{ reward.click }}
    ELSE 0.0
  END
{%- for term in reward.outcomes %}
{%- if term.clip %}
  + {{ term.weight }} * CASE
    WHEN `{{ term.name }}` < {{ term.clip[0] }} THEN {{ term.clip[0] }}
    WHEN `{{ term.name }}` > {{ term.clip[1] }} THEN {{ term.clip[1] }}
    ELSE `{{ term.name }}`
  END
{%- else %}
  + {{ term.weight }} * `{{ term.name }}`
{%- endif %}
{%- endfor %}
{%- endmacro %}
{#- Whether every outcome of the row is known: neither NULL nor a number that is not finite. -#}
{%- macro known(reward) %}
{%- for term in reward.outcomes -%}
{{ known_one(term) }}{{ " AND " if not loop.last }}
{%- endfor %}
{%- endmacro %}
{#- The same of one outcome. -#}
{%- macro known_one(term) -%}
COALESCE(`{{ term.name }}` - `{{ term.name }}` = 0, FALSE)
{%- endmacro %}
