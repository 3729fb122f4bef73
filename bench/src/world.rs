//! One connected customer with a form, and leads for it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::{DynamoDirectory, DynamoLedger, SecretsApps, SecretsVault};
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::connection::{Account, Catalog, Connection, ContactList};
use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::Contact;
use leadfeed_shared::domain::customer::{BulkImport, Customer};
use leadfeed_shared::domain::form::{Form, Statement};
use leadfeed_shared::domain::ids::{AppId, CustomerId, FormId, LeadId, RemoteId};
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::lead::{Lead, LeadState, ParsedLead};
use leadfeed_shared::domain::screening::{Rates, Screening};
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::domain::token::{StoredTokens, Tokens};
use leadfeed_shared::fakes::samples;
use leadfeed_shared::ports::{
    AppCredentials, Apps as _, Connections as _, Customers as _, Forms as _, Ledger as _,
    Vault as _,
};
use serde_json::{Value, json};

use crate::aws::{DIRECTORY, LEDGER};

/// The prefix of the stack's secrets.
pub const PREFIX: &str = "leadfeed/bench";
/// The stack's name in the functions' environment.
pub const STACK: &str = "bench";
/// The form that the sample events post to.
pub const FORM: &str = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV";
/// The admin token of the sample events.
const ADMIN_TOKEN: &str = "test-admin-token";

const STATEMENT: &str = "Analytical Engines may send me its newsletter. I can leave at any time.";

/// Everything that a delivery needs, written with the adapters.
pub struct World {
    aws: SdkConfig,
    /// Makes leads.
    pub fixtures: Fixtures,
}

/// The customer's account at Constant Contact.
pub struct Remote {
    pub tokens: Tokens,
    pub list: RemoteId,
    pub limits: Limits,
}

/// The account's id at Constant Contact.
pub const ACCOUNT: &str = "a07e1i8mqj";

impl World {
    /// Writes it to the tables and secrets behind `aws`.
    pub async fn create(aws: SdkConfig, remote: Remote) -> Result<Self> {
        let root = "k".repeat(64);
        let keys = SigningKeys::new(root.clone().into());
        let fixtures = Fixtures::new(keys, STACK, BulkImport::Never)?;
        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        for (name, value) in [("signing", root.as_str()), ("admin", ADMIN_TOKEN)] {
            let id = format!("{PREFIX}/keys/{name}");
            let request = secrets.create_secret().name(id).secret_string(value);
            request.send().await?;
        }
        let directory = DynamoDirectory::new(dynamodb, DIRECTORY.into());
        let apps = SecretsApps::new(secrets.clone(), PREFIX.into(), directory.clone());
        let credentials = AppCredentials {
            client_id: "client".into(),
            client_secret: "secret".into(),
        };
        apps.put(&AppId::default_app(), &credentials, remote.limits)
            .await?;
        let now = Timestamp::now();
        directory.put_customer(&fixtures.customer(now)).await?;
        directory.put_form(&fixtures.form(now)).await?;
        let connection = Connection {
            token_expires_at: remote.tokens.expires_at,
            ..fixtures.connection(&remote.list, now)
        };
        directory.put_connection(&connection).await?;
        let vault = SecretsVault::new(secrets, PREFIX.into());
        let stored = StoredTokens {
            generation: connection.generation,
            tokens: remote.tokens,
        };
        vault.store(&fixtures.customer, &stored).await?;
        Ok(Self { aws, fixtures })
    }

    /// Leads dated a few minutes ahead, in the ledger, and their messages: fresh even if a program runs slowly.
    pub async fn queued(&self, count: u32) -> Result<Vec<Task>> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.aws);
        let ledger = DynamoLedger::new(dynamodb, LEDGER.into());
        let mut tasks = Vec::new();
        let at = Timestamp::now() + SignedDuration::from_mins(10);
        for number in 0..count {
            let lead = self.fixtures.lead(number, at);
            let due = lead.received_at + SignedDuration::from_hours(6);
            ledger.record(&lead, &LeadState::Queued, due).await?;
            tasks.push(Task::Accepted {
                lead: Box::new(lead),
            });
        }
        Ok(tasks)
    }
}

