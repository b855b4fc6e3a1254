//! Zoom's quota table: the limits of each plan and rate class. Counts nothing.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use messages::Calls;

/// The account's plan. It is configured, because the API does not return it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoomPlan {
    /// Pro plan.
    Pro,
    /// Business, Education, Enterprise and Partner plans.
    Business,
}

impl FromStr for ZoomPlan {
    type Err = UnknownPlan;

    fn from_str(text: &str) -> Result<Self, UnknownPlan> {
        match text {
            "pro" => Ok(Self::Pro),
            "business" => Ok(Self::Business),
            _ => Err(UnknownPlan),
        }
    }
}

/// Error of an unknown plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plan must be pro or business")]
pub struct UnknownPlan;

/// Zoom's rate-limit label of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Light calls.
    Light,
    /// Medium calls.
    Medium,
    /// Heavy calls.
    Heavy,
    /// Resource-intensive calls, which Zoom counts per minute.
    ResourceIntensive,
}

impl RateClass {
    /// All classes, lightest first.
    pub const ALL: [Self; 4] = [Self::Light, Self::Medium, Self::Heavy, Self::ResourceIntensive];

    /// Returns the index in [`RateClass::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Returns the name in orders and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
            Self::ResourceIntensive => "resource-intensive",
        }
    }

    /// True for the classes that share the daily limit.
    pub fn has_daily_cap(self) -> bool {
        matches!(self, Self::Heavy | Self::ResourceIntensive)
    }

    /// Returns a count of one call of this class.
    pub(crate) fn one_call(self) -> Calls {
        let mut calls = Calls::default();
        match self {
            Self::Light => calls.light = 1,
            Self::Medium => calls.medium = 1,
            Self::Heavy => calls.heavy = 1,
            Self::ResourceIntensive => calls.resource_intensive = 1,
        }
        calls
    }
}

impl fmt::Display for RateClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ZoomPlan {
    /// Returns the calls allowed in any window of the returned length.
    pub fn per_window(self, class: RateClass) -> (u32, Duration) {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        match (self, class) {
            (Self::Pro, RateClass::Light) => (30, second),
            (Self::Pro, RateClass::Medium) => (20, second),
            (Self::Pro, RateClass::Heavy) => (10, second),
            (Self::Pro, RateClass::ResourceIntensive) => (10, minute),
            (Self::Business, RateClass::Light) => (80, second),
            (Self::Business, RateClass::Medium) => (60, second),
            (Self::Business, RateClass::Heavy) => (40, second),
            (Self::Business, RateClass::ResourceIntensive) => (20, minute),
        }
    }

    /// Returns the calls allowed per second; a third or less for resource-intensive calls.
    pub fn per_second(self, class: RateClass) -> f64 {
        let (calls, window) = self.per_window(class);
        f64::from(calls) / window.as_secs_f64()
    }

    /// Returns the heavy and resource-intensive calls, together, allowed per UTC day.
    pub fn per_day(self) -> u64 {
        match self {
            Self::Pro => 30_000,
            Self::Business => 60_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_zooms() {
        let per_second =
            |plan: ZoomPlan| RateClass::ALL.map(|class| (plan.per_second(class) * 60.0).round() as u64);
        assert_eq!(per_second(ZoomPlan::Pro), [1_800, 1_200, 600, 10]);
        assert_eq!(per_second(ZoomPlan::Business), [4_800, 3_600, 2_400, 20]);
        assert_eq!((ZoomPlan::Pro.per_day(), ZoomPlan::Business.per_day()), (30_000, 60_000));
        assert_eq!("pro".parse(), Ok(ZoomPlan::Pro));
        assert!("free".parse::<ZoomPlan>().is_err());
    }
}
