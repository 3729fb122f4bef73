//! `sign_up_form`: create a contact or update the one with that address.

use serde::Serialize;
use uuid::Uuid;

use super::contact::{Address, FieldData, Phone};
use super::{Account, Contact, Context, Refusal, World};
use crate::contract::{Email, Id, Permission, SignUp, Source, StreetAddress, Text, birthday};
use crate::settings::{ListGone, UnsubscribedSignUp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SignedUp {
    pub contact_id: Uuid,
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Created,
    Updated,
}

impl World {
    pub fn sign_up(
        &mut self,
        account: usize,
        input: &SignUp,
        context: &mut Context<'_>,
    ) -> Result<SignedUp, Refusal> {
        let readings = &context.settings.readings;
        let max_chars = readings.sign_up_email_length.max_chars();
        let email = input.email_address.as_deref();
        let email = email
            .map(|text| Email::parse(text, max_chars))
            .transpose()?;
        if email.is_none() && input.sms_channel.is_none() {
            return Err(Refusal::Invalid("email_address is missing".into()));
        }
        let birthday = birthday(input.birthday_month, input.birthday_day)?;
        let max_fields = readings.sign_up_custom_fields.max_items();
        if sent_fields(input).len() > max_fields {
            return Err(Refusal::Invalid(format!(
                "custom_fields must have at most {max_fields} items"
            )));
        }
        self.guard_address(email.as_ref(), context)?;
        let account = &mut self.accounts[account];
        account.check_lists(input.list_memberships.items(), context)?;
        for field in sent_fields(input) {
            account.check_value(field.custom_field_id.0, field.value.as_str())?;
        }
        let (at, action) = account.find_or_create(input, email.as_ref(), context)?;
        let opt_in = account.confirmed_opt_in;
        let contact = &mut account.contacts[at];
        grant(contact, action, opt_in, context);
        if let Some(birthday) = birthday {
            contact.birthday = Some(birthday);
        }
        apply(contact, input, context);
        Ok(SignedUp {
            contact_id: contact.id,
            action,
        })
    }

    /// Counts an attempt to subscribe or update this address.
    pub(super) fn guard_address(
        &mut self,
        email: Option<&Email>,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let Some(email) = email.filter(|_| context.settings.address_guard) else {
            return Ok(());
        };
        if self.guard.allows(&email.key(), context.now) {
            return Ok(());
        }
        Err(Refusal::Invalid(
            "email_address: invalid email address".into(),
        ))
    }
}

impl Account {
    /// Refuses lists that never existed or are deleted.
    pub(super) fn check_lists(&self, ids: &[Id], context: &Context<'_>) -> Result<(), Refusal> {
        let Some(gone) = ids.iter().find(|id| !self.has_list(id.0)) else {
            return Ok(());
        };
        let message = format!("list_id {} does not exist", gone.0);
        Err(match context.settings.readings.list_gone {
            ListGone::BadRequest => Refusal::Invalid(message),
            ListGone::Wordless => Refusal::Invalid(String::new()),
            ListGone::NotFound => Refusal::NotFound(message),
        })
    }

    fn find_or_create(
        &mut self,
        input: &SignUp,
        email: Option<&Email>,
        context: &mut Context<'_>,
    ) -> Result<(usize, Action), Refusal> {
        let sms = input
            .sms_channel
            .as_ref()
            .map(|sms| sms.sms_address.as_str());
        let known = match email {
            Some(email) => self.by_email.get(&email.key()).copied(),
            None => self
                .contacts
                .iter()
                .position(|known| known.sms_address.as_deref() == sms),
        };
        if let Some(at) = known {
            check_room(&self.contacts[at], input, context)?;
            return Ok((at, Action::Updated));
        }
        let text = email.map(Email::as_str);
        let contact = Contact::new(text, Source::Contact, context.now, context.dice);
        Ok((self.add_contact(contact), Action::Created))
    }
}

/// Refuses more than a contact can hold.
fn check_room(contact: &Contact, input: &SignUp, context: &Context<'_>) -> Result<(), Refusal> {
    let too_many = |what: &str, max: usize| {
        let why = format!("{what}: a contact has at most {max}");
        Err(Refusal::Invalid(why))
    };
    let lists = input.list_memberships.items().iter().map(|id| id.0);
    if !contact.has_room_for_lists(lists) {
        return too_many("list_memberships", 50);
    }
    let fields = sent_fields(input).iter();
    let max = context.settings.readings.sign_up_custom_fields.max_items();
    if !contact.has_room_for_fields(fields.map(|field| field.custom_field_id.0), max) {
        return too_many("custom_fields", max);
    }
    if input.phone_number.is_some() && !contact.has_room_for_phones(&[None]) {
        return too_many("phone_number", 3);
    }
    let address = input.street_address.as_ref().map(|address| address.kind);
    if !contact.has_room_for_addresses(address.as_slice()) {
        return too_many("street_address", 3);
    }
    Ok(())
}

/// A new contact's permission depends on the account's confirmed opt-in; a known one becomes `explicit`.
fn grant(contact: &mut Contact, action: Action, confirmed_opt_in: bool, context: &Context<'_>) {
    let unsubscribed = contact.permission == Permission::Unsubscribed;
    let pending_again =
        context.settings.readings.unsubscribed_sign_up == UnsubscribedSignUp::Pending;
    let permission = match action {
        Action::Created if confirmed_opt_in => Permission::PendingConfirmation,
        Action::Created => Permission::Explicit,
        Action::Updated if contact.permission == Permission::PendingConfirmation => return,
        Action::Updated if confirmed_opt_in && unsubscribed && pending_again => {
            Permission::PendingConfirmation
        }
        Action::Updated if contact.permission == Permission::Explicit => return,
        Action::Updated => Permission::Explicit,
    };
    contact.permit(permission, Source::Contact, context.now);
}

/// Changes only what was sent; lists and custom fields are added.
fn apply(contact: &mut Contact, input: &SignUp, context: &mut Context<'_>) {
    let now = context.now;
    if contact.deleted_at.take().is_some() {
        contact.note(now, "restored by sign-up");
    }
    set(&mut contact.first_name, input.first_name.as_ref());
    set(&mut contact.last_name, input.last_name.as_ref());
    set(&mut contact.job_title, input.job_title.as_ref());
    set(&mut contact.company_name, input.company_name.as_ref());
    if let Some(anniversary) = &input.anniversary {
        contact.anniversary = Some(anniversary.as_str().to_owned());
    }
    if let Some(number) = &input.phone_number {
        put_phone(contact, number.as_str(), context);
    }
    if let Some(address) = &input.street_address {
        put_address(contact, address, context);
    }
    if let Some(sms) = &input.sms_channel {
        contact.sms_address = Some(sms.sms_address.as_str().to_owned());
    }
    for field in sent_fields(input) {
        contact.put_field(FieldData {
            field: field.custom_field_id.0,
            value: Some(field.value.as_str().to_owned()),
            choices: Vec::new(),
        });
    }
    contact.join(input.list_memberships.items().iter().map(|id| id.0));
    contact.update_source = Source::Contact;
    contact.updated_at = now;
    contact.note(now, "signed up by form");
}

fn sent_fields(input: &SignUp) -> &[crate::contract::SignUpField] {
    input
        .custom_fields
        .as_ref()
        .map_or(&[], |fields| fields.items())
}

fn set<const MAX: usize>(property: &mut Option<String>, sent: Option<&Text<MAX>>) {
    if let Some(text) = sent {
        *property = Some(text.as_str().to_owned());
    }
}

/// The form has one phone without a kind, which replaces the previous one.
fn put_phone(contact: &mut Contact, number: &str, context: &mut Context<'_>) {
    contact.phones.retain(|phone| phone.kind.is_some());
    contact.phones.push(Phone {
        id: context.dice.uuid(),
        number: number.to_owned(),
        kind: None,
        source: Source::Contact,
        created_at: context.now,
    });
}

fn put_address(contact: &mut Contact, sent: &StreetAddress, context: &mut Context<'_>) {
    contact.addresses.retain(|known| known.kind != sent.kind);
    contact.addresses.push(Address::from_input(sent, context));
}

impl Address {
    pub(super) fn from_input(input: &StreetAddress, context: &mut Context<'_>) -> Self {
        Self {
            id: context.dice.uuid(),
            kind: input.kind,
            street: input.street.clone().map(Text::into_string),
            city: input.city.clone().map(Text::into_string),
            state: input.state.clone().map(Text::into_string),
            postal_code: input.postal_code.clone().map(Text::into_string),
            country: input.country.clone().map(Text::into_string),
            created_at: context.now,
        }
    }
}
