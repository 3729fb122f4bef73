use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::fields::{FieldRules, consent_field, constants, rules};
use super::properties::Fault;
use super::screening::{self, SecretChange};
use super::values::{flag, host, id, list, origin, page_url, secure_url, string, text};
use super::{Admin, AdminError, Properties};
use crate::app::requeue::{mark_lane_soon, release_waiting};
use crate::domain::connection::MAX_LISTS;
use crate::domain::customer::Customer;
use crate::domain::form::{Form, Statement, StatementError, names_brand};
use crate::domain::ids::{CustomerId, FormId};
use crate::domain::screening::Screening;
use crate::ports::{
    CaptchaSecrets as _, Clock as _, Customers as _, Forms as _, SecureRandom as _, StoreError,
    Wiring,
};

/// The most versions of a statement that one form can have: all of them stay in its row.
const MAX_VERSIONS: u32 = 50;

/// The most forms that a customer can have: a listing shows all of them.
const MAX_FORMS: usize = 200;

/// How often a change is tried again because somebody else changed the form meanwhile.
const TRIES: u32 = 5;

impl<W: Wiring> Admin<W> {
    /// Makes a form. Settings of its return page that are not given are taken from its customer.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::TooManyForms`], [`AdminError::Invalid`].
    pub async fn create_form(
        &self,
        customer: &CustomerId,
        mut settings: Properties,
    ) -> Result<Form, AdminError> {
        let customer = self.customer(customer).await?;
        if self.directory.forms_of(&customer.id).await?.len() >= MAX_FORMS {
            return Err(AdminError::TooManyForms);
        }
        let now = self.clock.now();
        let name = settings.required("name", text(100));
        let statement = settings.required("consent_statement", statement_of(&customer, 1, now));
        let mut form = Form {
            id: FormId::at(now, self.random.number()),
            customer: customer.id.clone(),
            name: name.unwrap_or_default(),
            statements: statement.into_iter().collect(),
            consent_field: "consent".to_owned(),
            lists: Vec::new(),
            required: Vec::new(),
            mapped: BTreeMap::new(),
            constants: BTreeMap::new(),
            allowed_origins: Vec::new(),
            return_url: customer.return_url.clone(),
            return_hosts: customer.return_hosts.clone(),
            privacy_url: None,
            webhook_generation: 1,
            screening: Screening::default(),
            open: true,
            signed_only: false,
            created_at: now,
            revision: 0,
        };
        let secret = revise(&mut form, &customer, &mut settings);
        let form = settings.finish(Some(form))?;
        self.store_secret(&form, &secret).await?;
        self.directory.put_form(&form).await?;
        if self.directory.customer(&customer.id).await?.is_none() {
            self.remove_form(&form).await?; // its customer was removed meanwhile
            return Err(AdminError::NotFound("customer"));
        }
        Ok(form)
    }

    /// One form of any customer.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn form(&self, id: &FormId) -> Result<Form, AdminError> {
        let form = self.directory.form(id).await?;
        form.ok_or(AdminError::NotFound("form"))
    }

    /// A customer's forms, oldest first.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn forms(&self, customer: &CustomerId) -> Result<Vec<Form>, AdminError> {
        self.customer(customer).await?;
        Ok(self.directory.forms_of(customer).await?)
    }

    /// Changes a form (RFC 7396). A new consent statement becomes its next version; if the lists change, leads that
    /// wait for one are released. What somebody else changes at the same moment is kept.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`], [`AdminError::FormChanging`].
    pub async fn change_form(&self, id: &FormId, change: Properties) -> Result<Form, AdminError> {
        for _ in 0..TRIES {
            if let Some(form) = self.try_change(id, change.clone()).await? {
                return Ok(form);
            }
        }
        Err(AdminError::FormChanging)
    }

    /// Changes a form as it is now; `None` if somebody else was faster.
    async fn try_change(
        &self,
        id: &FormId,
        mut change: Properties,
    ) -> Result<Option<Form>, AdminError> {
        let mut form = self.form(id).await?;
        let Some(customer) = self.directory.customer(&form.customer).await? else {
            self.remove_form(&form).await?; // it outlived its customer
            return Err(AdminError::NotFound("form"));
        };
        if let Some(name) = change.replacement("name", text(100)) {
            form.name = name;
        }
        let version = form.statement().version + 1;
        let next = statement_of(&customer, version, self.clock.now());
        let next = change.replacement("consent_statement", next);
        if let Some(next) = next.filter(|next| next.text != form.statement().text) {
            form.statements.push(next);
        }
        let lists = form.lists.clone();
        let secret = revise(&mut form, &customer, &mut change);
        let mut form = change.finish(Some(form))?;
        let now = self.clock.now();
        if form.lists != lists {
            mark_lane_soon(&self.ledger, &customer.id, now).await?;
        }
        self.store_secret(&form, &secret).await?;
        if !self.replace(&mut form).await? {
            return Ok(None);
        }
        if let SecretChange::Forget = secret {
            self.captcha.delete_secret(&form.id).await?;
        }
        if form.lists != lists {
            release_waiting(&self.ledger, &self.queue, &customer.id, now).await?;
        }
        Ok(Some(form))
    }

    /// Stores the secret of a form's captcha. It exists before the form that needs it, and is removed after it.
    async fn store_secret(&self, form: &Form, secret: &SecretChange) -> Result<(), StoreError> {
        match secret {
            SecretChange::Store(secret) => self.captcha.store_secret(&form.id, secret).await,
            SecretChange::Keep | SecretChange::Forget => Ok(()),
        }
    }

    /// Stores a changed form, unless somebody else has changed it since it was read. Says whether it did. A request
    /// whose answer was lost is repeated automatically, and then finds its own change.
    async fn replace(&self, form: &mut Form) -> Result<bool, StoreError> {
        form.revision += 1;
        if self.directory.replace_form(form).await? {
            return Ok(true);
        }
        let there = self.directory.form(&form.id).await?;
        Ok(there.is_some_and(|there| there == *form))
    }

    /// Removes a form. Leads that came through it stay.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn delete_form(&self, id: &FormId) -> Result<(), AdminError> {
        let form = self.form(id).await?;
        Ok(self.remove_form(&form).await?)
    }

    /// Removes a form, and the secret of its captcha.
    pub(super) async fn remove_form(&self, form: &Form) -> Result<(), StoreError> {
        self.directory.delete_form(&form.id).await?;
        if form.screening.captcha.is_some() {
            self.captcha.delete_secret(&form.id).await?;
        }
        Ok(())
    }

    /// Gives a form's webhook its next secret. The previous one stays valid until the next rotation.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::FormChanging`].
    pub async fn rotate_webhook(&self, id: &FormId) -> Result<Form, AdminError> {
        for _ in 0..TRIES {
            let mut form = self.form(id).await?;
            form.webhook_generation = form.webhook_generation.saturating_add(1);
            if self.replace(&mut form).await? {
                return Ok(form);
            }
        }
        Err(AdminError::FormChanging)
    }

    /// The newest secret of a form's webhook.
    #[must_use]
    pub fn webhook_secret(&self, form: &Form) -> SecretString {
        self.keys.webhook_secret(&form.id, form.webhook_generation)
    }
}

