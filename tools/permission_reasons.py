"""Why Lifeline's roles need each permission, by statement ID (Sid) and action."""

_ZONES = "checks the type of a subnet's zone; Local Zones and Wavelength Zones don't support interface endpoints"
_OWN_ZONE = "lets EC2 associate its hidden hosted zone with the VPC, which it does with the caller's permissions"

REASONS: dict[str, dict[str, str]] = {
    "Observe": {
        "cloudwatch:GetMetricData": "reads each agent's latest datapoints",
        "cloudwatch:ListMetrics": "finds the agents that publish metrics",
        "ec2:DescribeAvailabilityZones": _ZONES,
        "ec2:DescribeDhcpOptions": "checks whether the VPC uses Amazon's DNS server or its own",
        "ec2:DescribeInstances": "reads a silent agent's instance, and whether the NAT instance of a route runs",
        "ec2:DescribeInstanceStatus": "reads EC2's status checks of a silent agent's instance",
        "ec2:DescribeInternetGateways": "finds the VPC of a changed internet gateway",
        "ec2:DescribeNatGateways": "checks whether the NAT gateway of a route works",
        "ec2:DescribeNetworkAcls": "checks whether a network ACL blocks a service's ports or the responses",
        "ec2:DescribeNetworkInterfaces": "reads who is in a security group, what routes lead to, and what else is used",
        "ec2:DescribeRouteTables": "reads a subnet's routes, which decide its tier and its path to a service",
        "ec2:DescribeSecurityGroups": "checks whether a security group allows the ports, and finds Lifeline's own",
        "ec2:DescribeSubnets": "reads the subnets, their zones and tags",
        "ec2:DescribeTransitGatewayVpcAttachments": "finds the VPCs behind a changed transit gateway",
        "ec2:DescribeVpcEndpoints": "reads the endpoints, their owners and states",
        "ec2:DescribeVpcEndpointServices": "reads the services' full names and zones in this region",
        "ec2:DescribeVpcPeeringConnections": "finds the VPCs of a changed peering connection",
        "ec2:DescribeVpcs": "reads the VPCs, their CIDR blocks and tags",
    },
    "ReadDnsAttributes": {"ec2:DescribeVpcAttribute": "checks whether the VPC's DNS attributes allow private DNS"},
    "ReadPrefixLists": {"ec2:GetManagedPrefixListEntries": "reads the CIDR blocks that a route or rule refers to"},
    "ReadEventHistory": {
        "cloudtrail:LookupEvents": "checks that a refused call was really made, and which changes have been heard"
    },
    "ExamineDenials": {"sts:DecodeAuthorizationMessage": "reads which policy denied Lifeline's dry run"},
    "ExamineEventPath": {"cloudwatch:PutMetricData": "publishes how long events take to arrive"},
    "CreateRequiredEndpointsTagged": {
        "ec2:CreateVpcEndpoint": "creates the endpoint, for an AWS service only and with Lifeline's tag"
    },
    "CreateEndpointsInNetworks": {"ec2:CreateVpcEndpoint": "the same call names the VPC, subnets and route tables"},
    "UseOwnSecurityGroup": {
        "ec2:CreateVpcEndpoint": "the same call names the endpoint's security group",
        "ec2:ModifyVpcEndpoint": "attaches the security group to Lifeline's endpoint again",
        "ec2:AuthorizeSecurityGroupIngress": "allows the services' ports from the VPC's CIDR blocks",
        "ec2:RevokeSecurityGroupIngress": "removes such a rule once the VPC doesn't have the block any more",
        "ec2:DeleteSecurityGroup": "deletes the security group along with the last endpoint",
    },
    "CreateSecurityGroupTagged": {"ec2:CreateSecurityGroup": "creates Lifeline's security group, with Lifeline's tag"},
    "CreateSecurityGroupInNetworks": {"ec2:CreateSecurityGroup": "the same call names the VPC"},
    "TagOnlyWhatItCreates": {"ec2:CreateTags": "tags resources while creating them, but never existing ones"},
    "ModifyOwnEndpoints": {
        "ec2:ModifyVpcEndpoint": "changes subnets, route tables, private DNS, DNS records and policies of its own",
        "ec2:DeleteVpcEndpoints": "deletes Lifeline's own endpoints that failed, are unneeded, released or in the way",
    },
    "ModifyOwnEndpointsInNetworks": {
        "ec2:ModifyVpcEndpoint": "the same call names the subnets and route tables that it adds or removes"
    },
    "TurnOnDnsAttributes": {
        "ec2:ModifyVpcAttribute": "turns on the DNS attributes that private DNS needs, if the policy has `fix_dns`"
    },
    "ReadPolicy": {"ssm:GetParameter": "reads the policy document"},
    "ReadEndpointPolicies": {"ssm:GetParametersByPath": "reads the endpoint policies that the policy document names"},
    "ReadKillSwitch": {"ssm:GetParameter": "checks whether changes are allowed"},
    "FindCentralEndpoints": {
        "route53:ListHostedZonesByVPC": "finds private hosted zones that answer a service's name",
        "route53resolver:ListResolverRuleAssociations": "finds rules that forward a service's name to another resolver",
        "route53profiles:ListProfileAssociations": "finds the VPC's Route 53 Profiles",
        "route53profiles:ListProfileResourceAssociations": "reads the zones and rules in those Profiles",
    },
    "ReadCentralZones": {
        "route53:GetHostedZone": "reads the name of a hosted zone in a Profile",
        "route53:ListResourceRecordSets": "reads to which addresses a private hosted zone leads a service's name",
    },
    "ReadCentralRules": {"route53resolver:GetResolverRule": "reads the domain name and type of a rule"},
    "FindWhoAsks": {
        "ds:DescribeDirectories": "finds directories whose DNS servers send names on to the VPC's resolver",
        "route53resolver:ListResolverEndpoints": "finds inbound endpoints, which answer others by the VPC's names",
        "route53resolver:ListResolverRules": "finds rules that forward names to them",
    },
    "ReadInboundEndpoints": {
        "route53resolver:ListResolverEndpointIpAddresses": "reads the addresses on which inbound endpoints are asked"
    },
    "PrivateDns": {
        "route53:AssociateVPCWithHostedZone": f"{_OWN_ZONE}; with `CentralEndpoints`, lets VPCs have a hub's zones",
        "route53:DisassociateVPCFromHostedZone": "the same, when the endpoint is deleted, or the hub's zone let go",
    },
    "FindHubsWay": {
        "ec2:DescribeTransitGatewayAttachments": "reads which route table a VPC's attachment is associated with",
        "ec2:DescribeTransitGatewayVpcAttachments": "reads whether a VPC is attached to the gateway to the hub",
        "route53profiles:ListProfiles": "reads whether the hub's Profile is shared with the VPC's account",
    },
    "ReadGatewayTables": {
        "ec2:SearchTransitGatewayRoutes": "reads whether the gateway leads to the hub, and back to the VPC"
    },
    "ReadZoneLimits": {"route53:GetHostedZoneLimit": "reads whether one of the hub's zones takes another VPC"},
    "AuthorizeAssociations": {
        "route53:CreateVPCAssociationAuthorization": "lets another account's VPC have one of the hub's zones",
        "route53:DeleteVPCAssociationAuthorization": "takes that back as soon as it is associated",
    },
    "AssociateProfile": {
        "route53profiles:AssociateProfile": "associates a VPC with the hub's Profile, if the policy names one",
        "route53profiles:DisassociateProfile": "ends that, if agents fall silent or a person releases the VPC",
    },
    "ReadAccountName": {"account:GetAccountInformation": "reads the account's name and state"},
    "ActInSpokes": {"sts:AssumeRole": "acts in another account with the role that it has there, and with nothing else"},
    "ListAccounts": {"organizations:ListAccounts": "reads which accounts the organization has, and their states"},
    "ExamineAccount": {
        "cloudtrail:DescribeTrails": "the doctor finds the trails that cover this region",
        "cloudwatch:ListMetrics": "the doctor counts the agents that publish, and suggestions name them",
        "ec2:DescribeRegions": "the doctor looks for other regions with private subnets",
        "events:ListRuleNamesByTarget": "the doctor checks that the rules lead to the queue",
        "organizations:DescribeOrganization": "the doctor checks whether the account is in an organization",
    },
    "ExamineTrails": {
        "cloudtrail:GetEventSelectors": "the doctor checks whether a trail logs EC2's changes",
        "cloudtrail:GetTrailStatus": "the doctor checks whether a trail is logging",
    },
    "ExamineRules": {"events:DescribeRule": "the doctor checks whether a rule is enabled"},
    "ExamineQuotas": {"servicequotas:GetServiceQuota": "the doctor checks whether there is room for endpoints"},
    "ExamineLambda": {
        "lambda:GetAccountSettings": "the doctor checks whether there is room for Lifeline's runs",
        "lambda:ListEventSourceMappings": "the doctor checks that Lambda receives from the queue",
    },
    "ExamineFunctions": {"lambda:GetFunctionConcurrency": "the doctor checks whether a reservation stops a function"},
    "ExamineSweeps": {"scheduler:GetSchedule": "the doctor checks that the sweeps' schedule is enabled"},
    "ExamineStacks": {"cloudformation:DescribeStacks": "the doctor checks in which regions there is a stack"},
    "EvidenceOfAccount": {
        "cloudwatch:GetMetricData": "reads when agents in private subnets last published",
        "ecs:DescribeTaskDefinition": "reads images, logs and secrets of tasks, which say what ECS must reach",
        "ecs:ListClusters": "finds the clusters whose tasks may be in private subnets",
        "ecs:ListServices": "finds their services",
        "iam:GetServiceLastAccessedDetails": "reads which services a role called, and when last",
        "lambda:ListFunctions": "finds the functions in private subnets, and their roles",
        "route53resolver:ListResolverQueryLogConfigAssociations": "finds the VPCs whose DNS queries are logged",
        "route53resolver:ListResolverQueryLogConfigs": "finds the log groups of DNS queries",
        "ssm:DescribeParameters": "finds configurations of the CloudWatch agent by their names",
    },
    "EvidenceOfRoles": {
        "iam:GenerateServiceLastAccessedDetails": "asks IAM which services a role called; changes nothing"
    },
    "EvidenceOfProfiles": {"iam:GetInstanceProfile": "finds the role of an instance in a private subnet"},
    "EvidenceOfTasks": {
        "ecs:DescribeContainerInstances": "finds the instance that a task runs on",
        "ecs:DescribeServices": "reads the subnets and the task definition of a service",
        "ecs:DescribeTasks": "reads the subnets and the task definition of a task",
    },
    "EvidenceOfClusters": {"ecs:ListTasks": "finds the tasks that run"},
    "EvidenceOfAgents": {"ssm:GetParameter": "reads what a configuration makes the CloudWatch agent publish"},
    "EvidenceOfQueries": {
        "logs:GetQueryResults": "reads which names were asked for",
        "logs:StartQuery": "searches the logs of DNS queries",
    },
    "ExamineSubscriptions": {"sns:ListSubscriptionsByTopic": "the doctor checks whether anybody gets notices"},
    "ExamineFilters": {"sns:GetSubscriptionAttributes": "the doctor names subscriptions that don't get every notice"},
    "ReceiveAndRequeueChanges": {
        "sqs:ReceiveMessage": "lets Lambda receive changes",
        "sqs:ChangeMessageVisibility": "delays the retry of a failed message",
        "sqs:DeleteMessage": "lets Lambda delete processed messages",
        "sqs:GetQueueAttributes": "lets Lambda poll the queue, and the doctor read its policy",
        "sqs:SendMessage": "requeues work for a later run",
    },
    "ReceiveRepairRequests": {
        "sqs:ReceiveMessage": "lets Lambda receive the VPCs that the detector asks to reconcile",
        "sqs:ChangeMessageVisibility": "delays the retry of a failed message",
        "sqs:DeleteMessage": "lets Lambda delete processed messages",
        "sqs:GetQueueAttributes": "lets Lambda poll the queue",
    },
    "SweepAccounts": {"sqs:SendMessage": "sends the sweeps of a hub's accounts"},
    "SendToDeadLetters": {
        "sqs:SendMessage": "sends messages that can't be processed, with the reason; Lambda sends failed invocations"
    },
    "ReadInstanceProfiles": {"iam:GetInstanceProfile": "finds the role of a silent agent"},
    "SimulateRoles": {"iam:SimulatePrincipalPolicy": "checks whether that role is allowed to publish metrics"},
    "SplitLargeRuns": {
        "sqs:ReceiveMessage": "lets Lambda receive the parts of a large run",
        "sqs:DeleteMessage": "lets Lambda delete processed messages",
        "sqs:GetQueueAttributes": "lets Lambda poll the queue",
        "sqs:SendMessage": "splits a run over more than 10,000 agents into parts",
    },
    "RequestRepairs": {"sqs:SendMessage": "asks ReconcileEndpoints to check a VPC whose agents lack an endpoint"},
    "WriteOwnItems": {
        "dynamodb:BatchWriteItem": "writes changes, actions and outcomes to the audit log in batches",
        "dynamodb:DeleteItem": "closes an incident, and deletes the record of an endpoint that is gone",
        "dynamodb:PutItem": "writes whole items, mostly with a condition",
        "dynamodb:UpdateItem": "updates parts of an item, such as leases, reconciliation times and a run's progress",
    },
    "ReadAuditLog": {"dynamodb:Query": "reads the audit log by VPC, day or incident, and open incidents"},
    "ReadLedger": {
        "dynamodb:BatchGetItem": "reads many items at once, such as the states of all VPCs",
        "dynamodb:GetItem": "reads single items, such as a VPC's state",
        "dynamodb:Query": "reads items that belong together, such as the open incidents or a VPC's changes",
    },
    "Notify": {"sns:Publish": "publishes notices"},
    "SendEvents": {"events:PutEvents": "sends events for your own rules"},
    "Log": {"logs:CreateLogStream": "writes the function's log", "logs:PutLogEvents": "writes the function's log"},
    "ReadLedgerWithKey": {"kms:Decrypt": "lets DynamoDB decrypt the table's key for the role, for reading and writing"},
    "StartWithKey": {"kms:Decrypt": "lets Lambda decrypt the function's environment variables when it starts"},
    "SendWithKey": {
        "kms:Decrypt": "lets SQS decrypt what Lambda receives for the role, and SQS and SNS check a new data key",
        "kms:GenerateDataKey": "lets SQS and SNS encrypt what the role sends",
    },
    "NotifyWithKey": {
        "kms:Decrypt": "lets SNS check a new data key, if the topic is encrypted with a key of yours",
        "kms:GenerateDataKey": "lets SNS encrypt the notices, if the topic is encrypted with a key of yours",
    },
    "StartRuns": {"lambda:InvokeFunction": "starts the hourly sweep and the runs of the detector"},
}
