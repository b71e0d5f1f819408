# The endpoint, where Terraform deploys it; otherwise `newsletter-bandit deploy-function --run` does.
locals {
  function_files = var.function_source == null ? toset([]) : fileset(var.function_source, "**")
  function_digest = sha256(join("", [
    for name in sort(tolist(local.function_files)) : "${name}:${filesha256("${var.function_source}/${name}")}"
  ]))
}

data "archive_file" "function" {
  count = var.function_source == null ? 0 : 1

  type        = "zip"
  source_dir  = var.function_source
  output_path = "${path.root}/.terraform/function-${local.function_digest}.zip"
}

resource "google_storage_bucket_object" "function" {
  count = var.function_source == null ? 0 : 1

  bucket = google_storage_bucket.newsletter.name
  name   = "function/${local.function_digest}.zip"
  source = data.archive_file.function[0].output_path
}

resource "google_cloudfunctions2_function" "recommenders" {
  count = var.function_source == null ? 0 : 1

  name     = var.function.name
  location = var.region
  labels   = var.labels

  build_config {
    runtime         = "python313"
    entry_point     = "recommenders"
    service_account = google_service_account.parts["function-builder"].id

    source {
      storage_source {
        bucket = google_storage_bucket.newsletter.name
        object = google_storage_bucket_object.function[0].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.parts["ranking-reader"].email
    ingress_settings                 = var.function.ingress
    available_memory                 = var.function.memory
    available_cpu                    = tostring(var.function.cpu)
    min_instance_count               = var.function.min_instances
    max_instance_count               = var.function.max_instances
    max_instance_request_concurrency = var.function.concurrency
    timeout_seconds                  = var.function.timeout
    environment_variables            = var.function_variables
  }

  depends_on = [google_project_iam_member.parts, google_project_iam_member.rankings]
}

# Nobody but these may call it.
resource "google_cloud_run_v2_service_iam_member" "callers" {
  for_each = var.function_source == null ? toset([]) : var.callers

  location = var.region
  name     = google_cloudfunctions2_function.recommenders[0].name
  role     = "roles/run.invoker"
  member   = each.value
}
