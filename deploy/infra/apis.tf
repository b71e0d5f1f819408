locals {
  apis = toset(concat(
    [
      "aiplatform.googleapis.com",
      "artifactregistry.googleapis.com",
      "bigquery.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "compute.googleapis.com",
      "dataflow.googleapis.com",
      "datastore.googleapis.com",
      "firestore.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "run.googleapis.com",
      "storage.googleapis.com",
      "sts.googleapis.com",
    ],
    var.billing_account == null ? [] : ["billingbudgets.googleapis.com"],
    var.alert_email == null ? [] : ["logging.googleapis.com", "monitoring.googleapis.com"],
    length(var.metadata_networks) == 0 ? [] : ["sqladmin.googleapis.com"],
  ))
}

resource "google_project_service" "apis" {
  for_each = local.apis

  project = var.project
  service = each.value

  # Something else in the project may use it.
  disable_on_destroy = false
}
