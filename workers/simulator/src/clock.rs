//! The simulator's clock: the real clock plus an adjustable offset. No other module of this crate reads the real
//! clock.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// A clock that runs at real speed, with an offset.
#[derive(Debug)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn new(now: Option<Timestamp>) -> Self {
        let clock = Self { offset_ms: AtomicI64::new(0) };
        if let Some(now) = now {
            clock.set(now);
        }
        clock
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.offset_ms.store(now.as_millisecond() - real_ms(), Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        let ms = real_ms() + self.offset_ms.load(Ordering::Relaxed);
        // Only out of range when set to the limits of a timestamp.
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn today(&self) -> Date {
        date_of(self.now())
    }
}

/// UTC date of an instant.
pub(crate) fn date_of(instant: Timestamp) -> Date {
    Offset::UTC.to_datetime(instant).date()
}

/// First second of a UTC date, as Unix time.
pub(crate) fn first_second(date: Date) -> i64 {
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_or(0, Timestamp::as_second)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the simulator's clock, the one place that asks the real one"
)]
fn real_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
