use std::collections::VecDeque;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::account_state::{AccountState, invalid};
use super::{FakeCrm, World};
use crate::domain::connection::{Catalog, ContactList, CustomField};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::lead::Permission;
use crate::domain::utc_day;
use crate::ports::{
    AccountSummary, Accounts, Clock as _, Contacts, CreateOutcome, Found, OptOuts, SignUp, SignedUp,
};

/// A call that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `POST /contacts/sign_up_form`.
    SignUp,
    /// `POST /contacts`.
    Make,
    /// `GET /contacts/{id}`.
    Read,
    /// `PUT /contacts/{id}`.
    Replace,
    /// `GET /contacts` for one address.
    Find,
    /// `GET /contacts` for all who opted out.
    OptOuts,
    /// `GET /account/summary`.
    Summary,
    /// `GET /account/user/privileges`.
    Privileges,
    /// `GET /contact_lists`.
    Lists,
    /// `GET /contact_lists/{id}`.
    List,
    /// `GET /contact_custom_fields`.
    CustomFields,
    /// `POST /contact_lists`.
    CreateList,
    /// `POST /activities/contacts_json_import`.
    Import,
    /// `GET /activities`, one or all.
    Activity,
    /// `GET /contacts` for all who changed.
    Changed,
    /// `GET /contacts` for all who were deleted.
    Deleted,
    /// `POST /token` with a code.
    Exchange,
    /// `POST /token` with a refresh token.
    Refresh,
}

/// Limits of each application; `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoteLimits {
    /// API calls in any second.
    pub per_second: Option<usize>,
    /// API calls in a UTC day.
    pub per_day: Option<usize>,
    /// Calls of the token endpoint in any second.
    pub tokens_per_second: Option<usize>,
}

/// What an application has used of its limits. Refused calls cost nothing.
#[derive(Debug, Default)]
pub(super) struct Meter {
    second: VecDeque<Timestamp>,
    tokens: VecDeque<Timestamp>,
    day: Option<Date>,
    spent: usize,
}

fn take_slot(second: &mut VecDeque<Timestamp>, limit: Option<usize>, now: Timestamp) -> bool {
    second.retain(|call| now.duration_since(*call) < SignedDuration::from_secs(1));
    let room = limit.is_none_or(|limit| second.len() < limit);
    if room {
        second.push_back(now);
    }
    room
}

impl Meter {
    fn call(&mut self, limits: RemoteLimits, now: Timestamp) -> Result<(), CrmError> {
        let today = utc_day(now);
        if self.day.replace(today) != Some(today) {
            self.spent = 0;
        }
        if limits.per_day.is_some_and(|limit| self.spent >= limit) {
            return Err(CrmError::QuotaExceeded);
        }
        if !take_slot(&mut self.second, limits.per_second, now) {
            return Err(CrmError::THROTTLED);
        }
        self.spent += 1;
        Ok(())
    }

    pub(super) fn token_call(&mut self, limits: RemoteLimits, now: Timestamp) -> bool {
        take_slot(&mut self.tokens, limits.tokens_per_second, now)
    }
}

impl World {
    /// Admits a call and returns the account that it is for.
    fn admit(
        &mut self,
        call: Call,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<String, CrmError> {
        self.calls.push((now, call));
        let issued = self.access.get(token.expose_secret());
        let issued = issued
            .filter(|issued| issued.ends > now)
            .ok_or(CrmError::Unauthorized)?;
        let meter = self.meters.entry(issued.client_id.clone()).or_default();
        meter.call(self.limits, now)?;
        if !issued.covers(call) {
            return Err(CrmError::Forbidden);
        }
        Ok(issued.account.clone())
    }
}

impl FakeCrm {
    /// One call of the API.
    pub(super) async fn call<R>(
        &self,
        call: Call,
        token: &SecretString,
        work: impl FnOnce(&mut World, &str, Timestamp) -> Result<R, CrmError>,
    ) -> Result<R, CrmError> {
        let step = |world: &mut World| {
            let now = self.clock.now();
            let account = world.admit(call, token, now)?;
            let own = world.answers_to.get_mut(&call);
            let own = own.and_then(VecDeque::pop_front);
            match own.or_else(|| world.answers.pop_front()) {
                None => work(world, &account, now),
                Some(CrmError::AnswerLost) => {
                    work(world, &account, now).and(Err(CrmError::AnswerLost))
                }
                Some(error) => Err(error),
            }
        };
        let answer = self.world.try_step(step).await;
        if let Some(by) = self.world.with(|world| world.slow.get(&call).copied()) {
            self.clock.sleep_until(self.clock.now() + by).await;
        }
        answer
    }

