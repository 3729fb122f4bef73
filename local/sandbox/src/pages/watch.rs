//! Pages to watch accounts, contacts, budgets and the journal.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{render, role_name};
use crate::contract::Permission;
use crate::journal::Entry;
use crate::lab::Shared;
use crate::world::{Account, App, Contact, World};

/// Journal lines that the home page shows at first.
const RECENT_CALLS: usize = 50;
/// Contacts on an account's page, the latest first.
const MAX_CONTACTS: usize = 200;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    clock: String,
    budgets: Vec<Budget>,
    accounts: Vec<AccountRow>,
    calls: Vec<CallRow>,
}

struct Budget {
    name: String,
    used: u32,
    per_day: u32,
    this_second: usize,
    per_second: u32,
    deactivated: bool,
}

struct AccountRow {
    id: String,
    organization: String,
    confirmed_opt_in: bool,
    lists: usize,
    contacts: usize,
    active: usize,
    unsubscribed: usize,
}

struct CallRow {
    at: String,
    method: String,
    route: String,
    client_id: String,
    address: String,
    status: String,
    outcome: String,
    took: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    row: AccountRow,
    users: Vec<(String, &'static str)>,
    lists: Vec<(String, usize, bool)>,
    fields: Vec<(String, String)>,
    contacts: Vec<ContactRow>,
    hidden: usize,
}

struct ContactRow {
    id: Uuid,
    address: String,
    name: String,
    permission: &'static str,
    tone: &'static str,
    lists: usize,
    updated: String,
}

#[derive(Template)]
#[template(path = "contact.html")]
struct ContactPage {
    account: AccountRow,
    contact: ContactRow,
    facts: Vec<(&'static str, String)>,
    lists: Vec<String>,
    history: Vec<(String, String)>,
}

pub async fn home(State(shared): State<Shared>) -> Response {
    let now = shared.clock.now();
    let page = {
        let mut lab = shared.lab();
        let lab = &mut *lab;
        lab.world.settle(now, &mut lab.dice);
        let recent = lab.journal.entries().iter().rev().take(RECENT_CALLS);
        Home {
            clock: format_time(now),
            budgets: lab
                .world
                .apps
                .values()
                .map(|app| Budget::of(app, now))
                .collect(),
            accounts: lab.world.accounts.iter().map(AccountRow::of).collect(),
            calls: recent.map(CallRow::of).collect(),
        }
    };
    render(&page)
}

pub async fn account(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let page = shared.with_world(|world, _| world.account(&id).map(AccountPage::of));
    page.map_or_else(not_found, |page| render(&page))
}

pub async fn contact(
    State(shared): State<Shared>,
    Path((account, contact)): Path<(String, Uuid)>,
) -> Response {
    let page = shared.with_world(|world, _| ContactPage::find(world, &account, contact));
    page.map_or_else(not_found, |page| render(&page))
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not found").into_response()
}

fn format_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

impl Budget {
    fn of(app: &App, now: Timestamp) -> Self {
        Self {
            name: app.name.clone(),
            used: app.calls.used_today(now),
            per_day: app.calls_per_day,
            this_second: app.calls.used_this_second(now),
            per_second: app.calls_per_second,
            deactivated: app.deactivated,
        }
    }

    fn share(&self) -> f64 {
        f64::from(self.used) / f64::from(self.per_day.max(1))
    }

    /// Thousandths of the day's limit, for the gauge.
    fn per_mille(&self) -> String {
        format!("{:.0}", (self.share() * 1_000.0).min(1_000.0))
    }

    fn percent(&self) -> String {
        format!("{:.0}%", (self.share() * 100.0).floor())
    }

