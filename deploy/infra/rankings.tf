resource "google_firestore_database" "rankings" {
  name        = "(default)"
  location_id = var.rankings_location
  type        = "DATASTORE_MODE"

  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  # Neither a plan nor a console deletes the users' rankings.
  delete_protection_state = "DELETE_PROTECTION_ENABLED"
  deletion_policy         = "ABANDON"

  depends_on = [google_project_service.apis]
}

# The endpoint never serves an expired ranking; this removes it within a day or so.
resource "google_firestore_field" "expiry" {
  database   = google_firestore_database.rankings.name
  collection = var.entity_kind
  field      = "expires_at"

  ttl_config {}
}
