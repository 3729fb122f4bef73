//! Bulk imports: rows become implicit contacts some time after the request.

use jiff::Timestamp;
use uuid::Uuid;

use super::contact::{Address, FieldData, Phone};
use super::room::MAX_FIELDS;
use super::{Account, Activity, Contact, Context, Job, Refusal};
use crate::contract::{
    AddressKind, Anniversary, ContactRow, Email, JsonImport, Permission, PhoneKind, Source,
    address_kind, birthday,
};
use crate::dice::Dice;
use crate::settings::UnknownImportField;

/// The longest address in an import row.
const EMAIL_CHARS: usize = 50;

/// An accepted import, waiting to run.
#[derive(Debug)]
pub struct ImportPlan {
    pub rows: Vec<ContactRow>,
    pub lists: Vec<Uuid>,
}

/// The outcome of one row.
enum Outcome {
    Imported,
    /// Imported, but not put on lists, as the contact is unsubscribed.
    KeptOffLists,
    Correctable(String),
    Failed(String),
}

impl Account {
    pub fn import(
        &mut self,
        input: JsonImport,
        context: &mut Context<'_>,
    ) -> Result<&Activity, Refusal> {
        self.check_lists(input.list_ids.items(), context)?;
        if context.settings.readings.unknown_import_field == UnknownImportField::Refuse {
            let mut names = input.rows.iter().flat_map(|row| row.custom_fields.keys());
            if let Some(unknown) = names.find(|name| self.field_named(name).is_none()) {
                return Err(Refusal::Invalid(format!("cf:{unknown} does not exist")));
            }
        }
        let lists = input.list_ids.items().iter().map(|id| id.0).collect();
        self.start(
            Job::Import(ImportPlan {
                rows: input.rows,
                lists,
            }),
            context,
        )
    }

    pub(super) fn run_import(
        &mut self,
        activity: usize,
        plan: ImportPlan,
        now: Timestamp,
        dice: &mut Dice,
    ) {
        let mut tally = self.activities[activity].tally.clone();
        let mut errors = Vec::new();
        let lists = self.existing_lists(plan.lists);
        for row in &plan.rows {
            match self.import_row(row, &lists, now, dice) {
                Outcome::Imported => {}
                Outcome::KeptOffLists => tally.cannot_add_to_list_count += 1,
                Outcome::Correctable(why) => {
                    tally.correctable_count += 1;
                    errors.push(why);
                }
                Outcome::Failed(why) => {
                    tally.error_count += 1;
                    errors.push(why);
                }
            }
        }
        tally.items_completed_count = plan.rows.len();
        errors.dedup();
        errors.truncate(100);
        let activity = &mut self.activities[activity];
        activity.tally = tally;
        activity.errors = errors;
    }

    fn import_row(
        &mut self,
        row: &ContactRow,
        lists: &[Uuid],
        now: Timestamp,
        dice: &mut Dice,
    ) -> Outcome {
        let email = match row
            .email
            .as_deref()
            .map(|text| Email::parse(text, EMAIL_CHARS))
        {
            Some(Ok(email)) => email,
            Some(Err(_)) => return Outcome::Correctable("Invalid email address.".into()),
            None => return Outcome::Correctable("A row has no email address.".into()),
        };
        let Ok(birthday) = birthday(row.birthday_month, row.birthday_day) else {
            return Outcome::Correctable("Invalid birthday.".into());
        };
        let anniversary = row.anniversary.as_deref();
        if anniversary.is_some_and(|text| text.parse::<Anniversary>().is_err()) {
            return Outcome::Correctable("Invalid anniversary.".into());
        }
        if phones(row).any(|(_, number)| is_international(number)) {
            return Outcome::Correctable("Invalid phone number.".into());
        }
        let fields = match self.import_fields(row) {
            Ok(fields) => fields,
            Err(why) => return Outcome::Failed(why),
        };
        let known = self.by_email.get(&email.key()).copied();
        let no_room = known.and_then(|at| no_room_reason(&self.contacts[at], row, &fields, lists));
        if let Some(why) = no_room {
            return Outcome::Failed(why.into());
        }
        let at = known.unwrap_or_else(|| {
            let mut contact = Contact::new(Some(email.as_str()), Source::Account, now, dice);
            contact.permit(Permission::Implicit, Source::Account, now);
            self.add_contact(contact)
        });
        let contact = &mut self.contacts[at];
        contact.deleted_at = None;
        contact.birthday = birthday.or(contact.birthday);
        for field in fields {
            contact.put_field(field);
        }
        apply_row(contact, row, now, dice);
        if contact.permission == Permission::Unsubscribed {
            return Outcome::KeptOffLists;
        }
        contact.join(lists.iter().copied());
        Outcome::Imported
    }

