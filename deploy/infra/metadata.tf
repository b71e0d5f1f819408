# A MySQL server for ML Metadata of runs outside Vertex AI, only with metadata_networks. It takes no connection without TLS.
resource "google_sql_database_instance" "metadata" {
  count = length(var.metadata_networks) == 0 ? 0 : 1

  name                = "newsletter-bandit-metadata"
  region              = var.region
  database_version    = "MYSQL_8_0"
  deletion_protection = true

  settings {
    tier        = var.metadata_tier
    user_labels = var.labels

    ip_configuration {
      ipv4_enabled = true
      ssl_mode     = "ENCRYPTED_ONLY"

      dynamic "authorized_networks" {
        for_each = var.metadata_networks

        content {
          value = authorized_networks.value
        }
      }
    }

    backup_configuration {
      enabled = true
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_sql_database" "metadata" {
  count = length(var.metadata_networks) == 0 ? 0 : 1

  name     = "metadata"
  instance = google_sql_database_instance.metadata[0].name
}
