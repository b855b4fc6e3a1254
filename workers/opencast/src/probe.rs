//! What the server turns out to be, found by asking and never by its version.
//!
//! **The dialect.** Harvard DCE's servers take `start` and `end`; upstream never did and passes over parameters it does
//! not know. So the first second of 1970 is asked for: a server that answers with actions has passed over the window and
//! is upstream. One that answers with none is asked without a window: if it has actions after all, the window was
//! honoured, and it is DCE's. If it has none, it is asked for all time: a server that has actions for those only who name
//! a window is DCE's too. If it has none at all, nothing can be told, and nothing has to be. A dialect that is configured
//! is put to the same test, since the wrong one would read the whole table for every date.

use std::fmt;

use messages::Calls;
use opencast_wire::{Action, Shape, actions, episode};
use runtime::Failure;
use serde::Deserialize;

use crate::atlas::{NO_TRACKING, Reason, Refusal};
use crate::config::Choice;
use crate::endpoint::{Endpoint, Request};
use crate::workflows::{self, Workflows};
use crate::{Opencast, actions as fetched};

/// How user tracking is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// By `start` and `end`.
    Dce {
        /// Whether `total` counts the window's actions, and not all there are.
        counts: bool,
    },
    /// By `day`.
    Upstream,
}

/// What a server can do, as far as it could be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The version it gives itself.
    pub version: Option<String>,
    /// Whether a user is signed in; `None` when the server does not say.
    pub signed_in: Option<bool>,
    /// How many endpoints are registered.
    pub endpoints: Option<usize>,
    /// Whether there is user tracking.
    pub usertracking: bool,
    /// Whether it keeps every event.
    pub detail: Option<bool>,
    /// How it is asked; `None` without user tracking, and as long as there are no actions to tell by.
    pub dialect: Option<Dialect>,
    /// The generation of `search/episode.json`.
    pub search: Shape,
    /// Where workflows are.
    pub workflows: Workflows,
}

impl Capabilities {
    /// What was found, a line each: what it is about, and plain words.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let yes_or_no = |known: Option<bool>, yes: &str, no: &str| match known {
            Some(true) => yes.to_owned(),
            Some(false) => no.to_owned(),
            None => "the server does not say".to_owned(),
        };
        let version = self.version.clone().unwrap_or_else(|| "the server does not say".to_owned());
        let endpoints =
            self.endpoints.map_or_else(|| "the server does not say".to_owned(), |count| count.to_string());
        let tracking = match (self.usertracking, self.detail) {
            (false, _) => NO_TRACKING.to_owned(),
            (true, detail) => yes_or_no(
                detail,
                "on, every event is kept",
                "on, but without details (detailedtrack is false)",
            ),
        };
        let dialect = match self.dialect {
            Some(dialect) => dialect.to_string(),
            None if !self.usertracking => "none: there is no user tracking".to_owned(),
            None => "cannot be told: there are no actions".to_owned(),
        };
        let search = match self.search {
            Shape::Wrapped => "as in Opencast 15 and before",
            Shape::Plain => "as in Opencast 16 and after",
        };
        let signed_in = yes_or_no(self.signed_in, "yes", "no: only what is open to everybody is seen");
        vec![
            ("version", version),
            ("signed in", signed_in),
            ("endpoints", endpoints),
            ("user tracking", tracking),
            ("dialect", dialect),
            ("search", search.to_owned()),
            ("workflows", self.workflows.to_string()),
        ]
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dce { counts: true } => "dce: windows of time",
            Self::Dce { counts: false } => "dce: windows of time, without a count of what is in one",
            Self::Upstream => "upstream: whole days",
        })
    }
}

