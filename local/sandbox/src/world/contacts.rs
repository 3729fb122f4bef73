//! `/contacts`: create, replace, delete and ask an unsubscribed contact to come back.

use uuid::Uuid;

use super::contact::{Address, FieldData, Phone};
use super::{Account, Contact, Refusal, Scene, World};
use crate::contract::{
    ChoiceId, Email, EmailInput, FieldInput, Id, NewContact, NoteInput, Permission, PhoneInput,
    Resubscribe, Source, StreetAddress, Text, UpdatedContact, birthday,
};

/// Address length on every contact body but the sign-up's.
const EMAIL_CHARS: usize = 80;

/// The sub-resources of a contact body. One that is left out stays as it is.
struct Parts<'a> {
    fields: Option<&'a [FieldInput]>,
    phones: Option<&'a [PhoneInput]>,
    addresses: Option<&'a [StreetAddress]>,
    lists: Option<&'a [Id]>,
    tags: Option<&'a [Id]>,
    notes: Option<&'a [NoteInput]>,
}

macro_rules! parts {
    ($input:expr) => {
        Parts {
            fields: $input.custom_fields.as_ref().map(|items| items.items()),
            phones: $input.phone_numbers.as_ref().map(|items| items.items()),
            addresses: $input.street_addresses.as_ref().map(|items| items.items()),
            lists: $input.list_memberships.as_ref().map(|items| items.items()),
            tags: $input.taggings.as_ref().map(|items| items.items()),
            notes: $input.notes.as_ref().map(|items| items.items()),
        }
    };
}

/// The address of a nested input, checked.
pub fn email_of(input: Option<&EmailInput>) -> Result<Option<Email>, Refusal> {
    let parsed = input.map(|email| Email::parse(email.address.as_str(), EMAIL_CHARS));
    Ok(parsed.transpose()?)
}

impl World {
    pub fn create_contact(
        &mut self,
        account: usize,
        input: &NewContact,
        scene: &mut Scene<'_>,
    ) -> Result<&Contact, Refusal> {
        let email = email_of(input.email_address.as_ref())?;
        let named = input.first_name.is_some() || input.last_name.is_some();
        if email.is_none() && !named && input.sms_channel.is_none() {
            return Err(Refusal::Invalid(
                "One of email_address, first_name, last_name or sms_channel is required".into(),
            ));
        }
        let birthday = birthday(input.birthday_month, input.birthday_day)?;
        self.guard_address(email.as_ref(), scene)?;
        let account = &mut self.accounts[account];
        account.refuse_known(email.as_ref(), None)?;
        let parts = parts!(input);
        account.check(&parts, scene)?;
        let text = email.as_ref().map(Email::as_str);
        let mut contact = Contact::new(text, input.create_source, scene.now, scene.dice);
        let asked = input
            .email_address
            .as_ref()
            .and_then(|email| email.permission_to_send);
        if email.is_some() {
            let permission = granted(asked, account.confirmed_opt_in)?;
            contact.permit(permission, input.create_source, scene.now);
        }
        contact.first_name = input.first_name.clone().map(Text::into_string);
        contact.last_name = input.last_name.clone().map(Text::into_string);
        contact.job_title = input.job_title.clone().map(Text::into_string);
        contact.company_name = input.company_name.clone().map(Text::into_string);
        contact.anniversary = input
            .anniversary
            .as_ref()
            .map(|day| day.as_str().to_owned());
        contact.birthday = birthday;
        let sms = input.sms_channel.as_ref();
        contact.sms_address = sms.map(|sms| sms.full_sms_address.as_str().to_owned());
        parts.apply(&mut contact, input.create_source, scene);
        let at = account.keep(contact);
        Ok(&account.contacts[at])
    }

