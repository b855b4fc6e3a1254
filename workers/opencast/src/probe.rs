//! Detects the server's capabilities by requests, never by its version.
//!
//! **The dialect.** Harvard DCE's fork supports `start` and `end`; upstream ignores unknown parameters. A request
//! without a `day` makes upstream count its whole table, which may take minutes. So the probe requests a window
//! together with a day that had no actions. A server that returns actions supports windows, so it is DCE's. If it
//! returns none, but some for the date by `day`, it is upstream. If both are empty, the dialect stays unknown, and the
//! date is empty in both. A configured dialect is tested as well, because a wrong one would read the whole table for
//! every date.

use jiff::Span;
use jiff::civil::Date;
use messages::Calls;
use opencast_wire::{Action, actions, episode};
use runtime::{Failure, clock};
use serde::Deserialize;

use crate::atlas::{OpencastError, Reason};
use crate::capabilities::{Capabilities, Dialect, Rights};
use crate::config::Choice;
use crate::endpoint::{Endpoint, Request};
use crate::window::{self, Window};
use crate::workflows;
use crate::{Opencast, actions as fetched};

/// Days back at which the probe looks for actions: first a week, then some of half a year.
const PROBED: [i64; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 28, 84, 168];
/// Rows requested to check the time zone: a single one may be wrong.
const ROWS: u32 = 10;

impl Opencast {
    /// Detects the server's capabilities. Makes about ten light calls, and up to twenty more without recent actions.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the server refuses the sign-in or a path, [`Failure::Halt`] if a setting contradicts the
    /// server, [`Failure::Hold`] if the server is unreachable, [`Failure::Retry`] if it fails.
    pub async fn probe(&self) -> Result<Capabilities, Failure> {
        let calls = &mut Calls::default();
        let found = self.client.get(&Request::catalogue(0, 1), calls).await?;
        let search =
            episode::results(&found.body).map_err(|fault| fetched::odd(Endpoint::Search, fault))?.shape;
        let told = self.look_back(calls).await;
        let told = self.unless_absent(told, calls).await?;
        let usertracking = told.is_some();
        let registered = self.registered(calls).await?;
        Ok(Capabilities {
            version: self.version(calls).await?,
            signed_in: self.me(calls).await?.and_then(|me| me.is_somebody()),
            signs: self.client.signs(),
            rights: self.look_up_rights(calls).await?,
            endpoints: registered.map(|paths| paths.len()),
            usertracking,
            detail: if usertracking { self.detail(calls).await? } else { None },
            dialect: told.flatten(),
            search,
            workflows: workflows::find(self, calls).await?,
            clock: self.client.dates().clock(clock::now()),
        })
    }

    /// Detects the dialect with the last date that has actions.
    async fn look_back(&self, calls: &mut Calls) -> Result<Option<Dialect>, OpencastError> {
        // Prefer the server's clock, because this machine's may be wrong.
        let now = self.client.dates().last().unwrap_or_else(clock::now);
        let today = self.timezone.to_datetime(now).date();
        for days in PROBED {
            let date = today.saturating_sub(Span::new().days(days));
            // Independent of the configured dialect, because any action reveals a wrong time zone.
            if self.tell_dialect(date, calls).await?.is_some() {
                return self.find_dialect(date, calls).await;
            }
        }
        self.find_dialect(today, calls).await
    }

