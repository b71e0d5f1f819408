resource "google_bigquery_dataset" "tables" {
  dataset_id  = var.datasets.tables
  location    = var.data_location
  description = "Training and inference tables, one row per newsletter and one per user."
  labels      = var.labels

  delete_contents_on_destroy = false

  depends_on = [google_project_service.apis]
}

resource "google_bigquery_dataset" "raw" {
  dataset_id  = var.datasets.raw
  location    = var.data_location
  description = "What the shop delivers: sends, clicks, unsubscribes, other outcomes, users' snapshots and served rankings."
  labels      = var.labels

  delete_contents_on_destroy = false

  depends_on = [google_project_service.apis]
}
