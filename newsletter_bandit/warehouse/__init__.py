"""The tables: the same BigQuery SQL on BigQuery and on the embedded warehouse, queries, and raw files on
their way in.
"""