    /// Returns the dialect; if unknown, detects it with a date. `None` if the date has no actions.
    pub(crate) async fn find_dialect(
        &self,
        date: Date,
        calls: &mut Calls,
    ) -> Result<Option<Dialect>, OpencastError> {
        if let Some(dialect) = self.dialect() {
            return Ok(Some(dialect));
        }
        let found = match self.choice {
            Choice::Auto => self.tell_dialect(date, calls).await?,
            Choice::Dce => match self.tell_dialect(date, calls).await? {
                Some(Dialect::Upstream) => {
                    return Err(
                        wrong("dce", "start and end, and would hand out all actions for every date").into()
                    );
                }
                // The configured dialect counts unless contradicted.
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

    /// Detects the dialect with a date; `None` if the date has no actions in either dialect.
    async fn tell_dialect(&self, date: Date, calls: &mut Calls) -> Result<Option<Dialect>, OpencastError> {
        let Window { start, end } = Window::of(date, &self.timezone).ok_or_else(fetched::unreachable)?;
        let asked = Request::window_or_nothing(window::stamp(start), window::stamp(end));
        let (total, by_window) = self.first_page(asked, calls).await?;
        if by_window == 0 {
            let asked = Request::of(Endpoint::Actions).with("day", window::day(date));
            if self.first_page(asked, calls).await?.1 == 0 {
                return Ok(None);
            }
        }
        let narrow = Request::window_or_nothing("19700101000000", "19700101000001");
        let (of_none, rows) = self.first_page(narrow, calls).await?;
        if rows > 0 {
            let text = "hands out actions for a time that had none: a proxy may drop the query";
            let text = format!("{} {text}", Endpoint::Actions.name());
            return Err(OpencastError::refused(Reason::Other, text));
        }
        // A total of 1 may count the page.
        let counts = of_none == Some(0) && total.is_some_and(|total| total > 1);
        Ok(Some(if by_window > 0 { Dialect::Dce { counts } } else { Dialect::Upstream }))
    }

    /// Returns the total and the number of rows of a small page.
    async fn first_page(
        &self,
        request: Request,
        calls: &mut Calls,
    ) -> Result<(Option<u64>, usize), OpencastError> {
        let answer = self.client.get(&request.with("limit", ROWS).with("offset", 0), calls).await?;
        let page = actions::page(&answer.body).map_err(|fault| fetched::odd(Endpoint::Actions, fault))?;
        let rows: Vec<_> = page.rows.iter().filter_map(|row| Action::read(row).ok()).collect();
        if let Some(cause) = fetched::zone_fault(&rows, self) {
            return Err(Failure::Halt { cause }.into());
        }
        Ok((page.total, page.rows.len()))
    }

    /// Returns the result of user tracking; `None` if it is absent. A server or proxy may refuse a missing path like an
    /// unauthorised one; then the list of endpoints decides.
    pub(crate) async fn unless_absent<T>(
        &self,
        found: Result<T, OpencastError>,
        calls: &mut Calls,
    ) -> Result<Option<T>, OpencastError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(OpencastError { reason: Reason::Absent, .. }) => Ok(None),
            Err(error) if matches!(error.reason, Reason::Closed | Reason::Page) => {
                let registered = self.registered(calls).await.ok().flatten();
                match registered.filter(|paths| !paths.is_empty()) {
                    Some(paths) if !lists_tracking(&paths) => Ok(None),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the user's permissions; requests them once.
    pub(crate) async fn look_up_rights(&self, calls: &mut Calls) -> Result<Rights, OpencastError> {
        if let Some(rights) = self.rights() {
            return Ok(rights);
        }
        let rights = self.me(calls).await?.map_or(Rights::Unknown, |me| me.rights());
        if rights != Rights::Unknown {
            self.found_rights(rights);
        }
        Ok(rights)
    }

    async fn detail(&self, calls: &mut Calls) -> Result<Option<bool>, OpencastError> {
        let said = optional(self.client.get_bytes(&Request::of(Endpoint::Detail), calls).await)?;
        let said = said.map(|said| said.trim_ascii().to_ascii_lowercase());
        Ok(said.and_then(|said| match said.as_slice() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }))
    }

    async fn registered(&self, calls: &mut Calls) -> Result<Option<Vec<String>>, OpencastError> {
        let read: Option<Components> = self.optional_json(Endpoint::Components, calls).await?;
        Ok(read.map(Components::paths))
    }

    async fn version(&self, calls: &mut Calls) -> Result<Option<String>, OpencastError> {
        let read: Option<Versions> = self.optional_json(Endpoint::Version, calls).await?;
        Ok(read.and_then(Versions::plain))
    }

    async fn me(&self, calls: &mut Calls) -> Result<Option<Me>, OpencastError> {
        self.optional_json(Endpoint::Me, calls).await
    }

    /// Requests JSON from an endpoint that may be missing, forbidden, or have another format.
    async fn optional_json<T: for<'a> Deserialize<'a>>(
        &self,
        endpoint: Endpoint,
        calls: &mut Calls,
    ) -> Result<Option<T>, OpencastError> {
        let mut request = Request::of(endpoint);
        if endpoint == Endpoint::Version {
            request = request.with("prefix", "opencast");
        }
        let body = optional(self.client.get_bytes(&request, calls).await)?;
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    }
}

/// What `/info/components.json` lists.
#[derive(Deserialize)]
struct Components {
    rest: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    path: String,
}

impl Components {
    fn paths(self) -> Vec<String> {
        self.rest.into_iter().map(|component| component.path).collect()
    }
}

/// What `/sysinfo/bundles/version` says.
#[derive(Deserialize)]
struct Versions {
    version: Option<String>,
}

impl Versions {
    /// Returns the version if it is short printable ASCII, because it is printed.
    fn plain(self) -> Option<String> {
        let is_plain =
            |version: &String| version.len() <= 64 && version.chars().all(|c| c.is_ascii_graphic());
        self.version.filter(is_plain)
    }
}

/// For the fuzz target: reads the version in an answer of the probe, and whether it is an answer of another endpoint.
pub fn probed(body: &[u8]) -> (Option<String>, bool) {
    let components: Option<Components> = serde_json::from_slice(body).ok();
    let me: Option<Me> = serde_json::from_slice(body).ok();
    let is_known = components.is_some() || me.is_some();
    let _ = components.map(|components| lists_tracking(&components.paths()));
    let _ = me.map(|me| (me.is_somebody(), me.rights()));
    let versions: Option<Versions> = serde_json::from_slice(body).ok();
    (versions.and_then(Versions::plain), is_known)
}

fn lists_tracking(paths: &[String]) -> bool {
    paths.iter().any(|path| path.trim_end_matches('/').ends_with("/usertracking"))
}

/// Returns the answer of an optional endpoint; `None` if it fails. Only an unreachable server is an error, because one
/// failing endpoint must not prevent the worker from starting.
fn optional<T>(answer: Result<T, OpencastError>) -> Result<Option<T>, OpencastError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.failure, Failure::Hold { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The current user in `/info/me.json`; up to Opencast 5 the name is next to the roles.
#[derive(Deserialize)]
struct Me {
    user: Option<User>,
    username: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    org: Option<Organisation>,
}

#[derive(Deserialize)]
struct User {
    username: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organisation {
    admin_role: Option<String>,
}

impl Me {
    /// Whether a user is signed in; `None` if unknown.
    fn is_somebody(&self) -> Option<bool> {
        let name = self.user.as_ref().and_then(|user| user.username.as_ref()).or(self.username.as_ref());
        name.map(|name| name != "anonymous")
    }

    fn rights(&self) -> Rights {
        let role = self.org.as_ref().and_then(|org| org.admin_role.as_deref()).unwrap_or(ADMIN);
        match self.roles.iter().any(|each| each == role || each == ADMIN) {
            true => Rights::All,
            false if self.roles.is_empty() => Rights::Unknown,
            false => Rights::Some,
        }
    }
}

/// The role of a user with all permissions in every organisation.
const ADMIN: &str = "ROLE_ADMIN";

fn wrong(dialect: &str, what: &str) -> Failure {
    let cause = format!("OPENCAST_DIALECT is {dialect}, but the server passes over {what}: set it to auto");
    Failure::Halt { cause }
}