    fn tone(&self) -> &'static str {
        match self.share() {
            ..0.8 => "good",
            ..1.0 => "warn",
            _ => "bad",
        }
    }
}

impl AccountRow {
    fn of(account: &Account) -> Self {
        let alive = || account.contacts().iter().filter(|c| c.deleted_at.is_none());
        let unsubscribed = alive().filter(|c| c.permission == Permission::Unsubscribed);
        Self {
            id: account.encoded_id.clone(),
            organization: account.organization.clone(),
            confirmed_opt_in: account.confirmed_opt_in,
            lists: account
                .lists
                .iter()
                .filter(|list| list.deleted_at.is_none())
                .count(),
            contacts: alive().count(),
            active: alive().filter(|contact| contact.is_active()).count(),
            unsubscribed: unsubscribed.count(),
        }
    }
}

impl CallRow {
    fn of(entry: &Entry) -> Self {
        let clock = entry.at.to_zoned(TimeZone::UTC);
        Self {
            at: clock.strftime("%H:%M:%S%.3f").to_string(),
            method: entry.method.clone(),
            route: entry.route.clone(),
            client_id: entry.client_id.clone().unwrap_or_default(),
            address: entry.address.clone().unwrap_or_default(),
            status: entry
                .status
                .map_or_else(|| "–".into(), |status| status.to_string()),
            outcome: entry.outcome.clone(),
            took: format!("{}.{} ms", entry.took_us / 1_000, entry.took_us / 100 % 10),
            tone: match entry.status {
                Some(..400) => "good",
                Some(429) => "warn",
                _ => "bad",
            },
        }
    }
}

impl AccountPage {
    fn of(account: &Account) -> Self {
        let members = |id| {
            account
                .contacts()
                .iter()
                .filter(|c| c.lists.contains(id))
                .count()
        };
        let lists = account.lists.iter().map(|list| {
            (
                list.name.clone(),
                members(&list.id),
                list.deleted_at.is_some(),
            )
        });
        let users = account
            .users
            .iter()
            .map(|user| (user.login.clone(), role_name(user.role)));
        let fields = account
            .fields
            .iter()
            .map(|field| (field.label.clone(), field.name.clone()));
        let contacts = account
            .contacts()
            .iter()
            .rev()
            .take(MAX_CONTACTS)
            .map(ContactRow::of);
        Self {
            row: AccountRow::of(account),
            users: users.collect(),
            lists: lists.collect(),
            fields: fields.collect(),
            contacts: contacts.collect(),
            hidden: account.contacts().len().saturating_sub(MAX_CONTACTS),
        }
    }
}

impl ContactRow {
    fn of(contact: &Contact) -> Self {
        let names = [contact.first_name.as_deref(), contact.last_name.as_deref()];
        Self {
            id: contact.id,
            address: contact
                .email
                .clone()
                .or_else(|| contact.sms_address.clone())
                .unwrap_or_default(),
            name: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
            permission: permission(contact).0,
            tone: permission(contact).1,
            lists: contact.lists.len(),
            updated: format_time(contact.updated_at),
        }
    }
}

/// A contact's permission in words, and its colour.
fn permission(contact: &Contact) -> (&'static str, &'static str) {
    if contact.deleted_at.is_some() {
        return ("deleted", "plain");
    }
    match contact.permission {
        Permission::Explicit => ("explicit", "good"),
        Permission::Implicit => ("implicit", ""),
        Permission::PendingConfirmation => ("pending", "warn"),
        Permission::Unsubscribed => ("unsubscribed", "bad"),
        Permission::NotSet => ("not set", "plain"),
        Permission::TempHold => ("temporary hold", "warn"),
    }
}

impl ContactPage {
    fn find(world: &World, account: &str, contact: Uuid) -> Option<Self> {
        let account = world.account(account)?;
        let contact = account.contact(contact)?;
        let mut facts = Vec::new();
        let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        fact("Company", contact.company_name.clone());
        fact("Job title", contact.job_title.clone());
        fact(
            "Birthday",
            contact
                .birthday
                .map(|(month, day)| format!("{month:02}-{day:02}")),
        );
        fact("Anniversary", contact.anniversary.clone());
        for phone in &contact.phones {
            fact("Phone", Some(phone.number.clone()));
        }
        for address in &contact.addresses {
            let parts = [
                &address.street,
                &address.city,
                &address.state,
                &address.postal_code,
                &address.country,
            ];
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            fact("Address", Some(parts.join(", ")));
        }
        for data in &contact.fields {
            let label = account
                .field(data.field)
                .map_or("", |field| field.label.as_str());
            let value = data
                .value
                .clone()
                .unwrap_or_else(|| format!("{:?}", data.choices));
            fact("Custom field", Some(format!("{label}: {value}")));
        }
        fact("Opted in", contact.opt_in_date.map(format_time));
        fact("Opted out", contact.opt_out_date.map(format_time));
        let lists = contact.lists.iter().filter_map(|id| account.list(*id));
        let history = contact.history.iter().rev();
        Some(Self {
            account: AccountRow::of(account),
            contact: ContactRow::of(contact),
            facts,
            lists: lists.map(|list| list.name.clone()).collect(),
            history: history
                .map(|(at, what)| (format_time(*at), what.clone()))
                .collect(),
        })
    }
}
