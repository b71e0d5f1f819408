-- Empties the inference table of use case {{ use_case }} and refills it for {{ run_date }} with the {{ words.subjects }} of the newest
-- snapshot; both or neither.
MERGE {{ table }} AS target
USING (
{% include "_inference_rows.sql" %}
) AS source
ON FALSE
WHEN NOT MATCHED BY SOURCE THEN DELETE
WHEN NOT MATCHED BY TARGET THEN
  INSERT ({{ columns | join(", ") }})
  VALUES ({{ columns | join(", ") }})
