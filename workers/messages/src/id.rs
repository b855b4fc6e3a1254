//! Ids of meetings, series, media packages, jobs and runs, validated where they enter the program.

use std::fmt;
use std::str::FromStr;

use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Error for a text that is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}")]
pub struct IdError {
    what: &'static str,
    text: String,
}

fn refuse(what: &'static str, text: &str) -> IdError {
    // An invalid id may hold anything, even a person's name: keep only its first 32 characters.
    IdError { what, text: text.chars().take(32).collect() }
}

/// Id of one meeting instance: 16 bytes in base64, 24 characters. Zoom never reuses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MeetingUuid(String);

impl MeetingUuid {
    /// Returns the 24 characters as the API writes them, not encoded for a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Standard base64 that allows non-zero trailing bits: some of Zoom's own examples have them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

impl FromStr for MeetingUuid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = LENIENT.decode(text);
        match bytes {
            Ok(bytes) if bytes.len() == 16 => Ok(Self(text.to_owned())),
            _ => Err(refuse(
                "meeting uuid (24 characters: base64 of 16 bytes, like 4444AAAiAAAAAiAiAiiAii==)",
                text,
            )),
        }
    }
}

impl TryFrom<String> for MeetingUuid {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<MeetingUuid> for String {
    fn from(uuid: MeetingUuid) -> Self {
        uuid.0
    }
}

impl fmt::Display for MeetingUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Meeting number of 9 to 11 digits. One series has many instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u64);

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Media package id of an episode: usually a UUID, sometimes a custom name. Up to 128 bytes without white space or
/// control characters. It may contain a slash, so encode it in paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mpid(String);

impl Mpid {
    /// Returns the id, not encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mpid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        match text.is_empty() || text.len() > 128 || !text.chars().all(plain) {
            false => Ok(Self(text.to_owned())),
            true => Err(refuse("media package id (1 to 128 characters without spaces)", text)),
        }
    }
}

impl TryFrom<String> for Mpid {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Mpid> for String {
    fn from(mpid: Mpid) -> Self {
        mpid.0
    }
}

impl fmt::Display for Mpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Account of a job whose id names no account.
pub const MAIN_ACCOUNT: &str = "main";

/// Deterministic id of a job: the same work has the same id, so repeated work overwrites.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// Creates an id of the form `source:kind:key`, for example `zoom:meetings:2026-01-02`.
    pub fn new(source: crate::Source, kind: &str, key: impl fmt::Display) -> Self {
        Self(format!("{source}:{kind}:{key}"))
    }

