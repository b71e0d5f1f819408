{#- A user's features from rows aliased `source`, of snapshots if it is not given; a number that is not finite is
    NULL. -#}
{%- macro profile(features, source="users") %}
{%- for name, type in features %}
{%- if type == "number" %},
  IF({{ source }}.`{{ name }}` - {{ source }}.`{{ name }}` = 0, {{ source }}.`{{ name }}`, NULL) AS `{{ name }}`
{%- else %},
  {{ source }}.`{{ name }}` AS `{{ name }}`
{%- endif %}
{%- endfor %}
{%- endmacro %}
{#- An order of such rows that leaves nothing to chance. -#}
{%- macro by_profile(features, source="users") %}
{%- for name, type in features %}
{%- if type == "number" -%}
IF({{ source }}.`{{ name }}` - {{ source }}.`{{ name }}` = 0, {{ source }}.`{{ name }}`, NULL) DESC
{%- else -%}
{{ source }}.`{{ name }}` DESC
{%- endif %}
{%- if not loop.last %}, {% endif %}
{%- endfor %}
{%- endmacro %}
