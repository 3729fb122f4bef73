//! What the functions may do: named actions on named things, and nothing else.

use serde_json::Value;

use crate::functions;

/// All statements with the functions that have them.
fn statements() -> Vec<(String, Value)> {
    let of = |(name, function): (String, Value)| {
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
    functions().into_iter().flat_map(of).collect()
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => serde_json::from_value(many.clone()).unwrap(),
    }
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
        // The only wildcard: secrets under a name of ours, which are made at run time and end in random letters.
        let named = !resource.contains('*')
            || resource.ends_with("/connection/*")
            || resource.ends_with("/app/*")
            || resource.ends_with("/captcha/*");
        assert!(named, "{function}: {statement}");
    }
}

#[test]
fn no_function_takes_a_role_or_a_managed_policy_from_elsewhere() {
    for (name, function) in functions() {
        assert!(function["Properties"]["Role"].is_null(), "{name}");
        for policy in function["Properties"]["Policies"].as_array().unwrap() {
            assert!(policy["Statement"].is_array(), "{name}: {policy}");
        }
        // SAM attaches a policy for every queue to the role of a function with an SQS event.
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
fn the_public_doors_and_the_admin_api_cannot_read_a_token() {
    for (function, statement) in statements() {
        let reads = actions(&statement)
            .iter()
            .any(|action| action == "secretsmanager:GetSecretValue");
        let tokens = statement["Resource"]
            .as_str()
            .unwrap()
            .ends_with("/connection/*");
        if reads && tokens {
            assert!(
                ["OauthCallback", "QueueDrain", "Scheduler"].contains(&function.as_str()),
                "{function} reads tokens"
            );
        }
    }
}

#[test]
fn the_drain_may_do_what_a_mapping_does_in_its_name() {
    let of_the_queue = statements().into_iter().find(|(function, statement)| {
        function == "QueueDrain" && statement["Sid"] == "ReceiveLeads"
    });
    let (_, statement) = of_the_queue.unwrap();

    let asked = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
    assert_eq!(
        actions(&statement),
        asked.map(|action| format!("sqs:{action}"))
    );
    assert_eq!(statement["Resource"], "LeadQueue.Arn");
}