    async fn look<R>(
        &self,
        call: Call,
        token: &SecretString,
        privilege: Option<&str>,
        look: impl FnOnce(&mut AccountState) -> R,
    ) -> Result<R, CrmError> {
        self.call(call, token, |world, account, _| {
            let state = world.account_state(account);
            state.allows(privilege)?;
            Ok(look(state))
        })
        .await
    }
}

impl Contacts for FakeCrm {
    async fn sign_up(&self, token: &SecretString, sign_up: &SignUp) -> Result<SignedUp, CrmError> {
        self.call(Call::SignUp, token, |world, account, now| {
            world.count_sign_up(&sign_up.contact.email, now)?;
            let id = world.next_id();
            let state = world.account_state(account);
            state.allows(Some("contacts:write"))?;
            if !sign_up.contact.email.fits_sign_up() {
                return Err(invalid("email_address is too long"));
            }
            state.sign_up(sign_up, id, now)
        })
        .await
    }

    async fn make(
        &self,
        token: &SecretString,
        sign_up: &SignUp,
        permission: Permission,
    ) -> Result<CreateOutcome, CrmError> {
        self.call(Call::Make, token, |world, account, now| {
            world.count_sign_up(&sign_up.contact.email, now)?;
            let id = world.next_id();
            let state = world.account_state(account);
            state.allows(Some("contacts:write"))?;
            match state.contact(&sign_up.contact.email) {
                Some(known) => Ok(CreateOutcome::Known(known.id.clone())),
                None => state
                    .make(sign_up, permission, id, now)
                    .map(CreateOutcome::New),
            }
        })
        .await
    }

    async fn replace(
        &self,
        token: &SecretString,
        contact: &RemoteId,
        sign_up: &SignUp,
    ) -> Result<SignedUp, CrmError> {
        let email = &sign_up.contact.email;
        let is_known = |state: &mut AccountState| {
            state
                .contact(email)
                .is_some_and(|known| known.id == *contact)
        };
        let read = self.look(Call::Read, token, Some("contacts:read"), is_known);
        if !read.await? {
            return Err(CrmError::NotFound(Refusal::default()));
        }
        self.call(Call::Replace, token, |world, account, now| {
            world.count_sign_up(&sign_up.contact.email, now)?;
            let id = world.next_id();
            let state = world.account_state(account);
            state.allows(Some("contacts:write"))?;
            let (fitting, left_out) = state.fitting(sign_up);
            let signed_up = state.sign_up(&fitting, id, now)?;
            Ok(SignedUp {
                left_out,
                ..signed_up
            })
        })
        .await
    }

    async fn find(
        &self,
        token: &SecretString,
        email: &EmailAddress,
    ) -> Result<Option<Found>, CrmError> {
        let look = |state: &mut AccountState| state.contact(email).map(Found::from);
        self.look(Call::Find, token, Some("contacts:read"), look)
            .await
    }

    async fn opt_outs_since(
        &self,
        token: &SecretString,
        since: Timestamp,
    ) -> Result<Option<OptOuts>, CrmError> {
        let look = |state: &mut AccountState| {
            let gone = state.opt_outs_since(since);
            (gone.len() <= 500).then_some(gone)
        };
        self.look(Call::OptOuts, token, Some("contacts:read"), look)
            .await
    }
}

impl Accounts for FakeCrm {
    async fn summary(&self, token: &SecretString) -> Result<AccountSummary, CrmError> {
        let privileges = self
            .look(Call::Privileges, token, None, |state| {
                state.privileges.clone()
            })
            .await?;
        let account = self
            .look(Call::Summary, token, None, |state| state.account.clone())
            .await?;
        Ok(AccountSummary {
            account: Some(account),
            privileges,
        })
    }

    async fn catalog(&self, token: &SecretString) -> Result<Catalog, CrmError> {
        let lists = self
            .look(Call::Lists, token, Some("contacts:lists:read"), |state| {
                state.catalog.lists.clone()
            })
            .await?;
        Ok(Catalog {
            lists,
            custom_fields: self.custom_fields(token).await?,
        })
    }

    async fn custom_fields(&self, token: &SecretString) -> Result<Vec<CustomField>, CrmError> {
        let look = |state: &mut AccountState| state.catalog.custom_fields.clone();
        self.look(Call::CustomFields, token, Some("contacts:read"), look)
            .await
    }

    async fn has_list(&self, token: &SecretString, list: &RemoteId) -> Result<bool, CrmError> {
        let look = |state: &mut AccountState| state.catalog.lists.iter().any(|own| own.id == *list);
        self.look(Call::List, token, Some("contacts:lists:read"), look)
            .await
    }

    async fn create_list(&self, token: &SecretString, name: &str) -> Result<ContactList, CrmError> {
        self.call(Call::CreateList, token, |world, account, _| {
            let id = world.next_id();
            let state = world.account_state(account);
            state.allows(Some("contacts:lists:write"))?;
            if state.catalog.lists.iter().any(|list| list.name == name) {
                return Err(CrmError::Conflict(Refusal::default()));
            }
            Ok(state.add_list(id, name))
        })
        .await
    }
}
