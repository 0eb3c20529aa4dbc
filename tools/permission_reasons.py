"""Why Lifeline's roles may do what they may, by the statement's Sid and the action."""

_ZONES = "what kind of zone a subnet is in: Local Zones and Wavelength Zones take no endpoint"
_OWN_ZONE = "private DNS: EC2 ties its hidden zone to the VPC in the caller's name"

REASONS: dict[str, dict[str, str]] = {
    "Observe": {
        "cloudwatch:GetMetricData": "each agent's newest datapoints",
        "cloudwatch:ListMetrics": "who publishes, so who is to be watched",
        "ec2:DescribeAvailabilityZones": _ZONES,
        "ec2:DescribeDhcpOptions": "whether the VPC asks Amazon's DNS server, or one of its own",
        "ec2:DescribeInstances": "whether a silent agent's instance runs, since when, where, and with which tags",
        "ec2:DescribeInstanceStatus": "whether EC2's own checks of a silent agent's instance fail",
        "ec2:DescribeInternetGateways": "from a changed internet gateway to its VPC",
        "ec2:DescribeNatGateways": "whether the NAT gateway that a route leads to works",
        "ec2:DescribeNetworkAcls": "whether a network ACL keeps 443, or its answers, out",
        "ec2:DescribeNetworkInterfaces": "who is in what somebody deletes, or has Lifeline's group; its VPC",
        "ec2:DescribeRouteTables": "where a subnet's routes lead: its tier, and its way to a service",
        "ec2:DescribeSecurityGroups": "whether a security group lets 443 in, and Lifeline's own group",
        "ec2:DescribeSubnets": "the subnets, their zones and tags",
        "ec2:DescribeTransitGatewayVpcAttachments": "from a changed transit gateway to the VPCs behind it",
        "ec2:DescribeVpcEndpoints": "which endpoints there are, whose, and in which state",
        "ec2:DescribeVpcEndpointServices": "the services' full names and zones in this region",
        "ec2:DescribeVpcPeeringConnections": "from a changed peering connection to its VPCs",
        "ec2:DescribeVpcs": "the VPCs, their address blocks and tags",
    },
    "ReadDnsAttributes": {"ec2:DescribeVpcAttribute": "whether the VPC's DNS attributes allow private DNS"},
    "ReadPrefixLists": {"ec2:GetManagedPrefixListEntries": "what a route or a rule to a prefix list covers"},
    "CreateRequiredEndpointsTagged": {"ec2:CreateVpcEndpoint": "the endpoint itself: Amazon's service, Lifeline's tag"},
    "CreateEndpointsInNetworks": {"ec2:CreateVpcEndpoint": "the same call names its VPC, subnets and route tables"},
    "UseOwnSecurityGroup": {
        "ec2:CreateVpcEndpoint": "the same call names the endpoint's security group",
        "ec2:ModifyVpcEndpoint": "gives Lifeline's endpoint its group back",
        "ec2:AuthorizeSecurityGroupIngress": "lets 443 in from the whole VPC",
        "ec2:DeleteSecurityGroup": "takes the group away with the last endpoint",
    },
    "CreateSecurityGroupTagged": {"ec2:CreateSecurityGroup": "Lifeline's one group in a VPC, tagged as its own"},
    "CreateSecurityGroupInNetworks": {"ec2:CreateSecurityGroup": "the same call names the VPC"},
    "TagOnlyWhatItCreates": {"ec2:CreateTags": "tags while creating; it can tag nothing that is there already"},
    "ModifyOwnEndpoints": {
        "ec2:ModifyVpcEndpoint": "adds subnets or route tables, private DNS; takes back what is in others' way",
        "ec2:DeleteVpcEndpoints": "what failed, isn't required any more, is released, or is in the way of others' own",
    },
    "ModifyOwnEndpointsInNetworks": {
        "ec2:ModifyVpcEndpoint": "the same call names the subnets and route tables that it adds or takes off"
    },
    "TurnOnDnsAttributes": {
        "ec2:ModifyVpcAttribute": "turns DNS on where private DNS needs it and the policy says `fix_dns`"
    },
    "ReadPolicy": {"ssm:GetParameter": "the policy's document"},
    "ReadKillSwitch": {"ssm:GetParameter": "whether anything may be changed"},
    "FindCentralEndpoints": {
        "route53:ListHostedZonesByVPC": "private zones that answer a service's name in a VPC",
        "route53resolver:ListResolverRuleAssociations": "rules that send a service's name to another resolver",
        "route53profiles:ListProfileAssociations": "which Route 53 Profiles a VPC has",
        "route53profiles:ListProfileResourceAssociations": "the zones and rules in those Profiles",
    },
    "ReadCentralZones": {"route53:GetHostedZone": "the name of a zone that a Profile carries"},
    "ReadCentralRules": {"route53resolver:GetResolverRule": "which names a rule takes, and of what type it is"},
    "PrivateDns": {
        "route53:AssociateVPCWithHostedZone": _OWN_ZONE,
        "route53:DisassociateVPCFromHostedZone": "the same, when the endpoint goes",
    },
    "TakeChangesAndPutBack": {
        "sqs:ReceiveMessage": "Lambda's poller takes changes with it",
        "sqs:ChangeMessageVisibility": "lets a message come back after a growing while, not only when its time is up",
        "sqs:DeleteMessage": "Lambda's poller ends with it what was handled",
        "sqs:GetQueueAttributes": "Lambda's poller asks for it",
        "sqs:SendMessage": "puts back what is left for a later look",
    },
    "PutAsideWithReason": {"sqs:SendMessage": "what can't be handled, with its reason; Lambda, what failed to its end"},
    "AskWhatAgentsMayDo": {"iam:GetInstanceProfile": "a silent agent's role"},
    "AskWhatRolesMayDo": {"iam:SimulatePrincipalPolicy": "whether that role lets the agent put its metrics"},
    "TakeParts": {
        "sqs:ReceiveMessage": "Lambda's poller takes the parts of a long roster with it",
        "sqs:DeleteMessage": "Lambda's poller ends with it what was handled",
        "sqs:GetQueueAttributes": "Lambda's poller asks for it",
        "sqs:SendMessage": "splits a look at very many agents into parts",
    },
    "AskForMending": {"sqs:SendMessage": "puts a VPC whose agents miss an endpoint on ReconcileEndpoints' queue"},
    "Ledger": {
        "dynamodb:BatchGetItem": "the parts of the roster that a run is asked to look at",
        "dynamodb:BatchWriteItem": "changes, actions and outcomes, many at once",
        "dynamodb:DeleteItem": "moves an incident from the open ones to the closed ones",
        "dynamodb:GetItem": "what is remembered",
        "dynamodb:PutItem": "what is written whole, mostly under a condition",
        "dynamodb:Query": "the roster, the open incidents, and a VPC's changes",
        "dynamodb:UpdateItem": "what is written in part: leases, when a VPC was looked at, a run's progress",
    },
    "ReadRecord": {"dynamodb:Query": "the record, by VPC, day and incident"},
    "ReadLedger": {
        "dynamodb:GetItem": "what is remembered, exempt by hand, used of the limits, and to be approved",
        "dynamodb:Query": "the open incidents, and the newest of the worst VPCs' record",
    },
    "Notify": {"sns:Publish": "tells people, and their chat channels"},
    "SendEvents": {"events:PutEvents": "what was seen, decided and done, for rules of yours"},
    "Log": {"logs:CreateLogStream": "the function's own log", "logs:PutLogEvents": "the function's own log"},
}
