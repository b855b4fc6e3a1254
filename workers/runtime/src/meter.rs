//! Where the time of a role's jobs goes: waiting for quota, calling, publishing, storing.
//!
//! A job's time is booked on its role by the task it runs in: whoever waits says what for, and needs no handle. Must
//! not know what is called or stored. Outside of a job nothing is booked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

tokio::task_local! {
    static METER: Arc<Meter>;
}

/// How far back rates look.
const WINDOW: Duration = Duration::from_secs(60);

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Waiting for leave to call.
    Quota,
    /// A call is under way.
    Call,
    /// Publishing, or waiting for the confirms.
    Publish,
    /// A bounded queue is full.
    Full,
    /// The store writes.
    Store,
}

/// Does `work` and books its time on the role whose job this is.
pub async fn during<T>(doing: Doing, work: impl Future<Output = T>) -> T {
    let meter = METER.try_with(Arc::clone).ok();
    let _spell = meter.as_ref().map(|meter| meter.doing[doing as usize].begin());
    work.await
}

/// Books documents on the role whose job this is.
pub fn documents(count: usize) {
    // Outside of a job there is nobody to book them on.
    let _ = METER.try_with(|meter| meter.documents.fetch_add(count as u64, Ordering::Relaxed));
}

/// Sums of one role, from its start.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    doing: [Spells; 5],
    permits: Spells,
    documents: AtomicU64,
    samples: Mutex<VecDeque<(Instant, Sums)>>,
}

/// The sums at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    settled: u64,
    documents: u64,
    permits: Spent,
    doing: [Spent; 5],
}

/// Means over the last minute, or since the start when that is shorter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// The seconds they are taken over.
    pub seconds: f64,
    /// Messages settled for good, per second.
    pub settled: f64,
    /// Documents written, per second.
    pub documents: f64,
    /// Permits in use.
    pub busy: f64,
    /// Of these, waiting for leave to call.
    pub waiting_for_quota: f64,
    /// Of these, with a call under way.
    pub calling: f64,
    /// Of these, publishing.
    pub publishing: f64,
    /// Of these, waiting for room in a full queue.
    pub waiting_for_room: f64,
    /// Of these, waiting for the store.
    pub storing: f64,
    /// Calls per second.
    pub calls: f64,
    /// Seconds that a call takes; 0 when there was none.
    pub call_seconds: f64,
    /// Seconds that a bulk takes; 0 when there was none.
    pub bulk_seconds: f64,
}

impl Meter {
    /// Does the work of a job, its time booked here.
    pub(crate) async fn book<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        let _permit = self.permits.begin();
        METER.scope(Arc::clone(self), work).await
    }

    /// Keeps the sums as they are now, for the rates of the next minute.
    pub(crate) fn sample(&self, settled: u64) {
        let now = Instant::now();
        let mut samples = self.samples();
        samples.push_back((now, self.sums(settled)));
        // The oldest one kept is the youngest that is a minute old.
        while samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            samples.pop_front();
        }
    }

    /// Means since the oldest sample.
    pub(crate) fn rates(&self, settled: u64) -> Rates {
        let Some((since, then)) = self.samples().front().copied() else { return Rates::default() };
        self.sums(settled).rates(&then, since.elapsed().as_secs_f64())
    }

    fn sums(&self, settled: u64) -> Sums {
        Sums {
            settled,
            documents: self.documents.load(Ordering::Relaxed),
            permits: self.permits.spent(),
            doing: [0, 1, 2, 3, 4].map(|doing: usize| self.doing[doing].spent()),
        }
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<(Instant, Sums)>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    fn rates(&self, then: &Self, seconds: f64) -> Rates {
        if seconds <= 0.0 {
            return Rates::default();
        }
        let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let mean = |doing: Doing| self.doing[doing as usize].since(&then.doing[doing as usize]);
        let (call, store) = (mean(Doing::Call), mean(Doing::Store));
        Rates {
            seconds,
            settled: per_second(self.settled, then.settled),
            documents: per_second(self.documents, then.documents),
            busy: self.permits.since(&then.permits).time / seconds,
            waiting_for_quota: mean(Doing::Quota).time / seconds,
            calling: call.time / seconds,
            publishing: mean(Doing::Publish).time / seconds,
            waiting_for_room: mean(Doing::Full).time / seconds,
            storing: store.time / seconds,
            calls: call.count / seconds,
            call_seconds: call.each(),
            bulk_seconds: store.each(),
        }
    }
}

