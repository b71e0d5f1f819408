# Mails, only with alert_email: a run that failed, and rankings that no prediction has renewed.
resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  display_name = "newsletter-bandit"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "failed_runs" {
  count = var.alert_email == null ? 0 : 1

  display_name = "newsletter-bandit: a pipeline run failed"
  combiner     = "OR"
  user_labels  = var.labels

  conditions {
    display_name = "Vertex AI reports a failed run"

    condition_matched_log {
      filter = "resource.type=\"aiplatform.googleapis.com/PipelineJob\" AND jsonPayload.state=\"PIPELINE_STATE_FAILED\""
    }
  }

  alert_strategy {
    auto_close = "604800s"

    notification_rate_limit {
      period = "3600s"
    }
  }

  notification_channels = [google_monitoring_notification_channel.email[0].name]
}

# Runs that stored rankings, counted in the log of Vertex AI Pipelines.
resource "google_logging_metric" "predictions" {
  count = var.alert_email == null ? 0 : 1

  name   = "newsletter-bandit-predictions"
  filter = "resource.type=\"aiplatform.googleapis.com/PipelineJob\" AND resource.labels.pipeline_job_id=~\"-prediction\" AND jsonPayload.state=\"PIPELINE_STATE_SUCCEEDED\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "stale_rankings" {
  count = var.alert_email == null ? 0 : 1

  display_name = "newsletter-bandit: rankings are stale"
  combiner     = "OR"
  user_labels  = var.labels

  conditions {
    display_name = "No prediction has succeeded for a day"

    condition_threshold {
      filter                  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.predictions[0].name}\" AND resource.type=\"aiplatform.googleapis.com/PipelineJob\""
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "3600s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      # The longest that an alert may look back, an hour more than a day.
      aggregations {
        alignment_period     = "90000s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  alert_strategy {
    auto_close = "604800s"
  }

  notification_channels = [google_monitoring_notification_channel.email[0].name]
}
