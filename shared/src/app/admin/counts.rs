use jiff::ToSpan as _;
use jiff::civil::Date;

use super::values::day;
use super::{Admin, AdminError, Invalid, Properties};
use crate::domain::ids::CustomerId;
use crate::domain::lead::FieldError;
use crate::domain::tally::Tally;
use crate::domain::utc_day;
use crate::ports::{Clock as _, Tallies as _, Wiring};

/// The most days counted at once: a quarter of a year.
const MOST: i32 = 92;

/// How many days if the request does not say, as on the customer's page.
const USUAL: i32 = 30;

/// What the leads of a range of days became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The first day.
    pub since: Date,
    /// The last day.
    pub until: Date,
    /// The days on which leads came in, oldest first.
    pub days: Vec<Tally>,
}

impl<W: Wiring> Admin<W> {
    /// What a customer's leads became, by the UTC day on which they came in; also for a removed customer.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn counts(
        &self,
        customer: &CustomerId,
        mut query: Properties,
    ) -> Result<Counted, AdminError> {
        self.require_ever_existed(customer).await?;
        let since = query.optional("since", day);
        let until = query.optional("until", day);
        query.expect_empty()?;
        let today = utc_day(self.clock.now());
        let until = until.unwrap_or(today);
        let since = since.unwrap_or_else(|| until.saturating_sub((USUAL - 1).days()));
        if since > until || until.saturating_sub(MOST.days()) >= since {
            return Err(out_of_range().into());
        }
        let mut days = self.directory.tallies(customer).await?;
        days.retain(|tally| (since..=until).contains(&tally.day));
        Ok(Counted { since, until, days })
    }
}

fn out_of_range() -> Invalid {
    let fault = FieldError {
        field: "since".to_owned(),
        code: "out_of_range",
        message: format!(
            "this has to be `until` or one of the {} days before it",
            MOST - 1
        ),
    };
    Invalid {
        errors: vec![fault],
    }
}
