resource "google_artifact_registry_repository" "images" {
  repository_id = "newsletter-bandit"
  location      = var.region
  format        = "DOCKER"
  description   = "The image of the pipelines' steps and of Dataflow's workers."
  labels        = var.labels

  # A schedule names an image by tag or digest: the newest ones must stay.
  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }

  depends_on = [google_project_service.apis]
}
