//! The event bus: what an operator's rule receives.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use leadfeed_shared::adapters::EventBridge;
use leadfeed_shared::domain::connection::{ConnectionStatus, ReconnectReason};
use leadfeed_shared::domain::lead::RefusalReason;
use leadfeed_shared::ports::{Event, Events, LeadEvent};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::fresh;
use crate::promise::eventually;
use crate::samples::at;

const STACK: &str = "arn:aws:cloudformation:us-east-1:000000000000:stack/leadfeed/1";

pub fn trial(config: &SdkConfig, runtime: &Handle) -> Trial {
    let (config, runtime) = (config.clone(), runtime.clone());
    Trial::test(
        "aws::events::eventbridge_rule_receives_source_stack_type_and_detail",
        move || {
            runtime.block_on(eventbridge_rule_receives_source_stack_type_and_detail(
                &config,
            ));
            Ok(())
        },
    )
}

async fn eventbridge_rule_receives_source_stack_type_and_detail(config: &SdkConfig) {
    let bridge = aws_sdk_eventbridge::Client::new(config);
    let sqs = aws_sdk_sqs::Client::new(config);
    let name = fresh::text();
    let queue = sqs.create_queue().queue_name(&name).send().await.unwrap();
    let queue = queue.queue_url.unwrap();
    let rule = bridge
        .put_rule()
        .name(&name)
        .event_pattern(json!({"source": ["leadfeed"], "resources": [STACK]}).to_string());
    rule.send().await.unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    bridge
        .put_targets()
        .rule(&name)
        .targets(target)
        .send()
        .await
        .unwrap();
    let customer = fresh::customer();
    let event = Event::Connection {
        customer_id: customer.clone(),
        status: ConnectionStatus::NeedsReconnect {
            reason: ReconnectReason::InvalidGrant,
            since: at(1),
        },
        at: at(2),
    };

    let lead = |second| Event::Lead {
        customer_id: customer.clone(),
        lead_id: fresh::lead(second),
        event: LeadEvent::Refused(RefusalReason::Suppressed),
        at: at(3),
    };
    let events: Vec<_> = (0..10).map(lead).chain([event]).collect();

    let bus = EventBridge::new(bridge, "default".into(), STACK.into());
    bus.publish(&events).await.unwrap();

    let received = receive(&sqs, &queue, events.len()).await;
    let of_type = |kind| {
        received
            .iter()
            .filter(move |event| event["detail-type"] == kind)
    };
    for event in &received {
        assert_eq!(event["source"], "leadfeed");
        assert_eq!(event["resources"], json!([STACK]));
    }
    let leads: Vec<_> = of_type("leadfeed.lead").collect();
    assert_eq!(leads.len(), 10);
    assert_eq!(leads[0]["detail"]["status"], "refused");
    assert_eq!(leads[0]["detail"]["reason"], "suppressed");
    let detail = json!({
        "customer_id": customer,
        "status": "needs_reconnect",
        "reason": "invalid_grant",
        "since": at(1),
        "at": at(2),
    });
    let connections: Vec<_> = of_type("leadfeed.connection").collect();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0]["detail"], detail);
}

/// The bodies of this many messages, in the order of arrival.
async fn receive(sqs: &aws_sdk_sqs::Client, queue: &str, count: usize) -> Vec<Value> {
    let received = Mutex::new(Vec::new());
    let poll = || async {
        let request = sqs.receive_message().queue_url(queue);
        let answer = request.max_number_of_messages(10).send().await.unwrap();
        let mut received = received.lock().await;
        for message in answer.messages.unwrap_or_default() {
            received.push(serde_json::from_str(message.body().unwrap()).unwrap());
        }
        received.len()
    };
    eventually(poll, |received| *received >= count).await;
    received.into_inner()
}
