locals {
  identities = {
    pipeline-runner  = "Steps of the pipelines on Vertex AI; starts Dataflow jobs and trainings."
    trainer          = "The Trainer's jobs on Vertex AI Training."
    dataflow-worker  = "Workers of Dataflow; the only one that writes rankings."
    ranking-reader   = "The endpoint; reads rankings and nothing else."
    function-builder = "Builds the endpoint's container."
    table-builder    = "Builds the training and inference tables from the raw sources."
    deployer         = "CI on the main branch: pushes images, deploys the endpoint, sets the schedules."
  }

  # What each part may do in the project at large; what can be granted on a resource is granted there, below.
  project_roles = {
    # Vertex's metadata and jobs; the query's dry run; starting and watching Dataflow jobs.
    pipeline-runner = [
      "roles/aiplatform.user",
      "roles/bigquery.user",
      "roles/compute.viewer",
      "roles/dataflow.developer",
    ]
    # The worker itself runs the query, into a dataset of its own that it deletes.
    dataflow-worker = [
      "roles/bigquery.user",
      "roles/dataflow.worker",
    ]
    # Google's list for a build service account of functions.
    function-builder = [
      "roles/artifactregistry.writer",
      "roles/logging.logWriter",
      "roles/storage.objectViewer",
    ]
    table-builder = ["roles/bigquery.jobUser"]
    deployer = [
      "roles/aiplatform.user",
      "roles/cloudfunctions.developer",
    ]
  }

  # Who may start something that runs as whom.
  acts_as = {
    "pipeline-runner as dataflow-worker" = ["pipeline-runner", "dataflow-worker"]
    "pipeline-runner as trainer"         = ["pipeline-runner", "trainer"]
    "deployer as pipeline-runner"        = ["deployer", "pipeline-runner"]
    "deployer as ranking-reader"         = ["deployer", "ranking-reader"]
    "deployer as function-builder"       = ["deployer", "function-builder"]
  }

  dataset_roles = {
    "dataflow-worker reads tables" = ["dataflow-worker", "tables", "roles/bigquery.dataViewer"]
    # The first step of each pipeline builds the table that the others read.
    "pipeline-runner writes tables" = ["pipeline-runner", "tables", "roles/bigquery.dataEditor"]
    "pipeline-runner reads raw"     = ["pipeline-runner", "raw", "roles/bigquery.dataViewer"]
    "table-builder writes tables"   = ["table-builder", "tables", "roles/bigquery.dataEditor"]
    "table-builder reads raw"       = ["table-builder", "raw", "roles/bigquery.dataViewer"]
  }
  datasets = {
    tables = google_bigquery_dataset.tables.dataset_id
    raw    = google_bigquery_dataset.raw.dataset_id
  }

  # The whole bucket can be read and listed by each part that uses it; written only where the part writes.
  bucket_readers = toset(["pipeline-runner", "trainer", "dataflow-worker"])
  bucket_writers = {
    "pipeline-runner registry"  = ["pipeline-runner", "registry"]
    "pipeline-runner pipelines" = ["pipeline-runner", "pipelines"]
    "pipeline-runner dataflow"  = ["pipeline-runner", "dataflow"]
    "trainer pipelines"         = ["trainer", "pipelines"]
    "dataflow-worker pipelines" = ["dataflow-worker", "pipelines"]
    "dataflow-worker dataflow"  = ["dataflow-worker", "dataflow"]
  }

  image_roles = {
    pipeline-runner = "roles/artifactregistry.reader"
    trainer         = "roles/artifactregistry.reader"
    dataflow-worker = "roles/artifactregistry.reader"
    deployer        = "roles/artifactregistry.writer"
  }

  database_roles = {
    dataflow-worker = "roles/datastore.user"
    ranking-reader  = "roles/datastore.viewer"
  }
}

resource "google_service_account" "parts" {
  for_each = local.identities

  account_id   = each.key
  display_name = each.key
  description  = each.value

  depends_on = [google_project_service.apis]
}

resource "google_project_iam_member" "parts" {
  for_each = merge([
    for part, roles in local.project_roles : { for role in roles : "${part} ${role}" => { part = part, role = role } }
  ]...)

  project = var.project
  role    = each.value.role
  member  = google_service_account.parts[each.value.part].member
}

resource "google_service_account_iam_member" "acts_as" {
  for_each = local.acts_as

  service_account_id = google_service_account.parts[each.value[1]].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.parts[each.value[0]].member
}

resource "google_bigquery_dataset_iam_member" "parts" {
  for_each = local.dataset_roles

  dataset_id = local.datasets[each.value[1]]
  role       = each.value[2]
  member     = google_service_account.parts[each.value[0]].member
}

resource "google_storage_bucket_iam_member" "readers" {
  for_each = local.bucket_readers

  bucket = google_storage_bucket.newsletter.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.parts[each.key].member
}

# TensorFlow asks for the bucket itself before it makes a folder in it.
resource "google_storage_bucket_iam_member" "metadata_readers" {
  for_each = local.bucket_readers

  bucket = google_storage_bucket.newsletter.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.parts[each.key].member
}

resource "google_storage_bucket_iam_member" "writers" {
  for_each = local.bucket_writers

  bucket = google_storage_bucket.newsletter.name
  role   = "roles/storage.objectUser"
  member = google_service_account.parts[each.value[0]].member

  condition {
    title      = "folder-${each.value[1]}"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.newsletter.name}/objects/${local.folders[each.value[1]]}\")"
  }
}

resource "google_artifact_registry_repository_iam_member" "parts" {
  for_each = local.image_roles

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = each.value
  member     = google_service_account.parts[each.key].member
}

resource "google_project_iam_member" "rankings" {
  for_each = local.database_roles

  project = var.project
  role    = each.value
  member  = google_service_account.parts[each.key].member

  condition {
    title      = "rankings-only"
    expression = "resource.name == \"${google_firestore_database.rankings.id}\""
  }
}
