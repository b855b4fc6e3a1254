//! Reads a list page by page. Page tokens expire after minutes; an expired one restarts the list. Detects endless
//! lists.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use messages::zoom::Task;
use messages::{Calls, CauseClass};

use crate::atlas::{Reason, ZoomError};
use crate::client::{Client, Request, ZoomResponse};
use crate::wire::Head;

/// Restarts per list.
const MAX_RESTARTS: u8 = 3;
/// Maximum pages of a list, whatever total it names.
const MAX_PAGES: u64 = 10_000;
/// Maximum pages of a list that names no total.
const MAX_UNPROMISED: u64 = 2_000;
/// Only the totals of the first pages count: a list may grow while it is read, but not forever.
const PROMISING: u64 = 3;
/// Consecutive empty pages after which a list counts as endless.
const MAX_EMPTY: u64 = 3;
/// Longest token in bytes; a longer one does not fit into a URL.
const MAX_TOKEN: usize = 4_096;
/// Bytes in memory of all lists of a date; two such jobs run at once by default.
const MAX_OF_DATE: usize = 96 << 20;
/// Bytes in memory of all lists of a host and a date; many such jobs run at once.
const MAX_OF_HOST: usize = 16 << 20;
const TOKEN: &str = "next_page_token";

/// A list being read.
pub(crate) struct Pages {
    request: Request,
    next: Next,
    read: Read,
    restarts: u8,
}

/// State that decides whether a list is endless.
#[derive(Default)]
struct Read {
    hasher: RandomState,
    /// Hashes of the tokens so far; a repeated one is a loop.
    named: HashSet<u64>,
    pages: u64,
    rows: u64,
    /// Rows of the fullest page, which estimates the server's page size.
    fullest: u64,
    empty: u64,
    promised: Option<u64>,
}

impl Read {
    /// Adds a page. Returns an error if the page names a next one but the list looks endless.
    fn take(&mut self, head: &Head) -> Result<(), String> {
        let rows = head.rows.unwrap_or(0);
        self.pages += 1;
        self.rows = self.rows.saturating_add(rows);
        self.fullest = self.fullest.max(rows);
        self.empty = if rows == 0 { self.empty + 1 } else { 0 };
        if self.pages <= PROMISING {
            self.promised = self.promised.max(head.total_records);
        }
        let Some(token) = &head.next_page_token else { return Ok(()) };
        if token.len() > MAX_TOKEN {
            return Err(format!("names a next page by {} characters", token.len()));
        }
        if !self.named.insert(self.hasher.hash_one(token)) {
            return Err("names the same next page again and again".to_owned());
        }
        if self.empty >= MAX_EMPTY {
            return Err(format!("names a next page after {MAX_EMPTY} without a record"));
        }
        let (pages, rows) = (self.pages, self.rows);
        match self.promised {
            Some(promised) if rows > self.most_rows(promised) || pages > self.most_pages(promised) => {
                Err(format!("goes on after {pages} pages with {rows} records, where it promised {promised}"))
            }
            None if pages >= MAX_UNPROMISED => {
                Err(format!("goes on after {pages} pages, and promises no end"))
            }
            _ if pages >= MAX_PAGES => Err(format!("goes on after {pages} pages")),
            _ => Ok(()),
        }
    }

    /// Returns twice the promised rows plus two pages.
    fn most_rows(&self, promised: u64) -> u64 {
        promised.saturating_mul(2).saturating_add(self.fullest.saturating_mul(2))
    }

    fn most_pages(&self, promised: u64) -> u64 {
        promised.div_ceil(self.fullest.max(1)).saturating_mul(2).saturating_add(2)
    }
}

enum Next {
    First,
    Token(String),
    End,
}

/// Result of reading a page.
pub(crate) enum Step {
    /// The next page.
    Page(ZoomResponse),
    /// The list restarts: discard the previous pages.
    Restarted,
    /// The list has ended.
    End,
}

impl Pages {
    pub(crate) fn new(request: Request) -> Self {
        Self { request, next: Next::First, read: Read::default(), restarts: 0 }
    }

