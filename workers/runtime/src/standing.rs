//! Who goes first where jobs wait for the same thing: the job that was begun first, and one of a more urgent lane as if it
//! had been begun some minutes earlier. So jobs of many calls end one after the other: taking turns, all of them would be in
//! hand for as long as all together take. Must not know what is waited for.

use std::time::{Duration, Instant};

use messages::{Lane, Queue};

tokio::task_local! {
    static STANDING: Standing;
}

/// By so much a job goes before those of the next lane. From the first lane to the last that is less than anybody waits for a
/// turn (ten minutes): no lane waits for ever, however many urgent jobs there are.
pub(crate) const ADVANTAGE: Duration = Duration::from_secs(240);

/// A job's place in the row; the smaller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing(Instant);

impl Standing {
    /// A job of this queue that is begun now. What comes from no lane is urgent.
    pub(crate) fn of(queue: &Queue) -> Self {
        let lane = queue.lane().and_then(|lane| Lane::ALL.iter().position(|known| *known == lane));
        Self::begun(Instant::now(), lane.unwrap_or(0))
    }

    /// One that was begun then, of the lane in this place.
    pub(crate) fn begun(at: Instant, lane: usize) -> Self {
        Self((0..lane).fold(at, |at, _| at + ADVANTAGE))
    }

    /// Does a job's work with this standing.
    pub(crate) async fn hold<T>(self, work: impl Future<Output = T>) -> T {
        STANDING.scope(self, work).await
    }

    /// That of the job this is called from; outside of one, that of somebody urgent who comes now.
    pub(crate) fn current() -> Self {
        STANDING.try_with(|standing| *standing).unwrap_or_else(|_| Self(Instant::now()))
    }

    /// Milliseconds for which it has been waiting, so to say; less than nothing for a lane that is not urgent.
    pub(crate) fn age_ms(self) -> i64 {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        millis(self.0.elapsed()) - millis(self.0.saturating_duration_since(Instant::now()))
    }
}
