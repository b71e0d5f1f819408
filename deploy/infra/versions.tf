terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
  }

  # The state's bucket is made by hand once: terraform init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "newsletter-bandit"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # Budgets and other calls without a project of their own are counted against this one.
  user_project_override = true
  billing_project       = var.project
}
