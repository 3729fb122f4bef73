//! `/contacts`: create, replace, delete, and ask an unsubscribed contact to come back.

use uuid::Uuid;

use super::parts::parts;
use super::{Account, Contact, Context, Refusal, World};
use crate::contract::{
    Email, NewContact, Permission, Resubscribe, Source, Text, UpdatedContact, UpdatedEmail,
    birthday,
};
use crate::settings::UnsubscribedSignUp;

/// The longest address in any contact body except the sign-up's.
const EMAIL_CHARS: usize = 80;

/// The address of a new contact, checked.
pub fn email_of(input: &NewContact) -> Result<Option<Email>, Refusal> {
    let email = input.email_address.as_ref();
    email.map(|email| checked(&email.address)).transpose()
}

fn checked(address: &Text<EMAIL_CHARS>) -> Result<Email, Refusal> {
    Ok(Email::parse(address.as_str(), EMAIL_CHARS)?)
}

impl World {
    pub fn create_contact(
        &mut self,
        account: usize,
        input: &NewContact,
        context: &mut Context<'_>,
    ) -> Result<&Contact, Refusal> {
        let email = email_of(input)?;
        let named = input.first_name.is_some() || input.last_name.is_some();
        if email.is_none() && !named && input.sms_channel.is_none() {
            return Err(Refusal::Invalid(
                "One of email_address, first_name, last_name or sms_channel is required".into(),
            ));
        }
        let birthday = birthday(input.birthday_month, input.birthday_day)?;
        self.guard_address(email.as_ref(), context)?;
        let account = &mut self.accounts[account];
        account.refuse_known(email.as_ref(), None)?;
        let parts = parts!(input);
        account.check(&parts, context)?;
        let text = email.as_ref().map(Email::as_str);
        let mut contact = Contact::new(text, input.create_source, context.now, context.dice);
        let requested = input
            .email_address
            .as_ref()
            .and_then(|email| email.permission_to_send);
        if email.is_some() {
            let permission = initial_permission(requested, account.confirmed_opt_in)?;
            contact.permit(permission, input.create_source, context.now);
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
        parts.apply(&mut contact, input.create_source, context);
        let at = account.add_contact(contact);
        Ok(&account.contacts[at])
    }

    /// Replaces every top-level property; omitted ones become null.
    pub fn update_contact(
        &mut self,
        account: usize,
        id: Uuid,
        input: &UpdatedContact,
        context: &mut Context<'_>,
    ) -> Result<&Contact, Refusal> {
        let new = input.email_address.as_ref();
        let email = new.map(|new| checked(&new.address)).transpose()?;
        let birthday = birthday(input.birthday_month, input.birthday_day)?;
        let at = self.accounts[account].position(id)?;
        self.guard_address(email.as_ref(), context)?;
        let account = &mut self.accounts[account];
        account.refuse_known(email.as_ref(), Some(at))?;
        if account.contacts[at].deleted_at.is_some() && input.update_source != Source::Account {
            return Err(Refusal::Invalid(
                "update_source must be Account to restore a deleted contact".into(),
            ));
        }
        let parts = parts!(input);
        account.check(&parts, context)?;
        if let Some(new) = new {
            account.change_permission(at, new, input.update_source, context)?;
        }
        if let Some(email) = &email {
            account.change_email(at, email);
        }
        let contact = &mut account.contacts[at];
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
        contact.updated_at = context.now;
        parts.apply(contact, input.update_source, context);
        contact.note(context.now, format!("updated by {:?}", input.update_source));
        Ok(&account.contacts[at])
    }

    pub fn delete_contact(
        &mut self,
        account: usize,
        id: Uuid,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let account = &mut self.accounts[account];
        let at = account.position(id)?;
        let contact = &mut account.contacts[at];
        if contact.deleted_at.is_some() {
            return Err(Refusal::NotFound("The contact was not found.".into()));
        }
        contact.delete(context.now);
        Ok(())
    }

    /// Sends the single mail that asks an unsubscribed contact to come back.
    pub fn resubscribe(
        &mut self,
        account: usize,
        id: Uuid,
        input: &Resubscribe,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let account = &mut self.accounts[account];
        let at = account.position(id)?;
        account.check_lists(input.list_ids.items(), context)?;
        let contact = &mut account.contacts[at];
        if contact.deleted_at.is_some() {
            return Err(Refusal::Conflict("The contact is deleted.".into()));
        }
        if contact.permission != Permission::Unsubscribed {
            return Err(Refusal::Conflict("The contact is not unsubscribed.".into()));
        }
        if contact.resubscribe_sent {
            return Err(Refusal::Conflict(
                "A resubscribe email was already sent to this contact.".into(),
            ));
        }
        let lists = || input.list_ids.items().iter().map(|id| id.0);
        if !contact.has_room_for_lists(lists()) {
            return Err(Refusal::Invalid("A contact is on at most 50 lists".into()));
        }
        contact.resubscribe_sent = true;
        contact.join(lists());
        contact.updated_at = context.now;
        contact.note(context.now, "resubscribe mail sent");
        Ok(())
    }
}

impl Account {
    fn position(&self, id: Uuid) -> Result<usize, Refusal> {
        let known = self.by_id.get(&id).copied();
        known.ok_or_else(|| Refusal::NotFound("The contact was not found.".into()))
    }

