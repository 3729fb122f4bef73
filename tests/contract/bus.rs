//! The event bus: what a rule of the operator's gets to see.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use leadfeed_shared::adapters::EventBridge;
use leadfeed_shared::domain::connection::{ConnectionStatus, ReconnectReason};
use leadfeed_shared::ports::{Event, Events};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::fresh;
use crate::promise::eventually;
use crate::samples::at;

pub fn trial(config: &SdkConfig, runtime: &Handle) -> Trial {
    let (config, runtime) = (config.clone(), runtime.clone());
    Trial::test(
        "aws::events::a_rule_sees_source_kind_and_detail",
        move || {
            runtime.block_on(a_rule_sees_source_kind_and_detail(&config));
            Ok(())
        },
    )
}

async fn a_rule_sees_source_kind_and_detail(config: &SdkConfig) {
    let bridge = aws_sdk_eventbridge::Client::new(config);
    let sqs = aws_sdk_sqs::Client::new(config);
    let name = fresh::text();
    let queue = sqs.create_queue().queue_name(&name).send().await.unwrap();
    let queue = queue.queue_url.unwrap();
    let rule = bridge
        .put_rule()
        .name(&name)
        .event_pattern(r#"{"source":["leadfeed"]}"#);
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

    let bus = EventBridge::new(bridge, "default".into());
    bus.publish(&event).await.unwrap();

    let receive = || async {
        let received = sqs
            .receive_message()
            .queue_url(&queue)
            .send()
            .await
            .unwrap();
        received.messages.unwrap_or_default().pop()
    };
    let message = eventually(receive, Option::is_some).await.unwrap();
    let seen: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    assert_eq!(seen["source"], "leadfeed");
    assert_eq!(seen["detail-type"], "leadfeed.connection");
    let detail = json!({
        "customer_id": customer,
        "status": "needs_reconnect",
        "reason": "invalid_grant",
        "since": at(1),
        "at": at(2),
    });
    assert_eq!(seen["detail"], detail);
}
