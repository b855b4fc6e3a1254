//! Zoom's quota table: a sliding window per rate class and one counter per day. Pure: the caller passes the time.

use std::collections::VecDeque;

use jiff::civil::Date;

use crate::settings::AccountPlan;

const SECOND_US: u64 = 1_000_000;
const MINUTE_US: u64 = 60 * SECOND_US;

/// Zoom's rate-limit label of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateClass {
    Light,
    Medium,
    Heavy,
    ResourceIntensive,
}

impl RateClass {
    /// Name in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
            Self::ResourceIntensive => "resource_intensive",
        }
    }

    /// Value of the `X-RateLimit-Category` header.
    pub(crate) fn category(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Medium => "Medium",
            Self::Heavy => "Heavy",
            Self::ResourceIntensive => "Resource-intensive",
        }
    }

    /// Returns true for the classes that share the daily cap.
    fn daily(self) -> bool {
        matches!(self, Self::Heavy | Self::ResourceIntensive)
    }

    fn window_us(self) -> u64 {
        if self == Self::ResourceIntensive { MINUTE_US } else { SECOND_US }
    }
}

/// The quota's decision on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No quota is enforced.
    Unlimited,
    /// Admitted. `limit` and `remaining` apply to the window or, for daily classes, to the day.
    Admitted { daily: bool, limit: u64, remaining: u64 },
    /// The window is full.
    OverRate { limit: u64 },
    /// The daily quota is used up.
    OverDay { limit: u64 },
}

impl Verdict {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::OverRate { .. } | Self::OverDay { .. })
    }
}

/// Counters of one account.
#[derive(Debug)]
pub(crate) struct Quota {
    windows: [VecDeque<u64>; 4],
    peaks: [usize; 4],
    day: Date,
    used_today: u64,
}

impl Quota {
    pub(crate) fn new() -> Self {
        Self { windows: Default::default(), peaks: [0; 4], day: Date::ZERO, used_today: 0 }
    }

    /// Decides on a call at `at_us` (monotonic) and counts it if admitted.
    pub(crate) fn admit(
        &mut self,
        class: RateClass,
        plan: AccountPlan,
        speed: f64,
        at_us: u64,
        today: Date,
    ) -> Verdict {
        let window = &mut self.windows[class as usize];
        while window.front().is_some_and(|&then| then + class.window_us() <= at_us) {
            window.pop_front();
        }
        if self.day != today {
            (self.day, self.used_today) = (today, 0);
        }
        let (limit, per_day) = (window_limit(plan, class, speed), scale(per_day(plan), speed));
        if speed > 0.0 && class.daily() && self.used_today >= per_day {
            return Verdict::OverDay { limit: per_day };
        }
        if speed > 0.0 && window.len() as u64 >= limit {
            return Verdict::OverRate { limit };
        }
        window.push_back(at_us);
        self.peaks[class as usize] = self.peaks[class as usize].max(window.len());
        if class.daily() {
            self.used_today += 1;
        }
        if speed == 0.0 {
            return Verdict::Unlimited;
        }
        if class.daily() {
            let remaining = per_day.saturating_sub(self.used_today);
            return Verdict::Admitted { daily: true, limit: per_day, remaining };
        }
        Verdict::Admitted { daily: false, limit, remaining: limit.saturating_sub(window.len() as u64) }
    }

    /// Sets the number of calls used today, as if other apps had made them.
    pub(crate) fn use_today(&mut self, used: u64, today: Date) {
        (self.day, self.used_today) = (today, used);
    }

    /// Maximum number of calls admitted within one window of a class.
    pub(crate) fn peak(&self, class: RateClass) -> u64 {
        self.peaks[class as usize] as u64
    }
}

/// Maximum number of calls per window.
pub(crate) fn window_limit(plan: AccountPlan, class: RateClass, speed: f64) -> u64 {
    scale(per_window(plan, class), speed)
}

/// Calls per second; for Resource-intensive, per minute.
fn per_window(plan: AccountPlan, class: RateClass) -> u64 {
    match (plan, class) {
        (AccountPlan::Pro, RateClass::Light) => 30,
        (AccountPlan::Pro, RateClass::Medium) => 20,
        (AccountPlan::Pro, RateClass::Heavy | RateClass::ResourceIntensive) => 10,
        (AccountPlan::Business, RateClass::Light) => 80,
        (AccountPlan::Business, RateClass::Medium) => 60,
        (AccountPlan::Business, RateClass::Heavy) => 40,
        (AccountPlan::Business, RateClass::ResourceIntensive) => 20,
    }
}

fn per_day(plan: AccountPlan) -> u64 {
    match plan {
        AccountPlan::Pro => 30_000,
        AccountPlan::Business => 60_000,
    }
}

/// Quota multiplied by `speed`, rounded down, at least 1.
fn scale(count: u64, speed: f64) -> u64 {
    // The addend compensates binary rounding, for example of 10 × 0.1 or 40 × 1.1.
    ((count as f64 * speed + 1e-9).floor() as u64).max(1)
}

#[cfg(test)]
mod tests;
