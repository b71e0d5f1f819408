variable "project" {
  description = "Id of the Google Cloud project; it exists already and has billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project: allowed: a project id, 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of pipelines, workers, images and the function."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region: allowed: a region, such as europe-west1."
  }
}

variable "data_location" {
  description = "Where the BigQuery datasets and the bucket are: a region, or EU or US. It must hold the region."
  type        = string
  default     = "EU"

  validation {
    condition     = can(regex("^(EU|US|[a-z]+-[a-z]+[0-9]{1,2})$", var.data_location))
    error_message = "data_location: allowed: EU, US or a region, such as europe-west1."
  }
}

variable "rankings_location" {
  description = "Where the database of the rankings is: a region, or eur3 or nam5. It can never be changed."
  type        = string
  default     = "eur3"

  validation {
    condition     = can(regex("^(eur3|nam5|[a-z]+-[a-z]+[0-9]{1,2})$", var.rankings_location))
    error_message = "rankings_location: allowed: eur3, nam5 or a region, such as europe-west1."
  }
}

variable "bucket" {
  description = "Name of the bucket to make, unique in the world; null takes the project's id and '-newsletter'."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket: allowed: 3 to 63 lower-case letters, digits, hyphens, dots and underscores, without gs://."
  }
}

variable "datasets" {
  description = "BigQuery datasets to make: the one of the training and inference tables, and that of the raw sources."
  type = object({
    tables = string
    raw    = string
  })
  default = {
    tables = "newsletter"
    raw    = "raw"
  }

  validation {
    condition     = alltrue([for name in values(var.datasets) : can(regex("^[A-Za-z_][A-Za-z0-9_]{0,254}$", name))])
    error_message = "datasets: allowed: letters, digits and underscores."
  }

  validation {
    condition     = var.datasets.tables != var.datasets.raw
    error_message = "datasets: allowed: two names."
  }
}

variable "entity_kind" {
  description = "Kind of the rankings' entities; store.entity_kind of the environment's file."
  type        = string
  default     = "Ranking"

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]{0,127}$", var.entity_kind))
    error_message = "entity_kind: allowed: letters, digits and underscores."
  }
}

variable "image_tag" {
  description = "Tag of the image to run, the commit that it was built from; null leaves COMMIT in the output, to be replaced."
  type        = string
  default     = null

  validation {
    condition     = var.image_tag == null || can(regex("^[0-9a-f]{7,40}$", var.image_tag))
    error_message = "image_tag: allowed: a commit, 7 to 40 hexadecimal digits; a tag that moves, such as latest, is not one."
  }
}

variable "alert_email" {
  description = "Address that gets a mail when a run fails or rankings are stale; null for no alerts."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@ ]+@[^@ ]+$", var.alert_email))
    error_message = "alert_email: allowed: an address."
  }
}

variable "metadata_networks" {
  description = "Networks that reach a MySQL server for metadata, over TLS only, such as 203.0.113.0/28; none makes no server."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.metadata_networks : can(cidrnetmask(range)) && !endswith(range, "/0")])
    error_message = "metadata_networks: allowed: IPv4 ranges such as 203.0.113.0/28; never everybody."
  }
}

variable "metadata_tier" {
  description = "Machine of the MySQL server for metadata; needs metadata_networks."
  type        = string
  default     = "db-f1-micro"

  validation {
    condition     = can(regex("^db-[a-z0-9-]+$", var.metadata_tier))
    error_message = "metadata_tier: allowed: a tier of Cloud SQL, such as db-f1-micro."
  }
}

variable "temporary_days" {
  description = "Days after which temporary files of Dataflow are deleted."
  type        = number
  default     = 7

  validation {
    condition     = var.temporary_days >= 2 && floor(var.temporary_days) == var.temporary_days
    error_message = "temporary_days: allowed: 2 or more, for a job may run for a day."
  }
}

variable "artifact_days" {
  description = "Days after which the pipelines' artifacts are deleted; published models are kept in the registry."
  type        = number
  default     = 90

  validation {
    condition     = var.artifact_days >= 30 && floor(var.artifact_days) == var.artifact_days
    error_message = "artifact_days: allowed: 30 or more, for the next training compares with the last one."
  }
}

