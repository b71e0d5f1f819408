# Dataflow's workers have no public addresses (processing.dataflow.public_ips): they reach Google's APIs over here.
resource "google_compute_network" "workers" {
  name                    = "newsletter-bandit"
  auto_create_subnetworks = false

  depends_on = [google_project_service.apis]
}

resource "google_compute_subnetwork" "workers" {
  name                     = "newsletter-bandit"
  region                   = var.region
  network                  = google_compute_network.workers.id
  ip_cidr_range            = var.subnetwork_range
  private_ip_google_access = true
}

# Workers of a job hand data to each other.
resource "google_compute_firewall" "workers" {
  name    = "newsletter-bandit-dataflow"
  network = google_compute_network.workers.id

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }

  source_tags = ["dataflow"]
  target_tags = ["dataflow"]
}
