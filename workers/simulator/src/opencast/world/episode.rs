//! Recorded lectures: courses of two terms, some live, some with pictures, and with all known oddities.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

use super::super::settings::OpencastSettings;
use super::texts::{COURSES, TITLES};
use crate::world::{mix, pick, unit};

const FIRST_WEEK: Date = date(2026, 1, 12);
/// The one episode so short that a running player exceeds its length.
const SHORT: u32 = 3;
/// The one episode whose id must be encoded in a path.
const WITH_SLASH: u32 = 11;
const MINUTE_MS: i64 = 60_000;

/// A recorded lecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Episode {
    pub(in super::super) mpid: String,
    pub(in super::super) title: String,
    /// Year, term and number of the course, for example `20260112345`.
    pub(in super::super) series: Option<String>,
    pub(in super::super) course: Option<String>,
    pub(in super::super) duration_ms: i64,
    /// Start of the lecture in the media package.
    pub(in super::super) start: Option<Timestamp>,
    /// Start of the lecture in the catalogue.
    pub(in super::super) created: Option<Timestamp>,
    pub(in super::super) modified: Timestamp,
    pub(in super::super) kind: &'static str,
    pub(in super::super) description: Option<String>,
    pub(in super::super) creators: Vec<&'static str>,
    pub(in super::super) attachments: Vec<Attachment>,
    pub(in super::super) live: Option<Live>,
    /// Source of further random properties.
    pub(in super::super) bits: u64,
}

/// A still or slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Attachment {
    pub(in super::super) flavor: &'static str,
    /// Minutes from the start, for slides.
    pub(in super::super) minute: Option<u32>,
}

/// The live stream of a lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Live {
    pub(in super::super) start: Timestamp,
    pub(in super::super) end: Timestamp,
    /// Time at which the recording replaced the stream; `None`: not yet.
    pub(in super::super) available: Option<Timestamp>,
}

/// Oddity of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    NoStart,
    NoTimes,
    NumberAsTitle,
    NoSeries,
    NoDuration,
}

const ODDITIES: [Odd; 5] = [Odd::NoStart, Odd::NumberAsTitle, Odd::NoTimes, Odd::NoSeries, Odd::NoDuration];

impl Episode {
    pub(super) fn generate(seed: u64, settings: &OpencastSettings, n: u32) -> Self {
        let bits = mix(mix(seed, 0xE9), u64::from(n));
        let odd = (unit(mix(bits, 1)) < settings.odd_share).then(|| pick(&ODDITIES, mix(bits, 2)));
        let course = n % settings.series;
        let start = start(settings, n);
        let duration_ms = match (odd, n) {
            (Some(Odd::NoDuration), _) => 0,
            (_, SHORT) => 4 * MINUTE_MS,
            _ => (25 + (bits >> 8) as i64 % 60) * MINUTE_MS + (bits >> 24) as i64 % 1_000,
        };
        let with_start = !matches!(odd, Some(Odd::NoStart | Odd::NoTimes));
        let in_series = odd != Some(Odd::NoSeries);
        Self {
            mpid: if n == WITH_SLASH { format!("lecture/{}", bits >> 40) } else { uuid(bits) },
            title: match odd {
                Some(Odd::NumberAsTitle) => "2016".to_owned(),
                _ => format!("{} {}", pick(&TITLES, bits >> 16), n / settings.series + 1),
            },
            series: in_series.then(|| series(seed, course)),
            course: in_series.then(|| format!("{} {course}", pick(&COURSES, mix(seed, u64::from(course))))),
            duration_ms,
            start: start.filter(|_| with_start),
            created: start.filter(|_| odd != Some(Odd::NoTimes)),
            modified: start.unwrap_or(Timestamp::UNIX_EPOCH),
            kind: pick(&["L10", "L01", "S05"], bits >> 20),
            description: bits.is_multiple_of(3).then(|| format!("Week {}", n / settings.series + 1)),
            creators: ["A. Placeholder", "B. Specimen"][..(bits >> 28) as usize % 3].to_vec(),
            attachments: attachments(n, bits),
            live: live(settings, n, start, duration_ms.max(MINUTE_MS), bits),
            bits,
        }
    }

    /// Length of the live stream in milliseconds.
    pub(in super::super) fn live_ms(&self) -> Option<i64> {
        self.live.map(|live| live.end.as_millisecond() - live.start.as_millisecond())
    }
}

/// Lectures of a course are a week apart; those of the second term start 26 weeks later.
fn start(settings: &OpencastSettings, n: u32) -> Option<Timestamp> {
    let (course, week) = (n % settings.series, n / settings.series % 14);
    let term = if course.is_multiple_of(2) { 0 } else { 26 };
    let weekday = i64::from(course / 2 % 5);
    let day = FIRST_WEEK.checked_add((i64::from(week) + term).weeks().days(weekday)).ok()?;
    let time = day.at(9 + (course % 8) as i8, 0, 0, 0);
    settings.timezone.to_ambiguous_timestamp(time).compatible().ok()
}

/// Year 2026, term 01 or 02, and a course number of five digits.
fn series(seed: u64, course: u32) -> String {
    let term = if course.is_multiple_of(2) { "01" } else { "02" };
    format!("2026{term}{:05}", (mix(seed, 0x5E) % 100_000 + u64::from(course) * 37) % 100_000)
}

/// A live stream starts 2 minutes before the lecture and ends 5 minutes after the recording.
fn live(
    settings: &OpencastSettings,
    n: u32,
    start: Option<Timestamp>,
    duration_ms: i64,
    bits: u64,
) -> Option<Live> {
    // The first episode is live whenever live streams are enabled, so that the smallest world has one.
    let is_live = settings.live_share > 0.0 && (n == 0 || unit(mix(bits, 3)) < settings.live_share);
    let start = start.filter(|_| is_live)?.checked_sub(2.minutes()).ok()?;
    let end = start.checked_add((duration_ms + 7 * MINUTE_MS).milliseconds()).ok()?;
    // In 1 of 5 the recording has not replaced the stream.
    let available =
        if n > 0 && mix(bits, 4).is_multiple_of(5) { None } else { end.checked_add(3.hours()).ok() };
    Some(Live { start, end, available })
}

/// No pictures, a single still, or stills and slides.
fn attachments(n: u32, bits: u64) -> Vec<Attachment> {
    let still = |flavor| Attachment { flavor, minute: None };
    match n % 4 {
        0 => Vec::new(),
        1 => vec![still("presenter/player+preview")],
        _ => {
            let slides = (0..2 + (bits >> 44) as u32 % 4)
                .map(|slide| Attachment { flavor: "presentation/segment+preview", minute: Some(slide * 7) });
            let stills = [still("presenter/player+preview"), still("presentation/player+preview")];
            stills.into_iter().chain(slides).collect()
        }
    }
}

/// A random uuid of version 4.
pub(super) fn uuid(bits: u64) -> String {
    let low = mix(bits, 0x0F);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        bits >> 32,
        bits >> 16 & 0xFFFF,
        bits & 0xFFF,
        0x8000 | low >> 48 & 0x3FFF,
        low & 0xFFFF_FFFF_FFFF
    )
}
