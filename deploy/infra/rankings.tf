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

# The TTL that removes expired rankings is not set here: for a database in Datastore mode the API refuses the provider's field
# resource, which sets single-field indexes too. The output expiry_command has the command that sets the TTL alone.
