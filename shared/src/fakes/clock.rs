use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use jiff::{SignedDuration, Timestamp};

use crate::locked;
use crate::ports::Clock;

/// A clock whose time moves only when it is advanced.
///
/// An [auto-advancing](Self::auto_advancing) one jumps to the end of each wait, which suits a test of one use case. On a
/// [manual](Self::manual) one, waiting tasks are parked, and a simulation that finds all of them parked calls
/// [`advance_to_next`](Self::advance_to_next).
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    now: Timestamp,
    auto_advances: bool,
    /// The waiting tasks, by their moment and the order in which they began to wait.
    parked: BTreeMap<(Timestamp, u64), Waker>,
    sleeps: u64,
}

impl VirtualClock {
    /// A clock on which waiting takes no time and advances it.
    #[must_use]
    pub fn auto_advancing(now: Timestamp) -> Self {
        Self::new(now, true)
    }

    /// A clock on which waiting tasks are parked.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self::new(now, false)
    }

    fn new(now: Timestamp, auto_advances: bool) -> Self {
        Self(Arc::new(Mutex::new(Time {
            now,
            auto_advances,
            parked: BTreeMap::new(),
            sleeps: 0,
        })))
    }

    /// Advances the time and wakes the tasks that waited for it.
    pub fn advance(&self, by: SignedDuration) {
        let mut time = self.time();
        let moment = time.now + by;
        time.reach(moment);
    }

    /// Advances the time to `moment`, never back.
    pub fn advance_to(&self, moment: Timestamp) {
        self.time().reach(moment);
    }

    /// When the first waiting task wants to wake.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Timestamp> {
        let time = self.time();
        time.parked.keys().next().map(|(moment, _)| *moment)
    }

    /// Advances the time to the next alarm, if any, and returns it.
    pub fn advance_to_next(&self) -> Option<Timestamp> {
        let moment = self.next_alarm()?;
        self.advance_to(moment);
        Some(moment)
    }

    /// Runs work to its end, advancing a standing clock whenever all of the work waits.
    ///
    /// # Panics
    /// If it waits for something other than the time.
    pub fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        struct Woken(AtomicBool);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let mut work = pin!(work);
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return done;
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                self.advance_to_next()
                    .expect("the work waits for something other than the time");
            }
        }
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        locked(&self.0)
    }
}

impl Time {
    fn reach(&mut self, moment: Timestamp) {
        self.now = self.now.max(moment);
        while let Some(first) = self.parked.first_entry() {
            if first.key().0 > self.now {
                break;
            }
            first.remove().wake();
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.time().now
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let parked_task = ParkedTask {
            clock: self,
            key: {
                let mut time = self.time();
                time.sleeps += 1;
                (moment, time.sleeps)
            },
        };
        poll_fn(|context| {
            let mut time = self.time();
            if time.auto_advances {
                time.reach(moment);
            }
            if time.now >= moment {
                return Poll::Ready(());
            }
            time.parked.insert(parked_task.key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A parked task, removed when its wait is dropped, so that the clock does not wake dropped tasks.
struct ParkedTask<'a> {
    clock: &'a VirtualClock,
    key: (Timestamp, u64),
}

impl Drop for ParkedTask<'_> {
    fn drop(&mut self) {
        self.clock.time().parked.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn sleeping_tasks_wake_in_the_order_of_their_moments() {
        let clock = VirtualClock::manual(at(0));
        let woken = Mutex::new(Vec::new());
        let sleep = async |second| {
            clock.sleep_until(at(second)).await;
            woken.lock().unwrap().push((second, clock.now()));
        };
        let drive = async {
            while clock.advance_to_next().is_some() {
                tokio::task::yield_now().await;
            }
        };

        tokio::join!(sleep(20), sleep(10), sleep(0), drive);

        let woken = woken.into_inner().unwrap();
        assert_eq!(woken, [(0, at(0)), (10, at(10)), (20, at(20))]);
    }

    #[tokio::test]
    async fn dropped_sleep_leaves_no_alarm() {
        let clock = VirtualClock::manual(at(0));
        let given_up = async {
            tokio::select! {
                biased;
                () = clock.sleep_until(at(20)) => panic!("the sleep ended although the clock stands"),
                () = tokio::task::yield_now() => {}
            }
        };

        given_up.await;

        assert_eq!(clock.next_alarm(), None);
    }

    #[tokio::test]
    async fn sleeping_advances_a_leaping_clock_and_never_moves_it_back() {
        let clock = VirtualClock::auto_advancing(at(0));

        clock.sleep_until(at(20)).await;
        clock.sleep_until(at(10)).await;

        assert_eq!(clock.now(), at(20));
    }
}