    pub(crate) async fn next(&mut self, client: &Client, calls: &mut Calls) -> Result<Step, ZoomError> {
        let mut request = self.request.clone();
        match &self.next {
            Next::End => return Ok(Step::End),
            Next::First => request.call.paging = false,
            Next::Token(token) => {
                request.call.paging = true;
                request.query.push((TOKEN, token.clone()));
            }
        }
        match client.get(&request, calls).await {
            Ok(answer) => {
                self.advance(&answer)?;
                Ok(Step::Page(answer))
            }
            Err(error) if error.reason == Reason::RestartListing && self.restarts < MAX_RESTARTS => {
                self.restarts += 1;
                self.next = Next::First;
                self.read = Read::default();
                Ok(Step::Restarted)
            }
            Err(error) => Err(error),
        }
    }

    fn advance(&mut self, answer: &ZoomResponse) -> Result<(), ZoomError> {
        self.next = Next::End;
        let name = self.request.call.endpoint.name();
        self.read.take(&answer.head).map_err(|what| endless(format!("{name} {what}")))?;
        if let Some(token) = answer.head.next_page_token.clone() {
            self.next = Next::Token(token);
        }
        Ok(())
    }
}

fn endless(text: String) -> ZoomError {
    ZoomError::reject(Reason::Other, CauseClass::BadShape, text)
}

/// Reads a list to its end without a pause, so that no page token expires. Keeps all pages in memory, at most
/// `room.left` bytes, because a list that restarts must not have sent anything.
pub(crate) async fn read_all(
    client: &Client,
    request: Request,
    room: &mut Room,
    calls: &mut Calls,
) -> Result<Vec<ZoomResponse>, ZoomError> {
    let name = request.call.endpoint.name();
    let mut list = Pages::new(request);
    let (mut pages, before) = (Vec::new(), room.left);
    loop {
        match list.next(client, calls).await? {
            Step::Page(page) => {
                room.take(name, &page)?;
                pages.push(page);
            }
            Step::Restarted => {
                pages.clear();
                room.left = before;
            }
            Step::End => return Ok(pages),
        }
    }
}

/// Memory limit in bytes for the lists of one job.
#[derive(Debug)]
pub(crate) struct Room {
    left: usize,
    most: usize,
}

impl Room {
    /// Returns the limit for a task.
    pub(crate) fn of(task: &Task) -> Self {
        let most = if matches!(task, Task::HostMeetings { .. }) { MAX_OF_HOST } else { MAX_OF_DATE };
        Self { left: most, most }
    }

    fn take(&mut self, name: &str, page: &ZoomResponse) -> Result<(), ZoomError> {
        let taken = page.body.get().len() + page.received.as_ref().map_or(0, Vec::len);
        let Some(left) = self.left.checked_sub(taken) else {
            let text = format!("{name}: the lists of one job have more than {} MB", self.most >> 20);
            return Err(ZoomError::reject(Reason::Other, CauseClass::TooLarge, text));
        };
        self.left = left;
        Ok(())
    }
}

/// Promised and received records of one or more lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// `None` if an answer, or one of several lists, names no total.
    pub(crate) promised: Option<u64>,
    pub(crate) got: u64,
}

impl Tally {
    /// No records promised or received: the start of a sum of lists.
    pub(crate) const NOTHING: Self = Self { promised: Some(0), got: 0 };
    /// A list before its first page.
    pub(crate) const UNREAD: Self = Self { promised: None, got: 0 };

    /// Returns the tally of one list. A list may grow while it is read, so the last page's total counts.
    pub(crate) fn of(pages: &[ZoomResponse]) -> Self {
        let mut tally = Self::UNREAD;
        pages.iter().for_each(|page| tally.page(page));
        tally
    }

    /// Adds a page of the same list.
    pub(crate) fn page(&mut self, page: &ZoomResponse) {
        self.promised = page.head.total_records.or(self.promised);
        self.got = self.got.saturating_add(page.head.rows.unwrap_or(0));
    }

    /// Adds another list; saturates, because the API's totals are untrusted.
    pub(crate) fn list(&mut self, other: Self) {
        let both = self.promised.zip(other.promised);
        self.promised = both.map(|(these, those)| these.saturating_add(those));
        self.got = self.got.saturating_add(other.got);
    }
}