    /// Replaces every top-level property; what is left out becomes null.
    pub fn update_contact(
        &mut self,
        account: usize,
        id: Uuid,
        input: &UpdatedContact,
        scene: &mut Scene<'_>,
    ) -> Result<&Contact, Refusal> {
        let email = email_of(input.email_address.as_ref())?;
        let birthday = birthday(input.birthday_month, input.birthday_day)?;
        let at = self.accounts[account].position(id)?;
        self.guard_address(email.as_ref(), scene)?;
        let account = &mut self.accounts[account];
        account.refuse_known(email.as_ref(), Some(at))?;
        if account.contacts[at].deleted_at.is_some() && input.update_source != Source::Account {
            return Err(Refusal::Invalid(
                "update_source must be Account to restore a deleted contact".into(),
            ));
        }
        let parts = parts!(input);
        account.check(&parts, scene)?;
        if let Some(email) = &email {
            account.readdress(at, email);
        }
        let contact = &mut account.contacts[at];
        if let Some(asked) = input
            .email_address
            .as_ref()
            .and_then(|e| e.permission_to_send)
        {
            change_permission(contact, asked, input.update_source, scene)?;
        }
        contact.deleted_at = None;
        contact.first_name = input.first_name.clone().map(Text::into_string);
        contact.last_name = input.last_name.clone().map(Text::into_string);
        contact.job_title = input.job_title.clone().map(Text::into_string);
        contact.company_name = input.company_name.clone().map(Text::into_string);
        contact.anniversary = input
            .anniversary
            .as_ref()
            .map(|day| day.as_str().to_owned());
        contact.birthday = birthday;
        contact.update_source = input.update_source;
        contact.updated_at = scene.now;
        parts.apply(contact, input.update_source, scene);
        contact.note(scene.now, format!("updated by {:?}", input.update_source));
        Ok(&account.contacts[at])
    }

    pub fn delete_contact(
        &mut self,
        account: usize,
        id: Uuid,
        scene: &Scene<'_>,
    ) -> Result<(), Refusal> {
        let account = &mut self.accounts[account];
        let at = account.position(id)?;
        let contact = &mut account.contacts[at];
        if contact.deleted_at.is_some() {
            return Err(Refusal::NotFound("The contact was not found.".into()));
        }
        contact.delete(scene.now);
        Ok(())
    }

    /// Sends the one mail that asks an unsubscribed contact to come back.
    pub fn resubscribe(
        &mut self,
        account: usize,
        id: Uuid,
        input: &Resubscribe,
        scene: &Scene<'_>,
    ) -> Result<&Contact, Refusal> {
        let account = &mut self.accounts[account];
        let at = account.position(id)?;
        account.check_lists(input.list_ids.items(), scene)?;
        let contact = &mut account.contacts[at];
        if contact.permission != Permission::Unsubscribed {
            return Err(Refusal::Conflict("The contact is not unsubscribed.".into()));
        }
        if contact.resubscribe_sent {
            return Err(Refusal::Conflict(
                "A resubscribe email was already sent to this contact.".into(),
            ));
        }
        contact.resubscribe_sent = true;
        contact.join(input.list_ids.items().iter().map(|id| id.0));
        contact.updated_at = scene.now;
        contact.note(scene.now, "resubscribe mail sent");
        Ok(&account.contacts[at])
    }
}

impl Account {
    fn position(&self, id: Uuid) -> Result<usize, Refusal> {
        let known = self.by_id.get(&id).copied();
        known.ok_or_else(|| Refusal::NotFound("The contact was not found.".into()))
    }

    /// Once an address was a contact, deleted or not, another cannot have it.
    fn refuse_known(&self, email: Option<&Email>, own: Option<usize>) -> Result<(), Refusal> {
        let holder = email.and_then(|email| self.by_email.get(&email.key()));
        match holder {
            Some(at) if Some(*at) != own => Err(Refusal::Conflict(format!(
                "Validation failed: Email already exists for contact {}",
                self.contacts[*at].id
            ))),
            _ => Ok(()),
        }
    }

    fn readdress(&mut self, at: usize, email: &Email) {
        if let Some(old) = self.contacts[at].email.replace(email.as_str().to_owned()) {
            self.by_email.remove(&old.to_ascii_lowercase());
        }
        self.by_email.insert(email.key(), at);
    }

