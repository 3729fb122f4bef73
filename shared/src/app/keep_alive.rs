//! Using connections that nobody uses, so that their refresh tokens do not lapse.

use crate::app::token_keeper::{AccessError, TokenKeeper};
use crate::ports::{Clock as _, Connections as _, StoreError, Wiring};

/// Connections refreshed in one run. The token endpoint takes one call a second, and deliveries come first; at one
/// run a minute this is thousands a day, and a connection has four months.
const PER_RUN: u16 = 5;

impl<W: Wiring> TokenKeeper<W> {
    /// Refreshes a few connections that were idle for more than a month; tells how many have a new token.
    ///
    /// # Errors
    /// [`StoreError`] where idle connections could not be found.
    pub async fn keep_alive(&self) -> Result<usize, StoreError> {
        let mut kept = 0;
        for customer in self.connections.idle(self.clock.now(), PER_RUN).await? {
            match self.access(&customer, None).await {
                Ok(_) => kept += 1,
                // Buried and told of by the keeper; no longer idle but dead.
                Err(AccessError::Waits(_)) => {}
                Err(error) => tracing::warn!(
                    customer.id = %customer, error = &error as &dyn std::error::Error,
                    "an idle connection was not kept alive"
                ),
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use crate::app::scene::Scene;
    use crate::fakes::Call;

    #[tokio::test]
    async fn a_connection_nobody_uses_is_refreshed_long_before_its_refresh_token_lapses() {
        let scene = Scene::connected().await;
        let keeper = scene.memory.keeper();
        let mut refreshed_on = Vec::new();
        for day in 1..=365 {
            scene.memory.clock.advance(SignedDuration::from_hours(24));
            if keeper.keep_alive().await.unwrap() > 0 {
                refreshed_on.push(day);
            }
        }

        let gaps = refreshed_on.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            gaps.chain(refreshed_on.first().copied())
                .all(|days| (28..=62).contains(&days)),
            "{refreshed_on:?}"
        );
        assert_eq!(scene.memory.crm.count(Call::Refresh), refreshed_on.len());
    }

    #[tokio::test]
    async fn a_connection_in_use_is_left_alone() {
        let scene = Scene::connected().await;
        let keeper = scene.memory.keeper();

        for _ in 0..20 {
            assert_eq!(keeper.keep_alive().await.unwrap(), 0);
            scene.memory.clock.advance(SignedDuration::from_hours(24));
        }

        assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    }
}
