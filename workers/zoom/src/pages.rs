//! Reads a list page by page. Page tokens live for minutes: an expired one begins the list anew.
//! Must not know what the rows are.

use std::collections::HashSet;

use messages::{Calls, CauseClass};

use crate::atlas::{Reason, Refusal};
use crate::client::{Answer, Client, Request};

/// How often one list is begun anew.
const MAX_RESTARTS: u8 = 3;
/// A list of more pages than this does not end.
const MAX_PAGES: usize = 10_000;
/// What is kept in memory of one list.
const MAX_LIST: usize = 256 << 20;
const TOKEN: &str = "next_page_token";

/// A list being read.
pub(crate) struct Pages {
    request: Request,
    next: Next,
    /// The tokens named so far: one that is named again leads round and round.
    named: HashSet<String>,
    restarts: u8,
}

enum Next {
    First,
    Token(String),
    End,
}

/// What reading on has brought.
pub(crate) enum Step {
    /// The next page.
    Page(Answer),
    /// The list begins anew: what was read of it counts no more.
    Restarted,
    /// The last page was the last.
    End,
}

impl Pages {
    pub(crate) fn new(request: Request) -> Self {
        Self { request, next: Next::First, named: HashSet::new(), restarts: 0 }
    }

    pub(crate) async fn next(&mut self, client: &Client, calls: &mut Calls) -> Result<Step, Refusal> {
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
            Err(refusal) if refusal.reason == Reason::RestartListing && self.restarts < MAX_RESTARTS => {
                self.restarts += 1;
                self.next = Next::First;
                self.named.clear();
                Ok(Step::Restarted)
            }
            Err(refusal) => Err(refusal),
        }
    }

    fn advance(&mut self, answer: &Answer) -> Result<(), Refusal> {
        self.next = Next::End;
        let Some(token) = answer.head.next_page_token.clone() else { return Ok(()) };
        let name = self.request.call.endpoint.name();
        if !self.named.insert(token.clone()) {
            return Err(endless(format!("{name} names the same next page again and again")));
        }
        if self.named.len() >= MAX_PAGES {
            return Err(endless(format!("{name} names a next page after {MAX_PAGES} pages")));
        }
        self.next = Next::Token(token);
        Ok(())
    }
}

fn endless(text: String) -> Refusal {
    Refusal::retry(Reason::Other, CauseClass::BadShape, text)
}

/// Reads a list to its end without a pause, so that no page token expires meanwhile. Lists are kept whole on purpose,
/// since a list that is begun anew must not have sent anything: at most [`MAX_LIST`] bytes of each.
pub(crate) async fn read_all(
    client: &Client,
    request: Request,
    calls: &mut Calls,
) -> Result<Vec<Answer>, Refusal> {
    let name = request.call.endpoint.name();
    let mut list = Pages::new(request);
    let mut whole = Whole::new(name, MAX_LIST);
    loop {
        match list.next(client, calls).await? {
            Step::Page(page) => whole.push(page)?,
            Step::Restarted => whole = Whole::new(name, MAX_LIST),
            Step::End => return Ok(whole.pages),
        }
    }
}

/// All pages of a list, up to so many bytes.
struct Whole {
    name: &'static str,
    pages: Vec<Answer>,
    left: usize,
}

impl Whole {
    fn new(name: &'static str, most: usize) -> Self {
        Self { name, pages: Vec::new(), left: most }
    }

    fn push(&mut self, page: Answer) -> Result<(), Refusal> {
        let Some(left) = self.left.checked_sub(page.body.get().len()) else {
            let text = format!("{} lists more than {} MB", self.name, MAX_LIST >> 20);
            return Err(Refusal::reject(Reason::Other, CauseClass::TooLarge, text));
        };
        self.left = left;
        self.pages.push(page);
        Ok(())
    }
}

/// Records promised and records that came, over the pages of one or more lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// `None` when an answer, or one of several lists, does not say.
    pub(crate) promised: Option<u64>,
    pub(crate) got: u64,
}

impl Tally {
    /// Nothing asked for, nothing missing: where a sum of lists begins.
    pub(crate) const NOTHING: Self = Self { promised: Some(0), got: 0 };
    /// A list before its first page.
    pub(crate) const UNREAD: Self = Self { promised: None, got: 0 };

    /// The tally of one list. A list may grow while it is read: its last page's promise counts.
    pub(crate) fn of(pages: &[Answer]) -> Self {
        let mut tally = Self::UNREAD;
        pages.iter().for_each(|page| tally.page(page));
        tally
    }

    /// Adds a page of the same list.
    pub(crate) fn page(&mut self, page: &Answer) {
        self.promised = page.head.total_records.or(self.promised);
        self.got = self.got.saturating_add(page.head.rows.unwrap_or(0));
    }

    /// Adds another list. What the API promises may be any number.
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

    fn page(body: &str) -> Answer {
        Answer {
            head: serde_json::from_str(body).unwrap(),
            body: RawValue::from_string(body.to_owned()).unwrap(),
            received_at: clock::now(),
        }
    }

    #[test]
    fn a_list_is_kept_up_to_so_many_bytes() {
        let body = r#"{"users":[]}"#;
        let mut whole = Whole::new("GET /users", 2 * body.len());
        whole.push(page(body)).unwrap();
        whole.push(page(body)).unwrap();
        let refusal = whole.push(page(body)).unwrap_err();
        let Failure::Reject { cause } = refusal.failure else { panic!("{refusal:?}") };
        assert_eq!(cause.class, CauseClass::TooLarge);
        assert_eq!(cause.text, "GET /users lists more than 256 MB");
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