    /// Returns the id of the same work for `account`: `zoom@clinic:meetings:2026-01-02`. The id for
    /// [`MAIN_ACCOUNT`] names no account.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Self {
        let (source, rest) = self.parts();
        match account {
            MAIN_ACCOUNT => Self(format!("{source}:{rest}")),
            account => Self(format!("{source}@{account}:{rest}")),
        }
    }

    /// Returns the account the job is for.
    pub fn account(&self) -> &str {
        let head = self.0.split_once(':').map_or("", |(head, _)| head);
        head.split_once('@').map_or(MAIN_ACCOUNT, |(_, account)| account)
    }

    /// Returns the inclusive range of texts that contains exactly the ids of this account's jobs.
    pub fn all_of(source: crate::Source, account: &str) -> (String, String) {
        let first = Self(format!("{source}:")).of_account(account).0;
        let last = format!("{first}{}", char::MAX);
        (first, last)
    }

    /// Splits the id into the source without the account, and the rest.
    fn parts(&self) -> (&str, &str) {
        let (head, rest) = self.0.split_once(':').unwrap_or((&self.0, ""));
        (head.split_once('@').map_or(head, |(source, _)| source), rest)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for JobId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Id of one `ua plan`, `ua run` or firing of the schedule. All its jobs carry it, also those that list jobs publish.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Creates an id that sorts by time and names its window: `20260103T040506789-2026-01-01..2026-01-02`.
    pub fn new(now: jiff::Timestamp, window: Option<(Date, Date)>) -> Self {
        let stamp = now.strftime("%Y%m%dT%H%M%S%3f");
        match window {
            Some((from, to)) if from == to => Self(format!("{stamp}-{from}")),
            Some((from, to)) => Self(format!("{stamp}-{from}..{to}")),
            None => Self(format!("{stamp}-picked")),
        }
    }

    /// Appends the source: each source of one plan has its own run. Ids of Zoom runs name no source.
    #[must_use]
    pub fn of_source(self, source: crate::Source) -> Self {
        match source {
            crate::Source::Zoom => self,
            source => Self(format!("{}-{source}", self.0)),
        }
    }

    /// Returns the run's source: Zoom if the id names none.
    pub fn source(&self) -> crate::Source {
        let named = |source: &crate::Source| {
            self.0.strip_suffix(&source.to_string()).is_some_and(|rest| rest.ends_with('-'))
        };
        crate::Source::ALL.into_iter().find(named).unwrap_or(crate::Source::Zoom)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RunId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_names_its_account_unless_it_is_the_main_one() {
        let plain = JobId::from("zoom:host_meetings:2026-01-02:a@b:c");
        assert_eq!(plain.account(), MAIN_ACCOUNT);
        let clinic = plain.of_account("clinic");
        assert_eq!(clinic.as_str(), "zoom@clinic:host_meetings:2026-01-02:a@b:c");
        assert_eq!((clinic.account(), clinic.of_account("other").account()), ("clinic", "other"));
        assert_eq!(clinic.of_account(MAIN_ACCOUNT), plain);
    }

    #[test]
    fn the_ids_of_an_account_are_a_range_of_their_own() {
        let accounts = [MAIN_ACCOUNT, "clinic", "clinic2", "a"];
        for account in accounts {
            let (first, last) = JobId::all_of(crate::Source::Zoom, account);
            for other in accounts {
                let id = JobId::from("zoom:participants:zzzzÿ").of_account(other);
                let is_in = (first.as_str()..=last.as_str()).contains(&id.as_str());
                assert_eq!(is_in, other == account, "{id} in {first} to {last}");
            }
        }
    }

    #[test]
    fn a_run_names_its_source_unless_it_is_the_first_there_was() {
        let now = "2026-01-03T04:05:06.789Z".parse().unwrap();
        let date = "2026-01-02".parse().unwrap();
        for (window, named) in [(None, "picked"), (Some((date, date)), "2026-01-02")] {
            let plain = RunId::new(now, window);
            assert_eq!(plain.as_str(), format!("20260103T040506789-{named}"));
            for source in crate::Source::ALL {
                assert_eq!(plain.clone().of_source(source).source(), source);
            }
        }
        assert_eq!(RunId::from("opencast").source(), crate::Source::Zoom);
    }

    #[test]
    fn a_meeting_uuid_is_base64_of_sixteen_bytes() {
        for good in [
            "4444AAAiAAAAAiAiAiiAiA==",
            "4444AAAiAAAAAiAiAiiAii==",
            "/abcAAAiAAAAAiAiAiiAiA==",
            "a//+AAAiAAAAAiAiAiiAiA==",
        ] {
            assert_eq!(good.parse::<MeetingUuid>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "123456789",
            "4444AAAiAAAAAiAiAiiAiA",
            "4444AAAiAAAAAiAiAiiAiA===",
            "4444 AAiAAAAAiAiAiiAiA==",
        ] {
            let error = bad.parse::<MeetingUuid>().unwrap_err();
            assert!(error.to_string().contains("24 characters"), "{error}");
        }
    }

    #[test]
    fn a_media_package_id_is_short_and_without_spaces() {
        for good in ["0a1b2c3d-0001-4000-8000-000000000001", "lecture/7", "ä"] {
            assert_eq!(good.parse::<Mpid>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\nb", &"x".repeat(129)] {
            assert!(bad.parse::<Mpid>().unwrap_err().to_string().contains("128 characters"));
        }
    }

    #[test]
    fn a_wrong_uuid_in_a_message_is_refused() {
        assert!(serde_json::from_str::<MeetingUuid>("\"abc\"").is_err());
    }
}