impl Opencast {
    /// Finds out what the server can do: about ten light calls.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the sign-in or an address is refused, [`Failure::Halt`] when a setting is wrong, [`Failure::Hold`] when the server is away,
    /// [`Failure::Retry`] when it is in trouble.
    pub async fn probe(&self) -> Result<Capabilities, Failure> {
        let calls = &mut Calls::default();
        let registered = self.registered(calls).await?;
        let usertracking = self.has_tracking(registered.as_deref(), calls).await?;
        let found = self.client.get(&Request::catalogue(0, 1), calls).await?;
        let search =
            episode::results(&found.body).map_err(|fault| fetched::odd(Endpoint::Search, fault))?.shape;
        if usertracking {
            // Whatever the dialect is: a zone that is not the server's is seen by any action.
            self.first_page(Request::of(Endpoint::Actions), calls).await?;
        }
        Ok(Capabilities {
            version: self.version(calls).await?,
            signed_in: self.signed_in(calls).await?,
            endpoints: registered.map(|paths| paths.len()),
            usertracking,
            detail: if usertracking { self.detail(calls).await? } else { None },
            dialect: if usertracking { self.find_dialect(calls).await? } else { None },
            search,
            workflows: workflows::find(self, calls).await?,
        })
    }

    /// The dialect in force, found out if need be; `None` when there are no actions to tell by.
    pub(crate) async fn find_dialect(&self, calls: &mut Calls) -> Result<Option<Dialect>, Refusal> {
        if let Some(dialect) = self.dialect() {
            return Ok(Some(dialect));
        }
        let found = match self.choice {
            Choice::Auto => self.tell_dialect(calls).await?,
            Choice::Dce => match self.tell_dialect(calls).await? {
                Some(Dialect::Upstream) => {
                    return Err(
                        wrong("dce", "start and end, and would hand out all actions for every date").into()
                    );
                }
                // What was named is believed as long as nothing speaks against it.
                other => other.or(Some(Dialect::Dce { counts: false })),
            },
            Choice::Upstream => {
                let asked = Request::of(Endpoint::Actions).with("day", "19700101");
                if self.first_page(asked, calls).await?.1 > 0 {
                    return Err(
                        wrong("upstream", "day, and would hand out all actions for every date").into()
                    );
                }
                Some(Dialect::Upstream)
            }
        };
        if let Some(dialect) = found {
            self.decide(found);
            tracing::info!("opencast's user tracking speaks {dialect}");
        }
        Ok(found)
    }

    /// Tells the dialect; `None` when there are no actions at all, in whichever way they are asked for.
    async fn tell_dialect(&self, calls: &mut Calls) -> Result<Option<Dialect>, Refusal> {
        let actions = || Request::of(Endpoint::Actions);
        let window =
            |start: &str, end: String| actions().with("start", format!("{start}000000")).with("end", end);
        let (narrow, rows) = self.first_page(window("19700101", "19700101000001".into()), calls).await?;
        if rows > 0 {
            return Ok(Some(Dialect::Upstream));
        }
        if narrow.is_some_and(|total| total > 0) {
            return Ok(Some(Dialect::Dce { counts: false }));
        }
        let (all, rows) = self.first_page(actions(), calls).await?;
        if rows > 0 {
            // A total of 1 may be that of the page.
            let counts = narrow == Some(0) && all.is_some_and(|total| total > 1);
            return Ok(Some(Dialect::Dce { counts }));
        }
        // There may be actions for those only who name a window.
        let (_, rows) = self.first_page(window("19700101", "20991231235959".into()), calls).await?;
        Ok((rows > 0).then_some(Dialect::Dce { counts: false }))
    }

    /// The total and the number of rows of a page of one.
    async fn first_page(&self, request: Request, calls: &mut Calls) -> Result<(Option<u64>, usize), Refusal> {
        let answer = self.client.get(&request.with("limit", 1).with("offset", 0), calls).await?;
        let page = actions::page(&answer.body).map_err(|fault| fetched::odd(Endpoint::Actions, fault))?;
        for action in page.rows.iter().filter_map(|row| Action::read(row).ok()) {
            fetched::check_zone(&action, &self.timezone)?;
        }
        Ok((page.total, page.rows.len()))
    }

