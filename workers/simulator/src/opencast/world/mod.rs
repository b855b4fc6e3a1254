//! The seeded world of viewers, episodes and actions. Independent of HTTP, serialisation and faults. Episodes are
//! generated at the start; actions are a function of their place in their date and are not stored.

mod action;
mod calendar;
mod episode;
mod order;
mod session;
mod texts;

use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(super) use action::{Action, Playing};
pub(super) use calendar::{Day, date_at};
pub(super) use episode::{Attachment, Episode, Live};
pub(super) use order::permuted;
pub(super) use session::huid;

use super::settings::OpencastSettings;
use crate::world::mix;

/// The parameters of the world, and its episodes.
#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    pub(super) zone: TimeZone,
    per_day: u32,
    students: u32,
    live_share: f64,
    odd_share: f64,
    public_addresses: bool,
    episodes: Vec<Episode>,
    /// Indices of the live episodes.
    live: Vec<u32>,
}

impl World {
    pub(super) fn new(settings: &OpencastSettings) -> Self {
        let seed = mix(settings.seed, 0x0C);
        let episodes: Vec<_> = (0..settings.episodes).map(|n| Episode::generate(seed, settings, n)).collect();
        let live = (0..).zip(&episodes).filter(|(_, episode)| episode.live.is_some()).map(|(n, _)| n);
        Self {
            seed,
            zone: settings.timezone.clone(),
            per_day: settings.actions_per_day,
            students: settings.students,
            live_share: settings.live_share,
            odd_share: settings.odd_share,
            public_addresses: settings.public_addresses,
            live: live.collect(),
            episodes,
        }
    }

    pub(super) fn episodes(&self) -> &[Episode] {
        &self.episodes
    }

    pub(super) fn per_day(&self) -> u32 {
        self.per_day
    }

    /// A date in the server's zone; `None` at the limits of the calendar.
    pub(super) fn day(&self, date: Date) -> Option<Day> {
        Day::new(self.seed, date, &self.zone, self.per_day)
    }

    /// The action at a place of a date.
    pub(super) fn action(&self, day: &Day, place: u32) -> Action {
        Action::derive(self, day, place)
    }
}
