"""Raw tables on the emulator of BigQuery."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from newsletter_bandit.settings.environment import BigQueryWarehouse
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.tables.build import create_raw
from tests.emulators.server_processes import PROJECT
from tests.raw_sources import Row, arrow_table

if TYPE_CHECKING:
    from google.cloud import bigquery

WAREHOUSE = BigQueryWarehouse(kind="bigquery", project=PROJECT, location="US")


def fill_bigquery(client: bigquery.Client, use_case: UseCase, raw: dict[str, list[Row]]) -> None:
    """Adds the rows to the raw tables, made where they are missing, with one load job per table."""
    import pyarrow.parquet as pq
    from google.cloud import bigquery

    create_raw(WAREHOUSE, use_case)
    options = bigquery.ParquetOptions()
    options.enable_list_inference = True
    config = bigquery.LoadJobConfig(
        source_format="PARQUET", write_disposition="WRITE_APPEND", parquet_options=options
    )
    for table, rows in raw.items():
        file = io.BytesIO()
        pq.write_table(arrow_table(use_case, table, rows), file)
        file.seek(0)
        client.load_table_from_file(file, use_case.table_name(table), job_config=config).result()
