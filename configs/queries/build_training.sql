-- Replaces the training rows of use case {{ use_case }} that were {{ words.sent }} from {{ first_day }} to before {{ end_day }} (UTC),
-- all of them or, where anything fails, none.
MERGE {{ table }} AS target
USING (
{% include "_training_rows.sql" %}
) AS source
ON FALSE
WHEN NOT MATCHED BY SOURCE AND target.sent_at >= {{ start }} AND target.sent_at < {{ end }} THEN DELETE
WHEN NOT MATCHED BY TARGET THEN
  INSERT ({{ columns | join(", ") }})
  VALUES ({{ columns | join(", ") }})
