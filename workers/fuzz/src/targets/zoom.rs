//! Zoom's answers: an accepted page has all its rows classified, and errors are short.

use serde_json::value::RawValue;
use zoom::fuzz::{self, Judged};

use super::{fixtures, said_well, target};
use crate::driver::{Target, hash};
use crate::mutate::Form;

/// HTTP statuses, mostly of success.
const STATUSES: [u16; 16] = [200, 200, 200, 201, 200, 200, 200, 400, 401, 403, 404, 429, 500, 503, 302, 418];
const NAMES: [&str; 6] =
    ["retry-after", "x-ratelimit-type", "x-ratelimit-limit", "x-ratelimit-remaining", "date", "location"];
const VALUES: [&str; 14] = [
    "0",
    "30",
    "-5",
    "1e300",
    "1.5",
    "31536000",
    "18446744073709551616",
    "Daily-limit",
    "QPS",
    "soon",
    "",
    "Sat, 03 Jan 2026 00:00:00 GMT",
    "2026-01-03T00:00:00Z",
    "9999-12-31T23:59:59",
];
/// Indexes of endpoints with lists, with participants and with users.
const LISTS: [usize; 3] = [1, 4, 7];
const DETAILS: [usize; 6] = [2, 3, 5, 8, 9, 10];
const USERS: [usize; 2] = [0, 6];

pub(super) fn targets() -> Vec<Target> {
    let lists = [
        fixtures("indexer", &["metrics_meetings", "metrics_webinars", "report_meetings"]),
        fixtures("zoom", &["200"]),
    ];
    let details =
        [fixtures("indexer", &["metrics_participants", "report_participants", "metrics_meeting.json"])];
    let users = br#"{"total_records":2,"next_page_token":"x","users":[{"id":"a","email":"A@example.edu"},{"id":"b"}]}"#;
    let errors = ["2", "3", "4", "5"].map(|first| fixtures("zoom", &[first]));
    let token = br#"{"access_token":"eyJ0","token_type":"bearer","expires_in":3599,"scope":"user:read:admin report:read:admin"}"#;
    vec![
        target("zoom-lists", Form::Json, lists.concat(), || Box::new(|bytes| page(&LISTS, bytes))),
        target("zoom-details", Form::Json, details.concat(), || Box::new(|bytes| page(&DETAILS, bytes))),
        target("zoom-users", Form::Json, vec![users.to_vec()], || Box::new(|bytes| page(&USERS, bytes))),
        target("zoom-errors", Form::Json, errors.concat(), || Box::new(error)),
        target(
            "zoom-token",
            Form::Json,
            vec![token.to_vec(), br#"{"error":"invalid_client"}"#.to_vec()],
            || Box::new(token_answer),
        ),
        target("zoom-headers", Form::Text, VALUES.map(|value| value.as_bytes().to_vec()).into(), || {
            Box::new(headers)
        }),
    ]
}

/// Returns a status and headers, chosen by `chance`.
pub(super) fn frame(chance: u64) -> (u16, Vec<(&'static str, &'static str)>) {
    let one = |at: usize| (chance >> (at * 9)) as usize;
    let headers = (0..3).map(|at| (NAMES[one(at) % NAMES.len()], VALUES[one(at + 1) % VALUES.len()]));
    (STATUSES[one(5) % STATUSES.len()], headers.collect())
}

fn page(endpoints: &[usize], bytes: &[u8]) -> bool {
    let endpoint = endpoints[hash(bytes) as usize % endpoints.len()];
    let rows = match fuzz::judge(endpoint, 200, &[], bytes) {
        Judged::Page(rows) => rows,
        Judged::Refused(said) => {
            said_well(&said);
            return false;
        }
    };
    let body = fuzz::json(bytes).expect("a page is JSON");
    let Some(rows) = rows else { return true };
    if LISTS.contains(&endpoint) {
        let (fresh, again, unusable) = fuzz::sort(&body);
        assert_eq!(
            (fresh + again + unusable) as u64,
            rows,
            "{fresh} fresh, {again} again, {unusable} unusable"
        );
    }
    if USERS.contains(&endpoint) {
        assert_eq!(fuzz::users(&body) as u64, rows, "users of the page");
    }
    true
}

fn error(bytes: &[u8]) -> bool {
    let chance = hash(bytes);
    let (status, headers) = frame(chance);
    match fuzz::judge(chance as usize, status, &headers, bytes) {
        Judged::Page(_) => assert!((200..300).contains(&status), "{status} is taken as a page"),
        Judged::Refused(said) => said_well(&said),
    }
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

fn token_answer(bytes: &[u8]) -> bool {
    match fuzz::token(frame(hash(bytes)).0, bytes) {
        Ok(scopes) => {
            assert!(scopes <= bytes.len());
            true
        }
        Err(said) => {
            said_well(&said);
            false
        }
    }
}

fn headers(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    NAMES.iter().filter(|name| fuzz::retry_after(&[(name, &text)]).is_some()).count() > 0
}
