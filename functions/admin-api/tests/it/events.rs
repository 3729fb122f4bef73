//! The events in `events/`.

use serde_json::{Value, json};

use crate::stage::Stage;

macro_rules! sample {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../events/", $name)))
    };
}

/// Each sample with the status it gets, in an order in which each can be answered.
const SAMPLES: [((&str, &str), u16); 5] = [
    (sample!("admin-put-customer.json"), 201),
    (sample!("admin-create-form.json"), 201),
    (sample!("admin-make-connect-link.json"), 201),
    (sample!("admin-list-leads.json"), 200),
    (sample!("admin-get-health.json"), 200),
];

#[tokio::test]
async fn every_sample_event_gets_its_expected_status() {
    let stage = Stage::new();
    for ((name, event), status) in SAMPLES {
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(stage.send(event).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn base64_encoded_body_is_read() {
    let stage = Stage::new();
    let mut event: Value = serde_json::from_str(SAMPLES[0].0.1).unwrap();
    event["body"] = json!("eyJuYW1lIjoiQSIsImJyYW5kIjoiQSJ9");
    event["isBase64Encoded"] = json!(true);

    assert_eq!(stage.send(event).await.status, 201);
}