/// Time spent in a state, by however many at once.
#[derive(Debug, Default)]
struct Spells(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    at_once: u32,
    since: Option<Instant>,
    spent: Spent,
}

/// Spells so far, and the seconds spent in them by all together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Spent {
    count: f64,
    time: f64,
}

impl Spent {
    fn since(&self, then: &Self) -> Self {
        Self { count: (self.count - then.count).max(0.0), time: (self.time - then.time).max(0.0) }
    }

    fn each(&self) -> f64 {
        if self.count > 0.0 { self.time / self.count } else { 0.0 }
    }
}

/// One that is in the state; it leaves when this is dropped, cancelled or not.
struct Spell<'a>(&'a Spells);

impl Spells {
    fn begin(&self) -> Spell<'_> {
        let mut running = self.running();
        running.spent.count += 1.0;
        running.at_once += 1;
        Spell(self)
    }

    /// What is under way counts up to now.
    fn spent(&self) -> Spent {
        self.running().spent
    }

    /// The sums brought up to now.
    fn running(&self) -> MutexGuard<'_, Running> {
        // Sums survive the panic of a job.
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = running.since.replace(now).map(|since| now.duration_since(since)).unwrap_or_default();
        running.spent.time += passed.as_secs_f64() * f64::from(running.at_once);
        running
    }
}

impl Drop for Spell<'_> {
    fn drop(&mut self) {
        self.0.running().at_once -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_job_waits_for_is_booked_on_its_role_and_on_nobody_else() {
        let (one, other) = (Arc::<Meter>::default(), Arc::<Meter>::default());
        one.sample(0);
        one.book(async {
            during(Doing::Quota, std::future::ready(())).await;
            during(Doing::Call, std::future::ready(())).await;
            during(Doing::Call, std::future::ready(())).await;
            documents(7);
        })
        .await;
        documents(100);
        let sums = one.sums(3);
        assert_eq!((sums.settled, sums.documents, sums.permits.count), (3, 7, 1.0));
        assert_eq!(sums.doing.map(|spent| spent.count), [1.0, 2.0, 0.0, 0.0, 0.0]);
        assert_eq!(other.sums(0), Sums::default());
        assert!(one.rates(3).seconds > 0.0);
    }

    #[test]
    fn time_counts_for_each_of_those_who_spend_it() {
        let spells = Spells::default();
        let (first, second) = (spells.begin(), spells.begin());
        std::thread::sleep(Duration::from_millis(20));
        drop(first);
        assert!(spells.spent().time >= 0.04, "{:?}", spells.spent());
        drop(second);
        let ended = spells.spent();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(spells.spent(), ended, "nobody is in it any more");
        assert_eq!(ended.count, 2.0);
    }

    #[test]
    fn rates_are_differences_over_time() {
        let mut now = Sums { settled: 130, documents: 1_000, ..Sums::default() };
        let then = Sums { settled: 10, ..Sums::default() };
        now.permits.time = 240.0;
        now.doing[Doing::Call as usize] = Spent { count: 600.0, time: 120.0 };
        let rates = now.rates(&then, 60.0);
        assert_eq!((rates.settled, rates.busy, rates.calling), (2.0, 4.0, 2.0));
        assert_eq!((rates.calls, rates.call_seconds, rates.bulk_seconds), (10.0, 0.2, 0.0));
        assert_eq!(now.rates(&then, 0.0), Rates::default());
    }
}
