use jiff::{SignedDuration, Timestamp};

use super::connection::ConnectionSummary;
use super::properties::Fault;
use super::values::{host, id, list, number, one_of, page_url, text};
use super::{Admin, AdminError, Properties};
use crate::app::connect::disconnect;
use crate::app::requeue::requeue_all;
use crate::domain::customer::{BulkImport, Customer, DEFAULT_RETENTION_DAYS, MIN_RETENTION_DAYS};
use crate::domain::form::names_brand;
use crate::domain::ids::{AppId, CustomerId};
use crate::ports::{
    Clock as _, Connections as _, Customers as _, Forms as _, Lanes as _, Page, Requeue,
    StoreError, Wiring, causes,
};

/// Something that the operator stored with `PUT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved<T> {
    /// Its current state.
    pub now: T,
    /// Whether it is new.
    pub created: bool,
}

/// How many rounds of 100 leads deleting a customer sends to the drain.
const CLOSING_ROUNDS: u32 = 10;

/// When the scheduler looks at what still waits for a deleted customer.
const CLOSING_CHECK: SignedDuration = SignedDuration::from_mins(2);

/// The listing for which customers' cursors are signed.
const LISTING: &str = "customers";

impl<W: Wiring> Admin<W> {
    /// Makes a customer, or replaces its settings and keeps everything else.
    ///
    /// # Errors
    /// [`AdminError::CustomerDeleted`]; [`AdminError::Invalid`]; a new brand is refused while an open form has a
    /// statement that does not name it.
    pub async fn put_customer(
        &self,
        id: &CustomerId,
        mut settings: Properties,
    ) -> Result<Saved<Customer>, AdminError> {
        let before = self.directory.customer(id).await?;
        let customer = read(id, before.as_ref(), self.clock.now(), &mut settings);
        if let (Some(before), Some(customer)) = (&before, &customer)
            && before.brand != customer.brand
            && !self.all_forms_name(customer).await?
        {
            let message = "an open form has a consent statement that does not name this brand";
            settings.refuse("brand", Fault::new("brand_not_named", message));
        }
        let customer = settings.finish(customer)?;
        if !self.directory.put_customer(&customer).await? {
            return Err(AdminError::CustomerDeleted);
        }
        Ok(Saved {
            now: customer,
            created: before.is_none(),
        })
    }

