{#- A user's features from a snapshot aliased `users`; a number that is not finite is NULL. -#}
{%- macro profile(features) %}
{%- for name, type in features %}
{%- if type == "number" %},
  IF(users.`{{ name }}` - users.`{{ name }}` = 0, users.`{{ name }}`, NULL) AS `{{ name }}`
{%- else %},
  users.`{{ name }}` AS `{{ name }}`
{%- endif %}
{%- endfor %}
{%- endmacro %}
{#- An order of a user's rows that leaves nothing to chance. -#}
{%- macro by_profile(features) %}
{%- for name, type in features %}
{%- if type == "number" -%}
IF(users.`{{ name }}` - users.`{{ name }}` = 0, users.`{{ name }}`, NULL) DESC
{%- else -%}
users.`{{ name }}` DESC
{%- endif %}
{%- if not loop.last %}, {% endif %}
{%- endfor %}
{%- endmacro %}