    /// Whether there is user tracking: by the list of endpoints, else by asking it.
    async fn has_tracking(&self, registered: Option<&[String]>, calls: &mut Calls) -> Result<bool, Refusal> {
        if let Some(paths) = registered.filter(|paths| !paths.is_empty()) {
            return Ok(lists_tracking(paths));
        }
        match self.client.get_bytes(&Request::of(Endpoint::Detail), calls).await {
            // It is there, and not for this user: whoever asks it for actions is told so.
            Ok(_) | Err(Refusal { reason: Reason::Closed, .. }) => Ok(true),
            Err(Refusal { reason: Reason::Absent | Reason::Parameter, .. }) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// True when the server lists its endpoints and user tracking is none of them.
    pub(crate) async fn lacks_tracking(&self, calls: &mut Calls) -> bool {
        let registered = self.registered(calls).await.ok().flatten().filter(|paths| !paths.is_empty());
        registered.is_some_and(|paths| !lists_tracking(&paths))
    }

    async fn detail(&self, calls: &mut Calls) -> Result<Option<bool>, Refusal> {
        let said = optional(self.client.get_bytes(&Request::of(Endpoint::Detail), calls).await)?;
        let said = said.map(|said| said.trim_ascii().to_ascii_lowercase());
        Ok(said.and_then(|said| match said.as_slice() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }))
    }

    async fn registered(&self, calls: &mut Calls) -> Result<Option<Vec<String>>, Refusal> {
        #[derive(Deserialize)]
        struct Components {
            rest: Vec<Component>,
        }
        #[derive(Deserialize)]
        struct Component {
            path: String,
        }
        let read: Option<Components> = self.optional_json(Endpoint::Components, calls).await?;
        Ok(read.map(|components| components.rest.into_iter().map(|component| component.path).collect()))
    }

    async fn version(&self, calls: &mut Calls) -> Result<Option<String>, Refusal> {
        #[derive(Deserialize)]
        struct Versions {
            version: Option<String>,
        }
        let read: Option<Versions> = self.optional_json(Endpoint::Version, calls).await?;
        // It is printed: nothing but what a version is made of.
        let plain = |version: &String| version.len() <= 64 && version.chars().all(|c| c.is_ascii_graphic());
        Ok(read.and_then(|versions| versions.version).filter(plain))
    }

    async fn signed_in(&self, calls: &mut Calls) -> Result<Option<bool>, Refusal> {
        #[derive(Deserialize)]
        struct Me {
            user: Option<User>,
            username: Option<String>,
        }
        #[derive(Deserialize)]
        struct User {
            username: Option<String>,
        }
        let read: Option<Me> = self.optional_json(Endpoint::Me, calls).await?;
        let name = read.and_then(|me| me.user.and_then(|user| user.username).or(me.username));
        Ok(name.map(|name| name != "anonymous"))
    }

    /// JSON of an endpoint that may not be there, or be closed, or say something else.
    async fn optional_json<T: for<'a> Deserialize<'a>>(
        &self,
        endpoint: Endpoint,
        calls: &mut Calls,
    ) -> Result<Option<T>, Refusal> {
        let mut request = Request::of(endpoint);
        if endpoint == Endpoint::Version {
            request = request.with("prefix", "opencast");
        }
        let body = optional(self.client.get_bytes(&request, calls).await)?;
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    }
}

fn lists_tracking(paths: &[String]) -> bool {
    paths.iter().any(|path| path.trim_end_matches('/').ends_with("/usertracking"))
}

/// An answer, or none where the endpoint is not there or not for this user.
fn optional<T>(answer: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Refusal { reason: Reason::Absent | Reason::Closed | Reason::Parameter, .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn wrong(dialect: &str, what: &str) -> Failure {
    let cause = format!("OPENCAST_DIALECT is {dialect}, but the server passes over {what}: set it to auto");
    Failure::Halt { cause }
}
