variable "artifact_bucket" {
  type        = string
  description = "The S3 bucket with the files of the release, in the provider's region."
}

variable "release" {
  type        = string
  description = "The name of the release: that of its files in dist/ up to .zip. Another release upgrades the stack."
}

variable "stack_name" {
  type        = string
  default     = "lifeline"
  description = "The stack's name, which is also in the tag of what Lifeline makes."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of the stack and its resources. What Lifeline makes in EC2 has those that the policy says."
}

variable "mode" {
  type        = string
  default     = "enforce"
  description = "enforce lets Lifeline change networks. plan only reports what it would change."
}

variable "required_services" {
  type        = list(string)
  default     = ["monitoring"]
  description = "The services that private subnets must reach, such as monitoring, logs, ssm, ecr.api or s3."
}

variable "alert_email" {
  type        = string
  default     = ""
  description = "The address for notices and alarms. Empty means none."
}

variable "chat_notices" {
  type        = string
  default     = "no"
  description = "yes for a second topic, whose notices Slack and Teams show."

  validation {
    condition     = contains(["yes", "no"], var.chat_notices)
    error_message = "chat_notices must be yes or no."
  }
}

variable "policy_parameter" {
  type        = string
  default     = ""
  description = "The SSM parameter with the policy document. Empty means none."
}

variable "permissions_boundary" {
  type        = string
  default     = ""
  description = "The ARN of the permissions boundary of every role in the stack. Empty means none."
}

variable "role_path" {
  type        = string
  default     = ""
  description = "The IAM path of every role in the stack, such as /platform/. Empty means none."
}

variable "kms_key_arn" {
  type        = string
  default     = ""
  description = "The ARN of the KMS key for the queues, the topics, the table and the logs. Empty means AWS's own keys."
}

variable "notices_topic_arn" {
  type        = string
  default     = ""
  description = "The ARN of a topic of your own for notices and alarms. Empty means that the stack creates one."
}

variable "more_parameters" {
  type        = map(string)
  default     = {}
  description = "Any other parameters of the template, by their names in docs/parameters.md."
}