#[cfg(test)]
mod tests {
    use runtime::{Failure, clock};
    use serde_json::value::RawValue;

    use super::*;

    fn page(body: &str) -> ZoomResponse {
        ZoomResponse {
            head: serde_json::from_str(body).unwrap(),
            body: RawValue::from_string(body.to_owned()).unwrap(),
            received: None,
            received_at: clock::now(),
        }
    }

    #[test]
    fn the_lists_of_a_job_are_kept_up_to_so_many_bytes() {
        let body = r#"{"users":[]}"#;
        let mut room = Room { left: 2 * body.len(), most: 16 << 20 };
        room.take("GET /users", &page(body)).unwrap();
        room.take("GET /users", &page(body)).unwrap();
        let error = room.take("GET /users", &page(body)).unwrap_err();
        let Failure::Reject { cause } = error.failure else { panic!("{error:?}") };
        assert_eq!(cause.class, CauseClass::TooLarge);
        assert_eq!(cause.text, "GET /users: the lists of one job have more than 16 MB");
    }

    /// Reads pages until the list ends or is rejected. Returns the number of pages and the error.
    fn read(page: impl Fn(u64) -> Head) -> (u64, Option<String>) {
        let mut read = Read::default();
        for number in 0..20_000 {
            let head = page(number);
            match read.take(&head) {
                Err(why) => return (read.pages, Some(why)),
                Ok(()) if head.next_page_token.is_none() => return (read.pages, None),
                Ok(()) => {}
            }
        }
        panic!("it does not end");
    }

    fn endless(number: u64, rows: u64, total_records: Option<u64>) -> Head {
        Head { next_page_token: Some(number.to_string()), rows: Some(rows), total_records, ..Head::default() }
    }

    #[test]
    fn a_list_that_goes_far_beyond_its_promise_is_given_up() {
        assert_eq!(read(|number| endless(number, 300, Some(1))).0, 3);
        assert_eq!(read(|number| endless(number, 1, Some(1))).0, 5);
        assert_eq!(read(|number| endless(number, 0, Some(1_000))).0, MAX_EMPTY);
        assert_eq!(read(|number| endless(number, 300, None)).0, MAX_UNPROMISED);
        assert_eq!(read(|number| endless(number, 300, Some(u64::MAX))).0, MAX_PAGES);
        let (pages, why) = read(|number| endless(number, 300, Some(300 * (number + 1))));
        assert!(pages <= 9, "a promise that grows with every page is none: {pages}");
        assert_eq!(why.unwrap(), "goes on after 9 pages with 2700 records, where it promised 900");
        assert_eq!(read(|number| endless(number % 2, 300, Some(9_000))).0, 3, "round and round");
        let long = || Some("x".repeat(MAX_TOKEN + 1));
        assert_eq!(read(|number| Head { next_page_token: long(), ..endless(number, 1, Some(5)) }).0, 1);
    }

    #[test]
    fn a_list_that_ends_is_read_to_its_end() {
        let ending = |pages: u64, rows: u64, total: Option<u64>| {
            read(|number| match number + 1 == pages {
                true => Head { next_page_token: None, ..endless(number, rows, total) },
                false => endless(number, rows, total),
            })
        };
        for (pages, rows, total) in
            [(1, 0, Some(0)), (20, 30, Some(600)), (40, 30, Some(600)), (100, 300, None), (3, 300, Some(450))]
        {
            assert_eq!(ending(pages, rows, total), (pages, None), "{rows} of {total:?} in a page");
        }
    }

    #[test]
    fn promises_add_up_and_one_that_is_missing_leaves_the_sum_open() {
        let silent = Tally::of(&[page(r#"{"users":[{}]}"#)]);
        assert_eq!(silent, Tally { promised: None, got: 1 });
        let vast = Tally::of(&[page(r#"{"users":[{}],"total_records":18446744073709551615}"#)]);
        let mut sum = Tally::NOTHING;
        sum.list(vast);
        sum.list(vast);
        assert_eq!(sum, Tally { promised: Some(u64::MAX), got: 2 });
        sum.list(silent);
        assert_eq!(sum, Tally { promised: None, got: 3 });
    }
}