    /// One customer.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn customer(&self, id: &CustomerId) -> Result<Customer, AdminError> {
        let customer = self.directory.customer(id).await?;
        customer.ok_or(AdminError::NotFound("customer"))
    }

    /// Makes sure that there is or was a customer with this id; leads stay when a customer is removed.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub(super) async fn require_ever_existed(&self, id: &CustomerId) -> Result<(), AdminError> {
        let given = self.directory.ever_existed(id).await?;
        given.then_some(()).ok_or(AdminError::NotFound("customer"))
    }

    /// A page of the customers, each with the state of its connection. Two reads.
    ///
    /// # Errors
    /// [`AdminError::Invalid`].
    pub async fn customers(
        &self,
        mut query: Properties,
    ) -> Result<Page<(Customer, ConnectionSummary)>, AdminError> {
        let (from, limit) = self.page_request(LISTING, &mut query);
        query.finish(Some(()))?;
        let page = self.directory.customers(from.as_deref(), limit).await?;
        let ids = page.items.iter().map(|customer| customer.id.clone());
        let mut connections = self.directory.connections_of(&ids.collect()).await?;
        let summary = |customer: Customer| {
            let summary = ConnectionSummary::of(connections.remove(&customer.id));
            (customer, summary)
        };
        let page = Page {
            items: page.items.into_iter().map(summary).collect(),
            next: page.next,
        };
        Ok(self.signed_page(LISTING, page))
    }

    /// Removes a customer: its connection first, so that nothing more goes out, then its forms, then the customer
    /// itself, then the connection and forms again, as they may have just been made; if one is made later, its maker
    /// finds the customer gone. The id is never given again: a new customer would find the leads and links of the old
    /// one. Leads stay in the ledger; those that wait are sent to the drain, which refuses them. A mark to look at them
    /// is written before anything else, since a removed customer cannot be removed again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn delete_customer(&self, id: &CustomerId) -> Result<(), AdminError> {
        self.customer(id).await?;
        let look_at = self.clock.now() + CLOSING_CHECK;
        self.ledger.mark_lane(id, look_at).await?;
        self.forget_connection(id).await?;
        self.remove_forms(id).await?;
        self.directory.delete_customer(id).await?;
        if let Err(error) = self.forget_connection(id).await {
            tracing::error!(
                customer.id = %id, error = %causes(&error),
                "a deleted customer may have been connected meanwhile"
            );
        }
        if let Err(error) = self.remove_forms(id).await {
            tracing::error!(
                customer.id = %id, error = %causes(&error),
                "a deleted customer may have been given a form meanwhile"
            );
        }
        if let Err(error) = self.close_waiting(id).await {
            tracing::warn!(
                customer.id = %id, error = %causes(&error),
                "leads of a deleted customer go on waiting"
            );
        }
        Ok(())
    }

    async fn remove_forms(&self, id: &CustomerId) -> Result<(), StoreError> {
        for form in self.directory.forms_of(id).await? {
            self.remove_form(&form).await?;
        }
        Ok(())
    }

    /// Ends a connection and deletes its tokens, even if its row has yet to be written or never was.
    async fn forget_connection(&self, id: &CustomerId) -> Result<(), StoreError> {
        let now = self.clock.now();
        disconnect(&self.directory, &self.vault, &self.events, id, now).await
    }

    /// Sends what waits to the drain, as far as one request can; the scheduler does the rest.
    async fn close_waiting(&self, id: &CustomerId) -> Result<(), StoreError> {
        self.ledger.mark_lane(id, self.clock.now()).await?;
        for _ in 0..CLOSING_ROUNDS {
            let waiting = self.ledger.waiting(id, None, 100).await?.into_iter();
            let leads: Vec<_> = waiting
                .map(|(lead, due)| (lead, Requeue::Waits(due)))
                .collect();
            if leads.is_empty() {
                break;
            }
            requeue_all(&self.ledger, &self.queue, id, &leads, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn all_forms_name(&self, customer: &Customer) -> Result<bool, AdminError> {
        let forms = self.directory.forms_of(&customer.id).await?;
        let mut open = forms.iter().filter(|form| form.open);
        Ok(open.all(|form| names_brand(&form.statement().text, &customer.brand)))
    }
}

fn read(
    id: &CustomerId,
    before: Option<&Customer>,
    now: Timestamp,
    from: &mut Properties,
) -> Option<Customer> {
    let name = from.required("name", text(100));
    let brand = from.required("brand", text(100));
    let app = from.optional("app_id", self::id);
    let return_url = from.optional("return_url", page_url);
    let return_hosts = from.optional("return_hosts", list(20, host));
    let known = [
        ("never", BulkImport::Never),
        ("when_over_budget", BulkImport::WhenOverBudget),
    ];
    let bulk_import = from.optional("bulk_import", one_of(known));
    let retention_days = from.optional(
        "retention_days",
        number(u32::from(MIN_RETENTION_DAYS)..=3_650),
    );
    Some(Customer {
        id: id.clone(),
        name: name?,
        brand: brand?,
        app: app.unwrap_or_else(AppId::default_app),
        return_url,
        return_hosts: return_hosts.unwrap_or_default(),
        bulk_import: bulk_import.unwrap_or(BulkImport::Never),
        retention_days: retention_days
            .and_then(|days| u16::try_from(days).ok())
            .unwrap_or(DEFAULT_RETENTION_DAYS),
        created_at: before.map_or(now, |before| before.created_at),
    })
}
