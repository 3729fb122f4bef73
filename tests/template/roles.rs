//! What the functions may do: specific actions on specific resources, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{assert_lines, functions};

/// All that the functions may do: function and statement, actions, resource. Secrets go by their names in the stack.
const ALLOWED: &str = "
AdminApi CountDeadLetters: sqs:GetQueueAttributes on LeadDeadLetters.Arn
AdminApi Directory: dynamodb:GetItem BatchGetItem PutItem UpdateItem DeleteItem on Directory.Arn
AdminApi Disconnect: secretsmanager:DeleteSecret on connection/*
AdminApi FindDueLeads: dynamodb:Query on ${Ledger.Arn}/index/due
AdminApi FindLead: dynamodb:Query on ${Ledger.Arn}/index/by_lead
AdminApi FindLeadsOfPerson: dynamodb:Query on ${Ledger.Arn}/index/by_person
AdminApi ForgetDeadLetters: sqs:ReceiveMessage ChangeMessageVisibility DeleteMessage on LeadDeadLetters.Arn
AdminApi Leads: dynamodb:GetItem BatchGetItem Query UpdateItem on Ledger.Arn
AdminApi ListByOwner: dynamodb:Query on ${Directory.Arn}/index/by_owner
AdminApi ReadAdminToken: secretsmanager:GetSecretValue on AdminToken.Id
AdminApi ReadCounters: dynamodb:Query on Directory.Arn
AdminApi ReadSigningKey: secretsmanager:GetSecretValue on SigningKey.Id
AdminApi SendLeads: sqs:SendMessage GetQueueAttributes on LeadQueue.Arn
AdminApi StoreApps: secretsmanager:CreateSecret PutSecretValue DescribeSecret on app/*
AdminApi StoreCaptchaSecrets: secretsmanager:CreateSecret PutSecretValue DeleteSecret on captcha/*
AdminApi TellTheBus: events:PutEvents on event-bus/default
LeadWebhook ReadCaptchaSecrets: secretsmanager:GetSecretValue on captcha/*
LeadWebhook ReadFormsAndCustomers: dynamodb:GetItem on Directory.Arn
LeadWebhook ReadSigningKey: secretsmanager:GetSecretValue on SigningKey.Id
LeadWebhook RecordLeads: dynamodb:GetItem PutItem UpdateItem on Ledger.Arn
LeadWebhook SendLeads: sqs:SendMessage on LeadQueue.Arn
OauthCallback Directory: dynamodb:GetItem PutItem UpdateItem DeleteItem on Directory.Arn
OauthCallback FindWaitingLeads: dynamodb:Query on ${Ledger.Arn}/index/due
OauthCallback FreeWaitingLeads: dynamodb:UpdateItem on Ledger.Arn
OauthCallback KeepTokens: secretsmanager:CreateSecret GetSecretValue PutSecretValue DeleteSecret on connection/*
OauthCallback ReadApps: secretsmanager:GetSecretValue on app/*
OauthCallback ReadSigningKey: secretsmanager:GetSecretValue on SigningKey.Id
OauthCallback SendLeads: sqs:SendMessage on LeadQueue.Arn
OauthCallback TellTheBus: events:PutEvents on event-bus/default
QueueDrain FindLeadsOfAPerson: dynamodb:Query on ${Ledger.Arn}/index/by_person
QueueDrain KeepConnections: dynamodb:GetItem UpdateItem on Directory.Arn
QueueDrain KeepLeads: dynamodb:GetItem PutItem UpdateItem on Ledger.Arn
QueueDrain ReadApps: secretsmanager:GetSecretValue on app/*
QueueDrain ReadSigningKey: secretsmanager:GetSecretValue on SigningKey.Id
QueueDrain ReceiveLeads: sqs:ReceiveMessage DeleteMessage GetQueueAttributes on LeadQueue.Arn
QueueDrain RefreshTokens: secretsmanager:GetSecretValue PutSecretValue on connection/*
QueueDrain TellTheBus: events:PutEvents on event-bus/default
Scheduler CountLeadsAndListImports: dynamodb:Query on Ledger.Arn
Scheduler FindDueLeads: dynamodb:Query on ${Ledger.Arn}/index/due
Scheduler FindIdleConnectionsAndUnsettledCounters: dynamodb:Query on ${Directory.Arn}/index/by_owner
Scheduler KeepConnectionsAndCounters: dynamodb:GetItem BatchGetItem PutItem UpdateItem on Directory.Arn
Scheduler ReadApps: secretsmanager:GetSecretValue on app/*
Scheduler ReadSigningKey: secretsmanager:GetSecretValue on SigningKey.Id
Scheduler RefreshTokens: secretsmanager:GetSecretValue PutSecretValue on connection/*
Scheduler ReleaseAndImportLeads: dynamodb:GetItem BatchGetItem PutItem UpdateItem on Ledger.Arn
Scheduler SendLeads: sqs:SendMessage on LeadQueue.Arn
Scheduler TellTheBus: events:PutEvents on event-bus/default
";

/// Prefixes of the ARNs of secrets and of the event bus.
const PREFIXES: [&str; 2] = [
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:leadfeed/${AWS::StackName}/",
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:",
];

/// All statements, each with its function.
fn statements() -> Vec<(String, Value)> {
    let statements_of = |(name, function): (String, Value)| {
        let policies = function["Properties"]["Policies"]
            .as_array()
            .unwrap()
            .clone();
        let statements = policies
            .into_iter()
            .flat_map(|policy| policy["Statement"].as_array().unwrap().clone());
        statements
            .map(move |statement| (name.clone(), statement))
            .collect::<Vec<_>>()
    };
    functions().into_iter().flat_map(statements_of).collect()
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => serde_json::from_value(many.clone()).unwrap(),
    }
}

/// A statement as a line of [`ALLOWED`].
fn line((function, statement): &(String, Value)) -> String {
    let actions = actions(statement).join(" ");
    let service = actions.split_inclusive(':').next().unwrap();
    let actions = actions.replace(&format!(" {service}"), " ");
    let resource = statement["Resource"].as_str().unwrap();
    let without = |prefix| resource.strip_prefix(prefix);
    let resource = PREFIXES.into_iter().find_map(without).unwrap_or(resource);
    let sid = statement["Sid"].as_str().unwrap();
    format!("{function} {sid}: {actions} on {resource}")
}

#[test]
fn every_function_has_exactly_the_listed_permissions() {
    assert_lines(ALLOWED, statements().iter().map(line));
}

#[test]
fn every_statement_allows_named_actions_on_one_named_resource() {
    for (function, statement) in statements() {
        assert_eq!(statement["Effect"], "Allow", "{function}: {statement}");
        assert!(statement["Sid"].is_string(), "{function}: {statement}");
        let resource = statement["Resource"]
            .as_str()
            .unwrap_or_else(|| panic!("{function}: {statement}"));
        assert!(
            !actions(&statement)
                .iter()
                .any(|action| action.contains('*')),
            "{function}: {statement}"
        );
        // The only wildcard: secrets under our prefix, which are created at run time and end in random letters.
        let named = !resource.contains('*')
            || resource.ends_with("/connection/*")
            || resource.ends_with("/app/*")
            || resource.ends_with("/captcha/*");
        assert!(named, "{function}: {statement}");
    }
}

#[test]
fn no_function_uses_an_external_role_or_managed_policy() {
    for (name, function) in functions() {
        assert!(function["Properties"]["Role"].is_null(), "{name}");
        for policy in function["Properties"]["Policies"].as_array().unwrap() {
            assert!(policy["Statement"].is_array(), "{name}: {policy}");
        }
        // SAM attaches a policy for all queues to the role of a function with an SQS event.
        for event in function["Properties"]["Events"]
            .as_object()
            .into_iter()
            .flatten()
        {
            assert_ne!(event.1["Type"], "SQS", "{name}");
        }
    }
}

#[test]
fn connection_app_and_captcha_secrets_are_readable_only_where_needed() {
    const WITH_TOKENS: &[&str] = &["OauthCallback", "QueueDrain", "Scheduler"];
    for (secrets, readers) in [
        ("/connection/*", WITH_TOKENS),
        ("/app/*", WITH_TOKENS),
        ("/captcha/*", &["LeadWebhook"][..]),
    ] {
        let reads = |(_, statement): &(String, Value)| {
            let resource = statement["Resource"].as_str().unwrap();
            let read = "secretsmanager:GetSecretValue".to_owned();
            resource.ends_with(secrets) && actions(statement).contains(&read)
        };
        let found = statements().into_iter().filter(reads);
        let found: BTreeSet<_> = found.map(|(function, _)| function).collect();
        assert_eq!(Vec::from_iter(found), readers, "{secrets}");
    }
}

#[test]
fn drain_has_the_permissions_its_event_source_mapping_needs() {
    let queue_statement = statements().into_iter().find(|(function, statement)| {
        function == "QueueDrain" && statement["Sid"] == "ReceiveLeads"
    });
    let (_, statement) = queue_statement.unwrap();

    let required = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
    assert_eq!(
        actions(&statement),
        required.map(|action| format!("sqs:{action}"))
    );
    assert_eq!(statement["Resource"], "LeadQueue.Arn");
}
