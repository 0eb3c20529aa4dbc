output "stack" {
  value       = aws_cloudformation_stack.lifeline.outputs
  description = "The stack's outputs by name, such as NoticesTopic, KillSwitch and DashboardLink."
}