variable "subnetwork_range" {
  description = "Private addresses of the Dataflow workers."
  type        = string
  default     = "10.20.0.0/22"

  validation {
    condition     = can(cidrnetmask(var.subnetwork_range)) && try(tonumber(split("/", var.subnetwork_range)[1]) <= 28, false)
    error_message = "subnetwork_range: allowed: an IPv4 range of 16 addresses or more, such as 10.20.0.0/22."
  }
}

variable "callers" {
  description = "Who may call the endpoint, such as serviceAccount:sender@my-project.iam.gserviceaccount.com; needs function_source."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.callers : can(regex("^(user|group|serviceAccount):[^@ ]+@[^@ ]+$", member))])
    error_message = "callers: allowed: user:, group: or serviceAccount: and an address; never everybody."
  }

  validation {
    condition     = length(var.callers) == 0 || var.function_source != null
    error_message = "callers: allowed: none without function_source, for there is no function to call yet."
  }
}

variable "function_source" {
  description = "Folder that `newsletter-bandit deploy-function` staged, for Terraform to deploy; null leaves that to the command."
  type        = string
  default     = null

  validation {
    condition     = var.function_source == null || try(fileexists("${var.function_source}/main.py"), false)
    error_message = "function_source: allowed: a folder with main.py, such as workdir/function/newsletter/source."
  }
}

variable "function_variables" {
  description = "Environment variables of the function: what `deploy-function` wrote to variables.yaml; needs function_source."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.function_variables) : contains(["RANKING_STORE", "USE_CASE", "UNKNOWN_USER", "DEFAULT_RANKING", "STORE_AWAY", "STORE_DEADLINE_SECONDS", "MAX_CONNECTIONS", "HEAD_SECONDS", "BODY_SECONDS", "MAX_BUFFERED_MIB"], name)])
    error_message = "function_variables: allowed: RANKING_STORE, USE_CASE, UNKNOWN_USER, DEFAULT_RANKING, STORE_AWAY, STORE_DEADLINE_SECONDS, MAX_CONNECTIONS, HEAD_SECONDS, BODY_SECONDS, MAX_BUFFERED_MIB."
  }
}

variable "function" {
  description = "The function's size: what the environment's file says below function; needs function_source."
  type = object({
    name          = optional(string, "recommenders-newsletter")
    ingress       = optional(string, "ALLOW_ALL")
    memory        = optional(string, "512Mi")
    cpu           = optional(number, 1)
    min_instances = optional(number, 1)
    max_instances = optional(number, 20)
    concurrency   = optional(number, 80)
    timeout       = optional(number, 10)
  })
  default = {}

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.function.ingress)
    error_message = "function.ingress: allowed: ALLOW_ALL, ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB."
  }

  validation {
    condition     = var.function.min_instances >= 0 && var.function.min_instances <= var.function.max_instances
    error_message = "function.min_instances: allowed: 0 to max_instances."
  }

  validation {
    condition     = can(regex("^[1-9][0-9]*(Mi|Gi)$", var.function.memory))
    error_message = "function.memory: allowed: a size such as 512Mi or 1Gi."
  }
}

variable "github_repository" {
  description = "Repository whose main branch may push images and deploy, such as my-company/newsletter-bandit; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository: allowed: owner/name."
  }
}

variable "billing_account" {
  description = "Billing account of the budget's alert, such as 012345-6789AB-CDEF01; null for no budget."
  type        = string
  default     = null

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account: allowed: an id such as 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget" {
  description = "Amount a month, in the billing account's currency, at half, nine tenths and all of which its administrators get a mail."
  type        = number
  default     = 500

  validation {
    condition     = var.monthly_budget >= 1 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "monthly_budget: allowed: whole units, 1 or more."
  }
}

variable "labels" {
  description = "Labels of everything that can have them, for the bill."
  type        = map(string)
  default     = { use = "newsletter-bandit" }

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels: allowed: lower-case letters, digits, hyphens and underscores."
  }
}