/// Reads the properties that can be set both when a form is made and when it is changed.
fn revise(form: &mut Form, customer: &Customer, from: &mut Properties) -> SecretChange {
    let lists = from.change("list_ids", list(MAX_LISTS, id));
    lists.apply(&mut form.lists, Vec::new());
    let mut fields = FieldRules {
        required: std::mem::take(&mut form.required),
        mapped: std::mem::take(&mut form.mapped),
    };
    from.change("fields", rules)
        .apply(&mut fields, FieldRules::default());
    (form.required, form.mapped) = (fields.required, fields.mapped);
    let constants = from.change("constants", constants);
    constants.apply(&mut form.constants, BTreeMap::new());
    let origins = from.change("allowed_origins", list(20, origin));
    origins.apply(&mut form.allowed_origins, Vec::new());
    let url = from.change("return_url", |value| page_url(value).map(Some));
    url.apply(&mut form.return_url, customer.return_url.clone());
    let hosts = from.change("return_hosts", list(20, host));
    hosts.apply(&mut form.return_hosts, customer.return_hosts.clone());
    let privacy = from.change("privacy_url", |value| secure_url(value).map(Some));
    privacy.apply(&mut form.privacy_url, None);
    let consent = from.change("consent_field", consent_field);
    consent.apply(&mut form.consent_field, "consent".to_owned());
    from.change("open", flag).apply(&mut form.open, true);
    let signed_only = from.change("signed_only", flag);
    signed_only.apply(&mut form.signed_only, false);
    let secret = screening::revise(form, from);

    for name in form
        .mapped
        .keys()
        .filter(|name| form.screening.is_ours(name))
    {
        let message = "this field tells people from robots, so nobody can fill it in";
        let fault = Fault::new("not_permitted", message).within(&format!(".{name}"));
        from.refuse("fields.mapped", fault);
    }
    if form.mapped.contains_key(&form.consent_field) {
        let message = "the opt-in box cannot be mapped to a field";
        from.refuse("fields.mapped", Fault::new("not_permitted", message));
    }
    if form.screening.honeypot.as_ref() == Some(&form.consent_field) {
        let message = "people have to see the opt-in box";
        from.refuse("spam.honeypot", Fault::new("not_permitted", message));
    }
    let names_brand = |shown: &Statement| names_brand(&shown.text, &customer.brand);
    if form.open && !form.statements.last().is_none_or(names_brand) {
        from.refuse("consent_statement", fault(StatementError::BrandNotNamed));
    }
    secret
}

fn statement_of(
    customer: &Customer,
    version: u32,
    now: Timestamp,
) -> impl Fn(&Value) -> Result<Statement, Fault> {
    move |value| {
        if version > MAX_VERSIONS {
            let message = "the statement was changed 50 times; please make a new form";
            return Err(Fault::new("too_many", message));
        }
        Statement::parse(string(value)?, &customer.brand, version, now).map_err(fault)
    }
}

fn fault(error: StatementError) -> Fault {
    let code = match error {
        StatementError::Missing => "empty",
        StatementError::TooLong => "too_long",
        StatementError::BrandNotNamed => "brand_not_named",
    };
    Fault::new(code, error.to_string())
}
