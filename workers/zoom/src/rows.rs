//! Converts the rows of a list into jobs: one per meeting instance, even if several lists contain it.

use std::collections::{BTreeMap, HashSet};

use messages::zoom::MeetingContext;
use messages::{MeetingUuid, SeriesId};
use serde_json::value::RawValue;

use crate::hosts::ByEmail;
use crate::wire::{self, MeetingRow};

/// Characters of a topic kept in jobs and sessions; Zoom allows 200.
const LONGEST_TOPIC: usize = 1_024;

/// The rows of one page by use.
#[derive(Debug, Default)]
pub(crate) struct Sorted<'a> {
    /// Meetings not seen on earlier pages.
    pub(crate) fresh: Vec<UsableRow>,
    /// Rows without a usable uuid, with their index in the page.
    pub(crate) unusable: Vec<(usize, &'a RawValue)>,
    /// Host ids by e-mail, of the page's hosts.
    pub(crate) host_ids: BTreeMap<String, String>,
}

/// A usable row.
#[derive(Debug)]
pub(crate) struct UsableRow {
    pub(crate) meeting: MeetingContext,
    /// Zoom's meeting type, if the list contains it.
    pub(crate) kind: Option<u64>,
}

/// Sorts the rows of a page; `seen` contains the meetings of all pages.
pub(crate) fn sort<'a>(page: &'a RawValue, ids: &ByEmail, seen: &mut HashSet<MeetingUuid>) -> Sorted<'a> {
    let mut sorted = Sorted::default();
    for (place, raw) in wire::rows(page).into_iter().enumerate() {
        let row: MeetingRow = wire::row(raw);
        let email = row.email.as_str().map(str::to_lowercase);
        let host = email.and_then(|email| ids.get_key_value(&email));
        if let Some((email, id)) = host {
            sorted.host_ids.insert(email.clone(), id.clone());
        }
        match row.uuid.as_str().and_then(|uuid| uuid.parse::<MeetingUuid>().ok()) {
            None => sorted.unusable.push((place, raw)),
            Some(uuid) if !seen.insert(uuid.clone()) => {}
            Some(uuid) => {
                let kind = row.kind.number();
                let meeting = context(uuid, row, host.map(|(_, id)| id.clone()));
                sorted.fresh.push(UsableRow { meeting, kind });
            }
        }
    }
    sorted
}

/// Returns the meeting context of a row, or of an answer about one meeting.
pub(crate) fn context(uuid: MeetingUuid, row: MeetingRow, host_id: Option<String>) -> MeetingContext {
    MeetingContext {
        meeting_uuid: uuid,
        series_id: row.id.number().filter(|number| i64::try_from(*number).is_ok()).map(SeriesId),
        start_time: row.start_time.instant(),
        end_time: row.end_time.instant(),
        topic: row.topic.text().map(|topic| topic.chars().take(LONGEST_TOPIC).collect()),
        host_id: row.host_id.text().or(host_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_into_fresh_and_unusable() {
        let page = r#"{"meetings":[
            {"uuid":"4444AAAiAAAAAiAiAiiAiA==","id":81000000001,"topic":"T","email":"A@example.edu",
             "start_time":"2026-01-02T08:00:00Z","end_time":""},
            {"uuid":"4444AAAiAAAAAiAiAiiAiA==","email":"b@example.edu"},
            {"uuid":"","id":5},
            {"uuid":"not base64"},
            {"uuid":"a//cAAAiAAAAAiAiAiiAiA==","id":"81000000002"}]}"#;
        let page: &RawValue = serde_json::from_str(page).unwrap();
        let ids = ByEmail::from([
            ("a@example.edu".into(), "host-a".into()),
            ("c@example.edu".into(), "host-c".into()),
        ]);
        let mut seen = HashSet::new();
        let sorted = sort(page, &ids, &mut seen);
        assert_eq!(sorted.fresh.len(), 2);
        let first = &sorted.fresh[0].meeting;
        assert_eq!(first.series_id, Some(SeriesId(81_000_000_001)));
        assert_eq!(first.start_time, Some("2026-01-02T08:00:00Z".parse().unwrap()));
        assert_eq!((first.end_time, first.host_id.as_deref()), (None, Some("host-a")));
        assert_eq!(sorted.unusable.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(sorted.host_ids, BTreeMap::from([("a@example.edu".into(), "host-a".into())]));
        assert!(sort(page, &ids, &mut seen).fresh.is_empty(), "a second list names no meeting twice");
    }
}
