"""The sections of the page, one module each: evidence in, rows of tables and figures out."""
