//! Whatever a lead contains, our requests to Constant Contact conform to our own written contract.

use jiff::Timestamp;
use leadfeed_shared::domain::consent::Origin;
use leadfeed_shared::domain::import::ImportRow;
use leadfeed_shared::domain::lead::{ParsedLead, Permission};
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::fakes::samples;
use leadfeed_shared::ports::{BulkImports as _, Contacts as _, SignUp};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::harness::Harness;

const NAMES: [&str; 10] = [
    "first_name",
    "last_name",
    "job_title",
    "company_name",
    "phone_number",
    "street",
    "city",
    "state",
    "postal_code",
    "country",
];

type Fields = Vec<(String, String)>;

/// Text of lengths around every limit, in letters of one byte and of four.
fn text() -> impl Strategy<Value = String> {
    let length = prop::sample::select(vec![0, 1, 24, 25, 26, 49, 50, 51, 254, 255, 256, 600]);
    let letter = prop::sample::select(vec!['a', '7', '+', ' ', 'ä', '🦀', '"', '\\', '<', '\u{0}']);
    (length, letter, any::<bool>()).prop_map(|(length, letter, twice)| {
        let text: String = std::iter::repeat_n(letter, length).collect();
        if twice { format!("Ada {text}") } else { text }
    })
}

fn submission() -> impl Strategy<Value = Fields> {
    let email = (1_usize..61).prop_map(|length| format!("{}@engines.example", "a".repeat(length)));
    let fields = vec(text(), NAMES.len());
    let custom = vec(text(), 0..40);
    (email, fields, custom).prop_map(|(email, fields, custom)| {
        let mut all = vec![
            ("email".to_owned(), email),
            ("consent".to_owned(), "yes".to_owned()),
        ];
        all.extend(NAMES.into_iter().map(str::to_owned).zip(fields));
        let named = |(i, value)| (format!("custom_fields[Field {i:02}]"), value);
        all.extend(custom.into_iter().enumerate().map(named));
        all
    })
}

#[tokio::test]
async fn requests_for_any_lead_conform_to_the_contract() {
    let harness = Harness::start().await;
    let field = harness.account(|account| account.fields[0].id.to_string());
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut rows) = (0, Vec::new());
    for _ in 0..300 {
        let fields = submission().new_tree(&mut runner).unwrap().current();
        let fields = Submission::from_pairs(fields).unwrap();
        let origin = Origin::default();
        let lead =
            ParsedLead::parse(&samples::form(), fields, &origin, Timestamp::UNIX_EPOCH).unwrap();
        let (contact, _) = lead.contact.for_remote();
        rows.push(ImportRow::new(contact.clone(), |label| {
            Some(label.to_owned())
        }));
        let values = contact.custom_fields.values().cloned();
        let sign_up = SignUp {
            custom_fields: values
                .map(|value| (field.parse().unwrap(), value))
                .collect(),
            contact,
            lists: vec![harness.list()],
        };
        // Some are rejected for their content, but none breaks the contract.
        let (api, token) = (&harness.api, &harness.token);
        let is_accepted = if sign_up.contact.email.fits_sign_up() {
            api.sign_up(token, &sign_up).await.is_ok()
        } else {
            let created = api.make(token, &sign_up, Permission::Explicit);
            created.await.is_ok()
        };
        accepted += usize::from(is_accepted);
    }
    let short = rows.into_iter().filter(|row| row.email.len() <= 50);
    let short: Vec<_> = short.collect();
    let imported = harness
        .api
        .import(&harness.token, &short, &[harness.list()])
        .await;

    assert_eq!(harness.sandbox.broken_contracts(), [""; 0]);
    assert!(accepted > 200, "{accepted}");
    assert!(!short.is_empty() && imported.is_ok(), "{imported:?}");
}

#[tokio::test]
async fn sandbox_reports_a_body_that_breaks_the_contract() {
    let harness = Harness::start().await;
    let url = crate::harness::url(&harness.sandbox, "/v3/contacts/sign_up_form");
    let token = {
        use secrecy::ExposeSecret as _;
        harness.token.expose_secret().to_owned()
    };
    let list = harness.list();
    let unknown = serde_json::json!({
        "email_address": "ada@example.com", "list_memberships": [list], "create_source": "Contact",
    });

    let refused = reqwest::Client::new()
        .post(url)
        .bearer_auth(token)
        .json(&unknown);
    assert_eq!(refused.send().await.unwrap().status(), 400);

    let broken = harness.sandbox.broken_contracts();
    assert_eq!(broken, ["POST /v3/contacts/sign_up_form"]);
    harness.sandbox.with(|lab| lab.journal.clear());
}
