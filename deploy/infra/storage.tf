locals {
  bucket = coalesce(var.bucket, "${var.project}-newsletter")

  # Folders of the bucket; registry, pipeline_root and temp_location of the environment's file.
  folders = {
    registry  = "registry/"
    pipelines = "pipelines/"
    dataflow  = "dataflow/"
  }
}

resource "google_storage_bucket" "newsletter" {
  name     = local.bucket
  location = var.data_location
  labels   = var.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Keeps what the registry's pointer and its versions were; the rules below end that elsewhere.
  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    condition {
      age            = var.temporary_days
      matches_prefix = [local.folders.dataflow]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age            = var.artifact_days
      matches_prefix = [local.folders.pipelines]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 1
      with_state                 = "ARCHIVED"
      matches_prefix             = [local.folders.dataflow, local.folders.pipelines]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 90
      num_newer_versions         = 5
      with_state                 = "ARCHIVED"
      matches_prefix             = [local.folders.registry]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.apis]
}
