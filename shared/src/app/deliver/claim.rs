//! Claiming the leads that a batch asks for.

use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::batch::LeadRequest;
use crate::app::intake::under_new_id;
use crate::app::moment::CALL_TAKES;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState};
use crate::ports::{Claim, Claims, Clock, Erasures as _, Ledger, StoreError, Wiring, causes};

/// How long a claim lasts. What a slow ledger leaves of a batch is redelivered, so that there is time for the calls of
/// the rest.
const CLAIM_FOR: SignedDuration = SignedDuration::from_secs(20);

impl<W: Wiring> Drain<W> {
    /// Claims leads of a customer for as long as there is time. Returns the messages of the others, to be redelivered.
    pub(super) async fn claim_all(
        &self,
        customer: &CustomerId,
        requests: Vec<LeadRequest>,
        owner: &str,
        deadline: Timestamp,
    ) -> (Vec<LeadRecord>, Vec<String>) {
        let at = self.keeper.clock.now();
        let (mut claimed, mut redeliver) = (Vec::new(), Vec::new());
        let until = deadline + CALL_TAKES;
        for request in requests {
            if self.keeper.clock.now() >= at + CLAIM_FOR {
                redeliver.extend(request.messages);
                continue;
            }
            let claim = self.claim(customer, &request.lead, request.carried, owner, until);
            match claim.await {
                Ok(record) => claimed.extend(record),
                Err(error) => {
                    tracing::error!(lead.id = %request.lead, error = %causes(&error), "a lead was not claimed");
                    redeliver.extend(request.messages);
                }
            }
        }
        (claimed, redeliver)
    }

    /// Claims one lead. One that came after its person was erased is claimed under another id.
    async fn claim(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        mut carried: Option<Box<Lead>>,
        owner: &str,
        until: Timestamp,
    ) -> Result<Option<LeadRecord>, StoreError> {
        loop {
            let id = carried.as_ref().map_or(lead, |carried| &carried.id);
            let claim = self.claim_as(customer, id, carried.as_deref(), owner, until);
            match claim.await? {
                Claim::Taken(record) => return Ok(Some(*record)),
                Claim::Held | Claim::Missing => return Ok(None),
                Claim::Settled => {}
            }
            let renamed = match &carried {
                Some(lead) => self.came_after_erasure(lead).await?,
                None => None,
            };
            if renamed.is_none() {
                self.tallies.doubt(customer, id);
                return Ok(None);
            }
            carried = renamed.map(Box::new);
        }
    }

    /// Claims a lead by its id. If only its message has it, it is recorded first.
    async fn claim_as(
        &self,
        customer: &CustomerId,
        id: &LeadId,
        carried: Option<&Lead>,
        owner: &str,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let now = self.keeper.clock.now();
        let claim = self.ledger.claim(customer, id, owner, until, now).await?;
        let (Claim::Missing, Some(lead)) = (&claim, carried) else {
            return Ok(claim);
        };
        if self.was_erased(lead).await? {
            return Ok(Claim::Settled);
        }
        self.ledger.record(lead, &LeadState::Queued, until).await?;
        self.ledger.claim(customer, id, owner, until, now).await
    }

    /// Whether the person of a lead that only its message has was erased after it came.
    async fn was_erased(&self, lead: &Lead) -> Result<bool, StoreError> {
        let person = lead.person(&self.keys);
        let erased_at = self.directory.erased_at(&lead.customer, &person).await?;
        Ok(erased_at.is_some_and(|at| lead.received_at <= at))
    }

    /// A settled lead under the id by which it is recorded, if its own is taken by one whose person was erased before
    /// it came: perhaps only its message has it.
    async fn came_after_erasure(&self, lead: &Lead) -> Result<Option<Lead>, StoreError> {
        let record = self.ledger.lead(&lead.customer, &lead.id).await?;
        let is_another = record.is_some_and(|record| record.was_erased_before(lead.received_at));
        Ok(is_another.then(|| under_new_id(lead.clone(), &self.keys)))
    }
}
