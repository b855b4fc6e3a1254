//! The seeded world of meetings and people. Independent of HTTP, quotas and faults. Dates are generated on demand and
//! cached, up to a number of meetings.

mod hosts;
mod meeting;
mod mix;
mod names;
mod participant;
mod time;
mod uuid;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;

use crate::clock::first_second;

pub(crate) use hosts::{Host, Hosts};
pub(crate) use meeting::{Meeting, Shape};
pub(crate) use mix::{hash, mix, pick, unit};
pub(crate) use names::{
    CONNECTIONS, DATA_CENTERS, DEVICES, LOCATIONS, NETWORKS, PARTICIPANT_QUALITIES, QUALITIES,
};
pub(crate) use participant::{Person, Reason, Session, person, sessions};
pub(crate) use uuid::{Address, EventType, MeetingUuid, needs_double_encoding};

/// Maximum number of cached meetings, about 30 MB.
const CACHED_MEETINGS: usize = 400_000;
/// Meetings per webinar.
const MEETINGS_PER_WEBINAR: u32 = 25;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// All meetings and webinars that started on one UTC date.
#[derive(Debug)]
pub(crate) struct Day {
    pub(crate) meetings: Vec<Meeting>,
    pub(crate) webinars: Vec<Meeting>,
}

/// The whole account.
#[derive(Debug)]
pub(crate) struct World {
    shape: Shape,
    webinars: bool,
    hosts: Hosts,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    days: HashMap<Date, (Arc<Day>, u64)>,
    uses: u64,
    meetings: usize,
}

impl World {
    pub(crate) fn new(shape: Shape, hosts: u32, webinars: bool) -> Self {
        let hosts = Hosts::generate(shape.seed, hosts);
        Self { shape, webinars, hosts, cache: Mutex::default() }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.shape.seed
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// All meetings and webinars that started on a date.
    pub(crate) fn day(&self, date: Date) -> Arc<Day> {
        if let Some(day) = self.cache().get(date) {
            return day;
        }
        // Generated outside the lock: concurrent callers may both generate it, with equal results.
        let day = Arc::new(self.generate(date));
        self.cache().put(date, Arc::clone(&day));
        day
    }

    /// Finds a meeting by its uuid; `None` if this world does not contain it.
    pub(crate) fn find(&self, uuid: MeetingUuid) -> Option<Meeting> {
        let address = uuid.open(self.shape.seed)?;
        if address.index >= self.count(address.kind) {
            return None;
        }
        let date = date_of(address.day)?;
        let meeting = Meeting::generate(self.shape, &self.hosts, address, first_second(date));
        (meeting.uuid == uuid).then_some(meeting)
    }

    /// The date that a uuid of this world names.
    pub(crate) fn date_of(&self, uuid: MeetingUuid) -> Option<Date> {
        date_of(uuid.open(self.shape.seed)?.day)
    }

    fn generate(&self, date: Date) -> Day {
        let midnight = first_second(date);
        let day = (midnight / 86_400) as i32;
        let all = |kind| {
            (0..self.count(kind))
                .map(|index| {
                    Meeting::generate(self.shape, &self.hosts, Address { day, kind, index }, midnight)
                })
                .collect()
        };
        Day { meetings: all(EventType::Meeting), webinars: all(EventType::Webinar) }
    }

    fn count(&self, kind: EventType) -> u32 {
        match kind {
            EventType::Meeting => self.shape.meetings_per_day,
            EventType::Webinar if self.webinars => {
                (self.shape.meetings_per_day / MEETINGS_PER_WEBINAR).max(1)
            }
            EventType::Webinar => 0,
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn get(&mut self, date: Date) -> Option<Arc<Day>> {
        self.uses += 1;
        let (day, used) = self.days.get_mut(&date)?;
        *used = self.uses;
        Some(Arc::clone(day))
    }

    fn put(&mut self, date: Date, day: Arc<Day>) {
        self.uses += 1;
        self.meetings += day.len();
        if let Some((old, _)) = self.days.insert(date, (day, self.uses)) {
            self.meetings -= old.len();
        }
        while self.meetings > CACHED_MEETINGS && self.days.len() > 1 {
            let Some(oldest) = self.days.iter().min_by_key(|(_, (_, used))| *used).map(|(date, _)| *date)
            else {
                return;
            };
            if let Some((old, _)) = self.days.remove(&oldest) {
                self.meetings -= old.len();
            }
        }
    }
}

impl Day {
    fn len(&self) -> usize {
        self.meetings.len() + self.webinars.len()
    }
}

fn date_of(day: i32) -> Option<Date> {
    EPOCH.checked_add(jiff::Span::new().try_days(i64::from(day)).ok()?).ok()
}