    /// An address that ever was a contact's, deleted or not, cannot be given to another.
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

    /// A contact that opted out itself can only come back by its own action, and only with the confirmation that the
    /// account requires.
    fn change_permission(
        &mut self,
        at: usize,
        new: &UpdatedEmail,
        source: Source,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let contact = &mut self.contacts[at];
        let (now, known) = (context.now, contact.permission);
        let Some(requested) = new.permission_to_send else {
            return Ok(());
        };
        if requested == Permission::Unsubscribed {
            let reason = new.opt_out_reason.clone().map(Text::into_string);
            if known != requested {
                contact.unsubscribe(source, reason, now);
            } else if reason.is_some() {
                contact.opt_out_reason = reason;
            }
            return Ok(());
        }
        if requested == known {
            return Ok(());
        }
        if requested == Permission::TempHold {
            return Err(Refusal::Invalid(
                "permission_to_send does not have a valid value".into(),
            ));
        }
        let own_choice =
            known == Permission::Unsubscribed && contact.opt_out_source == Some(Source::Contact);
        if own_choice && source != Source::Contact {
            return Err(Refusal::Invalid(
                "permission_to_send cannot be changed for a contact that unsubscribed".into(),
            ));
        }
        let confirms = self.confirmed_opt_in && requested == Permission::Explicit;
        let pending_again =
            context.settings.readings.unsubscribed_sign_up == UnsubscribedSignUp::Pending;
        match known {
            Permission::PendingConfirmation if confirms => {}
            Permission::Unsubscribed if confirms && pending_again => {
                contact.permit(Permission::PendingConfirmation, source, now);
            }
            _ => contact.permit(requested, source, now),
        }
        Ok(())
    }

    fn change_email(&mut self, at: usize, email: &Email) {
        if let Some(old) = self.contacts[at].email.replace(email.as_str().to_owned()) {
            self.by_email.remove(&old.to_ascii_lowercase());
        }
        self.by_email.insert(email.key(), at);
    }
}

/// The permission a new contact starts with; the API sets the other kinds itself.
fn initial_permission(
    requested: Option<Permission>,
    confirmed_opt_in: bool,
) -> Result<Permission, Refusal> {
    match requested {
        Some(Permission::Explicit) if confirmed_opt_in => Ok(Permission::PendingConfirmation),
        None => Ok(Permission::Implicit),
        Some(Permission::Unsubscribed | Permission::TempHold) => Err(Refusal::Invalid(
            "permission_to_send does not have a valid value".into(),
        )),
        Some(requested) => Ok(requested),
    }
}
