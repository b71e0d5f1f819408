"""Tables in files, CSV or Parquet, as DuckDB reads them: one reader for every command that takes a file.

A CSV's delimiter is found by its header; its cells are read as text, so that no cell's type is guessed from
its neighbours. Messages name file and line, and hold no row.
"""
