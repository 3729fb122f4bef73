//! The accounts every sandbox starts with.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::account::{Account, List, Role, User};
use super::fields::{Choice, CustomField};
use super::{Contact, Context, Refusal};
use crate::contract::{Email, FieldType, Permission, Source};
use crate::dice::Dice;

/// An ordinary bakery, a club with confirmed opt-in, a shop with more lists and custom fields than fit on one default
/// page, and an empty account.
pub fn accounts(now: Timestamp, dice: &mut Dice) -> Vec<Account> {
    let mut bakery = account("Harbor Bakery", "harbor-bakery", now, dice);
    add_lists(
        &mut bakery,
        ["Newsletter", "Events", "Wholesale"],
        now,
        dice,
    );
    add_fields(&mut bakery, now, dice);

    let mut club = account("Hill Cycling Club", "hill-cycling", now, dice);
    club.confirmed_opt_in = true;
    add_lists(&mut club, ["Members", "Race news"], now, dice);
    add_fields(&mut club, now, dice);

    let mut shop = account("Many Lists Shop", "many-lists", now, dice);
    let names: Vec<String> = (1..=60).map(|n| format!("List {n:02}")).collect();
    add_lists(&mut shop, names.iter().map(String::as_str), now, dice);
    for n in 1..=60 {
        let field = CustomField::new(
            &format!("Field {n:02}"),
            FieldType::String,
            dice.uuid(),
            now,
        );
        shop.fields.push(field);
    }

    let empty = account("Quiet Studio", "quiet-studio", now, dice);
    vec![bakery, club, shop, empty]
}

/// A contact that exists from the start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedContact {
    pub email: String,
    #[serde(default = "explicit")]
    pub permission: Permission,
    #[serde(default)]
    pub lists: Vec<Uuid>,
    #[serde(default)]
    pub deleted: bool,
    pub opt_out_source: Option<Source>,
    pub opt_out_date: Option<Timestamp>,
}

fn explicit() -> Permission {
    Permission::Explicit
}

impl Account {
    /// Adds a contact, or gives the existing one with that address the seed's state.
    pub fn seed_contact(
        &mut self,
        seed: SeedContact,
        context: &mut Context<'_>,
    ) -> Result<&Contact, Refusal> {
        let email = Email::parse(&seed.email, 80)?;
        let now = context.now;
        let at = self.by_email.get(&email.key()).copied().unwrap_or_else(|| {
            let contact = Contact::new(Some(email.as_str()), Source::Account, now, context.dice);
            self.add_contact(contact)
        });
        let contact = &mut self.contacts[at];
        contact.permit(seed.permission, Source::Contact, now);
        contact.join(seed.lists);
        if seed.permission == Permission::Unsubscribed {
            let source = seed.opt_out_source.unwrap_or(Source::Contact);
            contact.unsubscribe(source, None, seed.opt_out_date.unwrap_or(now));
        }
        if seed.deleted {
            contact.delete(now);
        }
        Ok(contact)
    }
}

fn account(organization: &str, domain: &str, now: Timestamp, dice: &mut Dice) -> Account {
    let mut user = |name: &str, role| User {
        login: format!("{name}@{domain}.example"),
        id: dice.uuid(),
        platform_user_id: dice.uuid(),
        role,
    };
    let users = vec![
        user("owner", Role::Owner),
        user("manager", Role::Manager),
        user("creator", Role::CampaignCreator),
    ];
    let mut account = Account {
        encoded_id: format!("a{}", &dice.uuid().simple().to_string()[..13]),
        organization: organization.to_owned(),
        contact_email: format!("owner@{domain}.example"),
        website: format!("https://{domain}.example"),
        confirmed_opt_in: false,
        users,
        lists: Vec::new(),
        fields: Vec::new(),
        tags: Vec::new(),
        activities: Vec::new(),
        import_endings: VecDeque::new(),
        contacts: Vec::new(),
        by_id: HashMap::new(),
        by_email: HashMap::new(),
    };
    add_lists(&mut account, ["General Interest"], now, dice);
    account
}

fn add_lists<'a>(
    account: &mut Account,
    names: impl IntoIterator<Item = &'a str>,
    now: Timestamp,
    dice: &mut Dice,
) {
    account.lists.extend(names.into_iter().map(|name| List {
        id: dice.uuid(),
        name: name.to_owned(),
        description: None,
        favorite: false,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }));
}

fn add_fields(account: &mut Account, now: Timestamp, dice: &mut Dice) {
    let kinds = [
        ("Favourite loaf", FieldType::String),
        ("First visit", FieldType::Date),
        ("Visits", FieldType::Number),
        ("Shop", FieldType::SingleSelect),
    ];
    for (label, kind) in kinds {
        let mut field = CustomField::new(label, kind, dice.uuid(), now);
        if kind.has_choices() {
            field.choices = (1..)
                .zip(["North", "South"])
                .map(|(id, label)| Choice {
                    choice_id: id,
                    choice_label: label.to_owned(),
                    display_order: id as i64,
                })
                .collect();
        }
        account.fields.push(field);
    }
}
