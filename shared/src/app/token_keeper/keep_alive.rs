//! Keep-alive: refreshing the tokens of connections that nobody uses, so that they do not lapse.

use jiff::{SignedDuration, Timestamp};

use super::{AccessError, TokenKeeper};
use crate::ports::{Clock as _, Connections as _, StoreError, Wiring, causes};

/// How many connections are refreshed in one run. The token endpoint accepts one call a second, and deliveries come
/// first; at one run a minute this is thousands a day, and a connection has four months.
const PER_RUN: usize = 5;

/// How long a connection that could not be refreshed lets the others go first: as long as thousands of them take, so
/// that however many fail, none that works is hidden behind them.
const RETRY_FAILED_AFTER: SignedDuration = SignedDuration::from_hours(24);

impl<W: Wiring> TokenKeeper<W> {
    /// Refreshes a few connections that were idle for more than a month, and begins none that might be cut off at
    /// `end`, which may cost the connection. Returns how many have a new token.
    ///
    /// # Errors
    /// [`StoreError`] if idle connections could not be found.
    pub async fn keep_alive(&self, end: Timestamp) -> Result<usize, StoreError> {
        let (mut kept, now) = (0, self.clock.now());
        let tried = self.cache.tried_since(now - RETRY_FAILED_AFTER);
        let limit = u16::try_from(PER_RUN + tried.len()).unwrap_or(u16::MAX);
        let idle = self.directory.idle(now, limit).await?;
        let others = idle.into_iter().filter(|idle| !tried.contains(idle));
        for customer in others.take(PER_RUN) {
            if !self.has_time(end) {
                break;
            }
            self.cache.try_at(&customer, now);
            match self.access(&customer, None, end).await {
                Ok(_) => kept += 1,
                // It needs a reconnect, which the keeper has already published.
                Err(AccessError::Waits(_)) => {}
                Err(error) => tracing::warn!(
                    customer.id = %customer, error = %causes(&error),
                    "an idle connection was not kept alive"
                ),
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::scene::Scene;
    use crate::domain::connection::Connection;
    use crate::fakes::Call;

    #[tokio::test]
    async fn idle_connection_is_refreshed_long_before_its_refresh_token_expires() {
        let scene = Scene::connected().await;
        let keeper = scene.memory.keeper();
        let mut refreshed_on = Vec::new();
        for day in 1..=365 {
            scene.memory.clock.advance(SignedDuration::from_hours(24));
            if keeper.keep_alive(Timestamp::MAX).await.unwrap() > 0 {
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
    async fn connections_that_cannot_be_refreshed_do_not_block_the_others() {
        let scene = Scene::connected().await;
        let working = scene.memory.directory.peek(&scene.customer).unwrap();
        // More than can be tried within an hour.
        for n in 0..61 * PER_RUN {
            // In the order of the keys they come before "engines". Nobody has stored their application.
            let broken = Connection {
                customer: format!("broken-{n}").parse().unwrap(),
                app: "unknown".parse().unwrap(),
                ..working.clone()
            };
            scene.memory.put_connected(broken, "client").await;
        }
        let keeper = scene.memory.keeper();
        let clock = &scene.memory.clock;
        clock.advance(SignedDuration::from_hours(24 * 70));

        let mut kept = 0;
        for _ in 0..62 {
            kept += keeper.keep_alive(Timestamp::MAX).await.unwrap();
            clock.advance(SignedDuration::from_mins(1));
        }

        assert_eq!(kept, 1);
    }

    #[tokio::test]
    async fn unreadable_connection_does_not_block_the_others() {
        let scene = Scene::connected().await;
        let directory = &scene.memory.directory;
        let unreadable = Connection {
            customer: "broken".parse().unwrap(),
            ..directory.peek(&scene.customer).unwrap()
        };
        assert!(directory.put_connection(&unreadable).await.unwrap());
        directory.make_unreadable(&unreadable.customer);
        let clock = &scene.memory.clock;
        clock.advance(SignedDuration::from_hours(24 * 70));

        let idle = directory.idle(clock.now(), 9).await.unwrap();
        let kept = scene.memory.keeper().keep_alive(Timestamp::MAX).await;

        assert_eq!(idle, [scene.customer]);
        assert_eq!(kept.unwrap(), 1);
    }

    #[tokio::test]
    async fn keep_alive_starts_no_refresh_without_enough_time_left() {
        let scene = Scene::connected().await;
        let clock = &scene.memory.clock;
        clock.advance(SignedDuration::from_hours(24 * 70));

        let keeper = scene.memory.keeper();
        let kept = async |left| {
            let end = clock.now() + SignedDuration::from_secs(left);
            keeper.keep_alive(end).await.unwrap()
        };

        assert_eq!(kept(29).await, 0);
        assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
        assert_eq!(kept(30).await, 1);
    }

    #[tokio::test]
    async fn connection_idle_for_less_than_a_month_is_not_refreshed() {
        let scene = Scene::connected().await;
        let keeper = scene.memory.keeper();

        for _ in 0..20 {
            assert_eq!(keeper.keep_alive(Timestamp::MAX).await.unwrap(), 0);
            scene.memory.clock.advance(SignedDuration::from_hours(24));
        }

        assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    }
}
