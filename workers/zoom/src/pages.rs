//! Reads a list page by page. Page tokens live for minutes: an expired one begins the list anew.
//! Must not know what the rows are.

use messages::{Calls, CauseClass};

use crate::atlas::{Reason, Refusal};
use crate::client::{Answer, Client, Request};

/// How often one list is begun anew.
const MAX_RESTARTS: u8 = 3;
/// A list of more pages than this does not end: the API repeats itself.
const MAX_PAGES: u32 = 10_000;
const TOKEN: &str = "next_page_token";

/// A list being read.
pub(crate) struct Pages {
    request: Request,
    next: Next,
    pages: u32,
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
        Self { request, next: Next::First, pages: 0, restarts: 0 }
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
                (self.next, self.pages) = (Next::First, 0);
                Ok(Step::Restarted)
            }
            Err(refusal) => Err(refusal),
        }
    }

    fn advance(&mut self, answer: &Answer) -> Result<(), Refusal> {
        let came_with = std::mem::replace(&mut self.next, Next::End);
        let Some(token) = answer.head.next_page_token.clone() else { return Ok(()) };
        self.pages += 1;
        let repeats = matches!(came_with, Next::Token(sent) if sent == token) || self.pages >= MAX_PAGES;
        if repeats {
            let text =
                format!("{} names the same next page again and again", self.request.call.endpoint.name());
            return Err(Refusal::retry(Reason::Other, CauseClass::BadShape, text));
        }
        self.next = Next::Token(token);
        Ok(())
    }
}

/// Reads a list to its end without a pause, so that no page token expires meanwhile.
pub(crate) async fn read_all(
    client: &Client,
    request: Request,
    calls: &mut Calls,
) -> Result<Vec<Answer>, Refusal> {
    let mut list = Pages::new(request);
    let mut pages = Vec::new();
    loop {
        match list.next(client, calls).await? {
            Step::Page(page) => pages.push(page),
            Step::Restarted => pages.clear(),
            Step::End => return Ok(pages),
        }
    }
}

/// Records promised and records that came, over the pages of one or more lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) promised: Option<u64>,
    pub(crate) got: u64,
}

impl Tally {
    /// The tally of one list. A list may grow while it is read: its last page's promise counts.
    pub(crate) fn of(pages: &[Answer]) -> Self {
        let mut tally = Self::default();
        pages.iter().for_each(|page| tally.page(page));
        tally
    }

    /// Adds a page of the same list.
    pub(crate) fn page(&mut self, page: &Answer) {
        self.promised = page.head.total_records.or(self.promised);
        self.got += page.head.rows.unwrap_or(0);
    }

    /// Adds another list.
    pub(crate) fn list(&mut self, other: Self) {
        self.promised = match (self.promised, other.promised) {
            (Some(these), Some(those)) => Some(these + those),
            (one, other) => one.or(other),
        };
        self.got += other.got;
    }
}
