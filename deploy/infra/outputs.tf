output "environment" {
  description = "What the environment's file needs to know, by its keys; configs/environments/vertex.yaml shows where they go."
  value = {
    registry      = "gs://${google_storage_bucket.newsletter.name}/registry"
    pipeline_root = "gs://${google_storage_bucket.newsletter.name}/pipelines"
    warehouse = {
      project  = var.project
      location = var.data_location
    }
    store = {
      project     = var.project
      entity_kind = var.entity_kind
      namespace   = "{use_case}"
    }
    dataflow = {
      project         = var.project
      region          = var.region
      temp_location   = "gs://${google_storage_bucket.newsletter.name}/dataflow"
      image           = local.image
      service_account = google_service_account.parts["dataflow-worker"].email
      subnetwork      = "regions/${var.region}/subnetworks/${google_compute_subnetwork.workers.name}"
    }
    vertex = {
      project         = var.project
      region          = var.region
      image           = local.image
      service_account = google_service_account.parts["pipeline-runner"].email
    }
    training_job = {
      project         = var.project
      region          = var.region
      image           = local.image
      service_account = google_service_account.parts["trainer"].email
    }
    function = {
      project               = var.project
      region                = var.region
      service_account       = google_service_account.parts["ranking-reader"].email
      build_service_account = google_service_account.parts["function-builder"].email
    }
  }
}

output "expiry_command" {
  description = "Run it once: Firestore then removes expired rankings, within a day or so. The endpoint never serves them."
  value       = "gcloud firestore fields ttls update expires_at --collection-group=${var.entity_kind} --database='${google_firestore_database.rankings.name}' --project=${var.project} --enable-ttl --async"
}

output "table_builder" {
  description = "Identity for `newsletter-bandit build-tables`."
  value       = google_service_account.parts["table-builder"].email
}

output "ci" {
  description = "Variables of the repository that .github/workflows/ci.yml reads; null without github_repository."
  value = var.github_repository == null ? null : {
    GCP_PROJECT                    = var.project
    GCP_REGION                     = var.region
    GCP_SERVICE_ACCOUNT            = google_service_account.parts["deployer"].email
    GCP_WORKLOAD_IDENTITY_PROVIDER = google_iam_workload_identity_pool_provider.github[0].name
  }
}

output "function_url" {
  description = "Address of the endpoint; null where Terraform does not deploy it."
  value       = var.function_source == null ? null : google_cloudfunctions2_function.recommenders[0].url
}

locals {
  repository = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
  image      = "${local.repository}/pipelines:${coalesce(var.image_tag, "COMMIT")}"
}
