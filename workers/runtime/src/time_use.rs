//! Time use of a role's jobs: waiting for quota, calling, publishing, storing.
//!
//! A job's time is recorded for its role through the task it runs in, so that callers need no handle. Independent of
//! what is called or stored. Outside of a job nothing is recorded.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

tokio::task_local! {
    static TIME_USE: Arc<TimeUse>;
}

/// Window of the rates.
const WINDOW: Duration = Duration::from_secs(60);

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Waiting for a token of the quota.
    Quota,
    /// Waiting for the response of a call.
    Call,
    /// Publishing, or waiting for the confirms.
    Publish,
    /// Waiting for room in a bounded queue.
    Full,
    /// Waiting for the store.
    Store,
}

/// Runs `work` and records its time for the role of the current job.
pub async fn during<T>(activity: Activity, work: impl Future<Output = T>) -> T {
    let time_use = TIME_USE.try_with(Arc::clone).ok();
    let _period = time_use.as_ref().map(|time_use| time_use.activities[activity as usize].begin());
    work.await
}

/// Counts documents for the role of the current job.
pub fn documents(count: usize) {
    // Outside of a job, documents are not counted.
    let _ = TIME_USE.try_with(|time_use| time_use.documents.fetch_add(count as u64, Ordering::Relaxed));
}

/// Sums of one role, from its start.
#[derive(Debug, Default)]
pub(crate) struct TimeUse {
    activities: [Periods; 5],
    permits: Periods,
    documents: AtomicU64,
    samples: Mutex<VecDeque<(Instant, Sums)>>,
}

/// The sums at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    settled: u64,
    documents: u64,
    permits: PeriodSum,
    activities: [PeriodSum; 5],
}

/// Means over the last minute, or since the start when that is shorter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Length of the window in seconds.
    pub seconds: f64,
    /// Messages settled for good, per second.
    pub settled: f64,
    /// Documents written, per second.
    pub documents: f64,
    /// Permits in use.
    pub busy: f64,
    /// Of these, waiting for a token of the quota.
    pub waiting_for_quota: f64,
    /// Of these, waiting for the response of a call.
    pub calling: f64,
    /// Of these, publishing.
    pub publishing: f64,
    /// Of these, waiting for room in a full queue.
    pub waiting_for_room: f64,
    /// Of these, waiting for the store.
    pub storing: f64,
    /// Calls per second.
    pub calls: f64,
    /// Mean seconds per call; 0 without calls.
    pub call_seconds: f64,
    /// Mean seconds per bulk; 0 without bulks.
    pub bulk_seconds: f64,
}

impl TimeUse {
    /// Runs the work of a job and records its time.
    pub(crate) async fn timed<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        let _permit = self.permits.begin();
        TIME_USE.scope(Arc::clone(self), work).await
    }

    /// Stores a sample of the sums, for the rates of the next minute.
    pub(crate) fn sample(&self, settled: u64) {
        let now = Instant::now();
        let mut samples = self.samples();
        samples.push_back((now, self.sums(settled)));
        // Keep one sample that is at least a minute old.
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
            permits: self.permits.total(),
            activities: [0, 1, 2, 3, 4].map(|activity: usize| self.activities[activity].total()),
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
        let mean = |activity: Activity| {
            self.activities[activity as usize].since(&then.activities[activity as usize])
        };
        let (call, store) = (mean(Activity::Call), mean(Activity::Store));
        Rates {
            seconds,
            settled: per_second(self.settled, then.settled),
            documents: per_second(self.documents, then.documents),
            busy: self.permits.since(&then.permits).time / seconds,
            waiting_for_quota: mean(Activity::Quota).time / seconds,
            calling: call.time / seconds,
            publishing: mean(Activity::Publish).time / seconds,
            waiting_for_room: mean(Activity::Full).time / seconds,
            storing: store.time / seconds,
            calls: call.count / seconds,
            call_seconds: call.each(),
            bulk_seconds: store.each(),
        }
    }
}

/// Total time in an activity, summed over concurrent jobs.
#[derive(Debug, Default)]
struct Periods(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    at_once: u32,
    since: Option<Instant>,
    total: PeriodSum,
}

/// Number of periods, and their total length in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct PeriodSum {
    count: f64,
    time: f64,
}

impl PeriodSum {
    fn since(&self, then: &Self) -> Self {
        Self { count: (self.count - then.count).max(0.0), time: (self.time - then.time).max(0.0) }
    }

    fn each(&self) -> f64 {
        if self.count > 0.0 { self.time / self.count } else { 0.0 }
    }
}

/// A period in progress; it ends on drop, also on cancellation.
struct Period<'a>(&'a Periods);

impl Periods {
    fn begin(&self) -> Period<'_> {
        let mut running = self.running();
        running.total.count += 1.0;
        running.at_once += 1;
        Period(self)
    }

    /// Returns the sums; periods in progress count up to now.
    fn total(&self) -> PeriodSum {
        self.running().total
    }

    /// Adds the time since the last call and returns the sums.
    fn running(&self) -> MutexGuard<'_, Running> {
        // Sums stay valid after a panic of a job.
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = running.since.replace(now).map(|since| now.duration_since(since)).unwrap_or_default();
        running.total.time += passed.as_secs_f64() * f64::from(running.at_once);
        running
    }
}

impl Drop for Period<'_> {
    fn drop(&mut self) {
        self.0.running().at_once -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_is_recorded_for_the_role_of_the_job_only() {
        let (one, other) = (Arc::<TimeUse>::default(), Arc::<TimeUse>::default());
        one.sample(0);
        one.timed(async {
            during(Activity::Quota, std::future::ready(())).await;
            during(Activity::Call, std::future::ready(())).await;
            during(Activity::Call, std::future::ready(())).await;
            documents(7);
        })
        .await;
        documents(100);
        let sums = one.sums(3);
        assert_eq!((sums.settled, sums.documents, sums.permits.count), (3, 7, 1.0));
        assert_eq!(sums.activities.map(|total| total.count), [1.0, 2.0, 0.0, 0.0, 0.0]);
        assert_eq!(other.sums(0), Sums::default());
        assert!(one.rates(3).seconds > 0.0);
    }

    #[test]
    fn concurrent_periods_add_up() {
        let periods = Periods::default();
        let (first, second) = (periods.begin(), periods.begin());
        std::thread::sleep(Duration::from_millis(20));
        drop(first);
        assert!(periods.total().time >= 0.04, "{:?}", periods.total());
        drop(second);
        let ended = periods.total();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(periods.total(), ended, "no activity is open");
        assert_eq!(ended.count, 2.0);
    }

    #[test]
    fn rates_are_differences_over_time() {
        let mut now = Sums { settled: 130, documents: 1_000, ..Sums::default() };
        let then = Sums { settled: 10, ..Sums::default() };
        now.permits.time = 240.0;
        now.activities[Activity::Call as usize] = PeriodSum { count: 600.0, time: 120.0 };
        let rates = now.rates(&then, 60.0);
        assert_eq!((rates.settled, rates.busy, rates.calling), (2.0, 4.0, 2.0));
        assert_eq!((rates.calls, rates.call_seconds, rates.bulk_seconds), (10.0, 0.2, 0.0));
        assert_eq!(now.rates(&then, 0.0), Rates::default());
    }
}
