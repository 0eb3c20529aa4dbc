# Lifeline as a CloudFormation stack, from the files of `make package` in a bucket of the provider's region.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 4.0"
    }
  }
}

data "aws_region" "current" {}

data "aws_partition" "current" {}

locals {
  bucket = "${var.artifact_bucket}.s3.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}"

  parameters = {
    ArtifactBucket      = var.artifact_bucket
    ArtifactKey         = "${var.release}.zip"
    Mode                = var.mode
    RequiredServices    = join(",", var.required_services)
    AlertEmail          = var.alert_email
    ChatNotices         = var.chat_notices
    PolicyParameter     = var.policy_parameter
    PermissionsBoundary = var.permissions_boundary
    RolePath            = var.role_path
    KmsKeyArn           = var.kms_key_arn
    NoticesTopicArn     = var.notices_topic_arn
  }
}

resource "aws_cloudformation_stack" "lifeline" {
  name         = var.stack_name
  template_url = "https://${local.bucket}/${var.release}.template.json"
  parameters   = merge(local.parameters, var.more_parameters)
  capabilities = ["CAPABILITY_NAMED_IAM"]
  tags         = var.tags
}