    fn check(&self, parts: &Parts<'_>, scene: &Scene<'_>) -> Result<(), Refusal> {
        self.check_lists(parts.lists.unwrap_or_default(), scene)?;
        for input in parts.fields.unwrap_or_default() {
            let field = input.custom_field_id.0;
            match (&input.value, &input.choice_ids) {
                (Some(value), None) => self.check_value(field, value.as_str())?,
                (None, Some(choices)) => self.check_choices(field, &numbers(choices)?)?,
                _ => {
                    return Err(Refusal::Invalid(
                        "custom_fields needs either value or choice_ids".into(),
                    ));
                }
            }
        }
        let known = |id: &&Id| self.tags.iter().any(|tag| tag.id == id.0);
        match parts.tags.unwrap_or_default().iter().find(|id| !known(id)) {
            Some(id) => Err(Refusal::Invalid(format!("tag_id {} does not exist", id.0))),
            None => Ok(()),
        }
    }
}

fn numbers(choices: &[ChoiceId]) -> Result<Vec<u64>, Refusal> {
    let numbers = choices.iter().map(ChoiceId::number).collect::<Option<_>>();
    numbers.ok_or_else(|| Refusal::Invalid("choice_ids does not have a valid value".into()))
}

impl Parts<'_> {
    fn apply(&self, contact: &mut Contact, source: Source, scene: &mut Scene<'_>) {
        let now = scene.now;
        for input in self.fields.unwrap_or_default() {
            let choices = input
                .choice_ids
                .iter()
                .flatten()
                .filter_map(ChoiceId::number);
            contact.put_field(FieldData {
                field: input.custom_field_id.0,
                value: input.value.as_ref().map(|value| value.as_str().to_owned()),
                choices: choices.collect(),
            });
        }
        if let Some(phones) = self.phones {
            let phone = |input: &PhoneInput| Phone {
                id: scene.dice.uuid(),
                number: input.phone_number.as_str().to_owned(),
                kind: input.kind,
                source,
                created_at: now,
            };
            contact.phones = phones.iter().map(phone).collect();
        }
        if let Some(addresses) = self.addresses {
            let address = |input| Address::from_input(input, scene);
            contact.addresses = addresses.iter().map(address).collect();
        }
        if let Some(lists) = self.lists {
            contact.lists = Vec::new();
            contact.join(lists.iter().map(|id| id.0));
        }
        if let Some(tags) = self.tags {
            contact.tags = tags.iter().map(|id| id.0).collect();
        }
        if let Some(notes) = self.notes {
            let note =
                |input: &NoteInput| (scene.dice.uuid(), now, input.content.as_str().to_owned());
            contact.notes = notes.iter().map(note).collect();
        }
    }
}

/// The permission a new contact starts with; the API sets the other kinds itself.
fn granted(asked: Option<Permission>, confirmed_opt_in: bool) -> Result<Permission, Refusal> {
    match asked {
        Some(Permission::Explicit) if confirmed_opt_in => Ok(Permission::PendingConfirmation),
        None => Ok(Permission::Implicit),
        Some(Permission::Unsubscribed | Permission::TempHold) => Err(Refusal::Invalid(
            "permission_to_send does not have a valid value".into(),
        )),
        Some(asked) => Ok(asked),
    }
}

/// A contact that opted out itself comes back only by its own act.
fn change_permission(
    contact: &mut Contact,
    asked: Permission,
    source: Source,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    if asked == contact.permission {
        return Ok(());
    }
    if asked == Permission::Unsubscribed {
        contact.unsubscribe(source, None, scene.now);
        return Ok(());
    }
    let own_choice = contact.permission == Permission::Unsubscribed
        && contact.opt_out_source == Some(Source::Contact);
    if own_choice && source != Source::Contact {
        return Err(Refusal::Invalid(
            "permission_to_send cannot be changed for a contact that unsubscribed".into(),
        ));
    }
    contact.permit(asked, source, scene.now);
    Ok(())
}