    fn import_fields(&self, row: &ContactRow) -> Result<Vec<FieldData>, String> {
        let value = |(name, value): (&String, &String)| {
            let unknown = || format!("Custom field {name} does not exist.");
            let field = self.field_named(name).ok_or_else(unknown)?;
            let checked = self.check_value(field.id, value);
            checked.map_err(|_| format!("Custom field {name} does not take this value."))?;
            Ok(FieldData {
                field: field.id,
                value: Some(value.clone()),
                choices: Vec::new(),
            })
        };
        row.custom_fields.iter().map(value).collect()
    }
}

/// Why a contact has no room for a row's data.
fn no_room_reason(
    contact: &Contact,
    row: &ContactRow,
    fields: &[FieldData],
    lists: &[Uuid],
) -> Option<&'static str> {
    if !contact.has_room_for_fields(fields.iter().map(|data| data.field), MAX_FIELDS) {
        return Some("A contact has at most 25 custom fields.");
    }
    let phones: Vec<_> = phones(row).map(|(kind, _)| Some(kind)).collect();
    if !contact.has_room_for_phones(&phones) {
        return Some("A contact has at most 3 phone numbers.");
    }
    let details = row.details.keys();
    let addresses = details.filter(|name| phone_kind(name).is_none());
    let addresses: Vec<_> = addresses.map(|name| address_kind_of(name)).collect();
    if !contact.has_room_for_addresses(&addresses) {
        return Some("A contact has at most 3 addresses.");
    }
    let joins = contact.permission != Permission::Unsubscribed;
    if joins && !contact.has_room_for_lists(lists.iter().copied()) {
        return Some("A contact is on at most 50 lists.");
    }
    None
}

fn phones(row: &ContactRow) -> impl Iterator<Item = (PhoneKind, &str)> {
    let details = row.details.iter();
    details.filter_map(|(name, value)| Some((phone_kind(name)?, value.as_str())))
}

/// Imports accept only North American numbers.
fn is_international(number: &str) -> bool {
    number.starts_with('+') && !number.starts_with("+1")
}

/// Changes only what the row contains.
fn apply_row(contact: &mut Contact, row: &ContactRow, now: Timestamp, dice: &mut Dice) {
    let texts = [
        (&mut contact.first_name, &row.first_name),
        (&mut contact.last_name, &row.last_name),
        (&mut contact.job_title, &row.job_title),
        (&mut contact.company_name, &row.company_name),
        (&mut contact.anniversary, &row.anniversary),
    ];
    for (property, sent) in texts {
        if sent.is_some() {
            property.clone_from(sent);
        }
    }
    for (name, value) in &row.details {
        match phone_kind(name) {
            Some(kind) => put_phone(contact, kind, value, now, dice),
            None => put_address_part(contact, name, value, now, dice),
        }
    }
    contact.update_source = Source::Account;
    contact.updated_at = now;
    contact.note(now, "imported");
}

/// The kind of a phone property.
fn phone_kind(name: &str) -> Option<PhoneKind> {
    match name {
        "home_phone" => Some(PhoneKind::Home),
        "work_phone" => Some(PhoneKind::Work),
        "mobile_phone" => Some(PhoneKind::Mobile),
        "phone" | "other_phone" => Some(PhoneKind::Other),
        _ => None,
    }
}

/// The kind of the address that a property is part of.
fn address_kind_of(name: &str) -> AddressKind {
    match address_kind(name) {
        "work_" => AddressKind::Work,
        "other_" => AddressKind::Other,
        _ => AddressKind::Home,
    }
}

fn put_phone(
    contact: &mut Contact,
    kind: PhoneKind,
    number: &str,
    now: Timestamp,
    dice: &mut Dice,
) {
    contact.phones.retain(|phone| phone.kind != Some(kind));
    contact.phones.push(Phone {
        id: dice.uuid(),
        number: number.to_owned(),
        kind: Some(kind),
        source: Source::Account,
        created_at: now,
    });
}

fn put_address_part(
    contact: &mut Contact,
    name: &str,
    value: &str,
    now: Timestamp,
    dice: &mut Dice,
) {
    let kind = address_kind_of(name);
    let known = contact
        .addresses
        .iter()
        .position(|address| address.kind == kind);
    let at = known.unwrap_or_else(|| {
        contact
            .addresses
            .push(Address::empty(kind, dice.uuid(), now));
        contact.addresses.len() - 1
    });
    let address = &mut contact.addresses[at];
    let part = match name.strip_prefix(address_kind(name)).unwrap_or(name) {
        "street" => &mut address.street,
        "street2" => return append(&mut address.street, value),
        "city" => &mut address.city,
        "state" => &mut address.state,
        "zip" => &mut address.postal_code,
        _ => &mut address.country,
    };
    *part = Some(value.to_owned());
}

/// The second street line is appended to the first.
fn append(street: &mut Option<String>, line: &str) {
    let first = street.take();
    *street = Some(first.map_or_else(|| line.to_owned(), |first| format!("{first} {line}")));
}

impl Address {
    fn empty(kind: AddressKind, id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            street: None,
            city: None,
            state: None,
            postal_code: None,
            country: None,
            created_at: now,
        }
    }
}