/// Makes the customer's records.
pub struct Fixtures {
    keys: SigningKeys,
    stack: &'static str,
    bulk_import: BulkImport,
    pub customer: CustomerId,
    form: FormId,
}

impl Fixtures {
    pub fn new(keys: SigningKeys, stack: &'static str, bulk_import: BulkImport) -> Result<Self> {
        Ok(Self {
            keys,
            stack,
            bulk_import,
            customer: "engines".parse().context("a customer's id")?,
            form: FORM.parse().context("a form's id")?,
        })
    }

    /// The secret of the form's signed webhook.
    pub fn webhook_secret(&self) -> secrecy::SecretString {
        self.keys.webhook_secret(&self.form, 1)
    }

    pub fn customer(&self, now: Timestamp) -> Customer {
        Customer {
            id: self.customer.clone(),
            bulk_import: self.bulk_import,
            ..samples::customer(now)
        }
    }

    /// The form has no limits.
    pub fn form(&self, since: Timestamp) -> Form {
        Form {
            id: self.form.clone(),
            customer: self.customer.clone(),
            statements: vec![Statement {
                version: 1,
                text: STATEMENT.into(),
                since,
                brand: Some("Analytical Engines".into()),
            }],
            allowed_origins: vec!["https://engines.example".into()],
            return_url: Some("https://engines.example/thanks".into()),
            screening: Screening {
                rates: Rates {
                    per_minute: 1_000_000,
                    per_origin: 1_000_000,
                    per_day: 1_000_000,
                    per_address: 1_000_000,
                },
                ..Screening::default()
            },
            created_at: since,
            ..samples::form()
        }
    }

    pub fn connection(&self, list: &RemoteId, now: Timestamp) -> Connection {
        let contact_list = ContactList {
            id: list.clone(),
            name: "Newsletter".into(),
        };
        Connection {
            customer: self.customer.clone(),
            stack: self.stack.into(),
            account: Account {
                id: ACCOUNT.into(),
                name: "Analytical Engines".into(),
            },
            lists: vec![list.clone()],
            catalog: Catalog {
                lists: vec![contact_list],
                custom_fields: Vec::new(),
            },
            ..samples::connection(now)
        }
    }

    /// A lead received at `now`, from a person of its own.
    pub fn lead(&self, number: u32, now: Timestamp) -> Lead {
        let id = LeadId::at(now, number.into());
        let email = format!("lead{number}@example.com").parse();
        let contact = Contact {
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            ..Contact::of(email.expect("an address"))
        };
        let consent = Consent {
            statement: STATEMENT.into(),
            version: Some(1),
            given_at: now,
            page_url: Some("https://engines.example/newsletter".into()),
            ip: Some("192.0.2.7".into()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".into()),
            origin: Some("https://engines.example".into()),
            certificates: BTreeMap::new(),
            brand: Some("Analytical Engines".into()),
        };
        let parsed = ParsedLead {
            contact,
            consent,
            notes: Vec::new(),
        };
        let (customer, form) = (self.customer.clone(), self.form.clone());
        Lead::new(customer, form, id, parsed, now, &self.keys)
    }
}

/// The event with which a queue gives a batch to the drain.
pub fn batch(tasks: &[Task]) -> Result<Value> {
    let records = tasks.iter().enumerate().map(|(number, task)| {
        Ok(json!({
            "messageId": format!("2f0c0d0a-6d0e-4a53-9f0b-{number:012}"),
            "receiptHandle": "handle",
            "body": serde_json::to_string(task)?,
            "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": task.customer()},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:leads",
            "awsRegion": "us-east-1",
        }))
    });
    Ok(json!({"Records": records.collect::<Result<Vec<_>>>()?}))
}
