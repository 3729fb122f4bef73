//! Samples with every field filled in, so that an implementation that loses one fails.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use leadfeed_shared::domain::connection::{
    Account, Catalog, ConfirmedOptIn, Connection, ConnectionStatus, ContactList, CustomField,
    FieldKind, Learned, Lease, Terms,
};
use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::{Contact, Note, NoteKind, StreetAddress};
use leadfeed_shared::domain::customer::{BulkImport, Customer};
use leadfeed_shared::domain::form::{Form, Statement};
use leadfeed_shared::domain::ids::{CustomerId, LeadId, RemoteId};
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::lead::Lead;
use leadfeed_shared::domain::screening::{Rates, Screening};
use leadfeed_shared::domain::token::{StoredTokens, Tokens};

use crate::fresh;

/// A second of the tests' day, which begins at midnight UTC.
pub fn at(second: i64) -> Timestamp {
    let midnight: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    midnight + SignedDuration::from_secs(second)
}

/// The expiry of rows that must stay: DynamoDB may remove expired ones.
pub fn far_future() -> Timestamp {
    Timestamp::from_second(9_000_000_000).unwrap()
}

pub fn remote(number: u16) -> RemoteId {
    format!("5e7b1a1c-0000-11ee-8c99-0242ac12{number:04x}")
        .parse()
        .unwrap()
}

pub fn customer(id: CustomerId) -> Customer {
    Customer {
        id,
        name: "Ångström & Söhne \"Engines\"".into(),
        brand: "Engines".into(),
        app: fresh::app(),
        return_url: Some("https://engines.example/thanks?a=1&b=2".into()),
        return_hosts: vec!["www.engines.example".into()],
        bulk_import: BulkImport::WhenOverBudget,
        retention_days: 31,
        created_at: at(1),
    }
}

pub fn form(customer: &CustomerId, second: i64) -> Form {
    Form {
        id: fresh::form(second),
        customer: customer.clone(),
        name: "Newsletter".into(),
        statements: [
            (1, "Engines may mail me."),
            (2, "Engines may mail me news."),
        ]
        .map(|(version, text)| Statement {
            version,
            text: text.into(),
            since: at(version.into()),
            brand: Some("Engines".into()),
        })
        .to_vec(),
        consent_field: "agree".into(),
        lists: vec![remote(1), remote(2)],
        required: vec!["last_name".into()],
        mapped: BTreeMap::from([("mail".into(), "email".into())]),
        constants: BTreeMap::from([("company_name".into(), "Campaign 7".into())]),
        allowed_origins: vec!["https://engines.example".into()],
        return_url: None,
        return_hosts: vec![],
        privacy_url: Some("https://engines.example/privacy".into()),
        webhook_generation: 3,
        screening: Screening {
            honeypot: None,
            captcha: Some(Captcha {
                provider: CaptchaProvider::Hcaptcha,
                site_key: "site".into(),
                on_failure: OnFailure::Quarantine,
            }),
            rates: Rates {
                per_minute: 7,
                per_origin: 2,
                per_day: 9,
                per_address: 3,
            },
        },
        open: true,
        signed_only: false,
        created_at: at(2),
        revision: 4,
    }
}

pub fn connection(customer: &CustomerId) -> Connection {
    Connection {
        customer: customer.clone(),
        app: fresh::app(),
        stack: "here".into(),
        status: ConnectionStatus::Active,
        account: Account {
            id: "a07e1i8mqj".into(),
            name: "Engines".into(),
        },
        lists: vec![remote(1)],
        terms: Some(Terms {
            accepted_at: at(3),
            ip: Some("203.0.113.7".into()),
            text: "They are ours.".into(),
        }),
        catalog: Catalog {
            lists: vec![ContactList {
                id: remote(1),
                name: "News".into(),
            }],
            custom_fields: vec![CustomField {
                id: remote(9),
                label: "Favourite engine".into(),
                name: "Favourite_engine".into(),
                kind: Some(FieldKind::Text),
            }],
        },
        generation: 3,
        token_expires_at: at(86_400),
        lease: None,
        cooldown_until: Some(at(5)),
        connected_at: at(4),
        endings: 2,
        learned: Learned {
            lists_gone: vec![remote(2)],
            confirmed_opt_in: Some(ConfirmedOptIn {
                on: true,
                seen_at: at(6),
            }),
            fields_read_at: Some(at(7)),
        },
    }
}

/// A lease until the given second.
pub fn lease(owner: &str, until: i64) -> Lease {
    Lease {
        owner: owner.into(),
        until: at(until),
        intent: 4,
    }
}

/// A lead received at the given second of the tests' day.
pub fn lead(customer: &CustomerId, second: u32) -> Lead {
    lead_with_id(customer, fresh::lead(second.into()), second)
}

pub fn lead_with_id(customer: &CustomerId, id: LeadId, second: u32) -> Lead {
    Lead {
        id,
        customer: customer.clone(),
        form: fresh::form(0),
        contact: contact(),
        consent: Consent {
            statement: "Engines may mail me.".into(),
            version: Some(1),
            given_at: at(second.into()),
            page_url: Some("https://engines.example/news".into()),
            ip: Some("2001:db8::7".into()),
            user_agent: Some("Browser/1 (\u{1f600})".into()),
            origin: Some("https://looms.example".into()),
            certificates: BTreeMap::from([("jornaya".into(), "0A1B".into())]),
            brand: Some("Engines".into()),
        },
        received_at: at(second.into()),
        seal: SigningKeys::new("root".into()).seal("agreed"),
        notes: vec![Note {
            field: "phone_number".into(),
            what: NoteKind::Omitted,
        }],
    }
}

fn contact() -> Contact {
    Contact {
        first_name: "Ada".into(),
        last_name: "Łovelace".into(),
        company_name: "Engines".into(),
        phone_number: "call me".into(),
        street_address: StreetAddress {
            city: "London".into(),
            ..StreetAddress::default()
        },
        custom_fields: BTreeMap::from([("Favourite engine".into(), "difference".into())]),
        ..Contact::of("ada+news@example.com".parse().unwrap())
    }
}

pub fn tokens(generation: u64, text: &str) -> StoredTokens {
    StoredTokens {
        generation,
        tokens: Tokens {
            access: format!("access-{text}").into(),
            refresh: format!("refresh-{text}").into(),
            expires_at: at(86_400),
            scope: "contact_data account_read offline_access".into(),
        },
    }
}
