//! Selects Dashboard or Reports per account: as configured, or by the plan. Pure: times are passed in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use messages::zoom::Api;
use tracing::{info, warn};

use crate::Choice;
use crate::atlas::{Reason, ZoomError};
use crate::scopes::{missing_scopes, reads_dashboard};

/// Pauses before a refusal of the Dashboard counts: a licence renewal or a change of role refuses for a moment.
const DOUBTS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// Time with the Reports before the Dashboard is tried again; doubles.
const FIRST_REST: Duration = Duration::from_secs(60 * 60);
/// Longest time between trials of the Dashboard.
const LONGEST_REST: Duration = Duration::from_secs(6 * 60 * 60);
/// Number of dates whose source is remembered.
const MOST_DATES: usize = 1_000;

/// The source of one account.
#[derive(Debug)]
pub(crate) struct Source {
    choice: Choice,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Set while the Dashboard refuses.
    wall: Option<Wall>,
    /// The family with which this process listed each date.
    listed: BTreeMap<Date, Api>,
}

#[derive(Debug, Clone, Copy)]
struct Wall {
    ask_again_at: Instant,
    rest: Duration,
}

/// Action after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Fail with the refusal.
    Refused,
    /// Retry after this pause.
    Again(Duration),
    /// Redo the whole job with the Reports.
    Reports,
    /// Retry the job later: the Dashboard listed its meeting, and a date has one source.
    Later,
}

impl Source {
    pub(crate) fn new(choice: Choice) -> Self {
        Self { choice, state: Mutex::default() }
    }

    /// Returns the endpoints for a job; `wanted` names the family that listed its meeting, `None` leaves it to the
    /// configuration. While the Dashboard refuses, a job tries it again from time to time.
    pub(crate) fn api(&self, wanted: Option<Api>, now: Instant) -> Api {
        match (self.choice, wanted) {
            (_, Some(Api::Report)) | (Choice::Report, _) => return Api::Report,
            (Choice::Dashboard, _) | (Choice::Auto, Some(Api::Dashboard)) => return Api::Dashboard,
            (Choice::Auto, None) => {}
        }
        match &mut self.state().wall {
            Some(wall) if now < wall.ask_again_at => Api::Report,
            Some(wall) => {
                wall.rest = (wall.rest * 2).min(LONGEST_REST);
                wall.ask_again_at = now + wall.rest;
                Api::Dashboard
            }
            None => Api::Dashboard,
        }
    }

    /// Returns the action after a refusal, given the job's previous `refusals`.
    pub(crate) fn weigh(
        &self,
        error: &ZoomError,
        (api, wanted): (Api, Option<Api>),
        refusals: usize,
        granted: &[String],
        now: Instant,
    ) -> Next {
        if self.choice != Choice::Auto || api == Api::Report || !is_wall(error, granted) {
            return Next::Refused;
        }
        if wanted == Some(Api::Dashboard) {
            return Next::Later;
        }
        let mut state = self.state();
        if state.wall.is_some() {
            return Next::Reports;
        }
        // Scopes do not change from one moment to the next.
        let doubt = DOUBTS.get(refusals).filter(|_| error.reason != Reason::Scopes);
        if let Some(pause) = doubt {
            return Next::Again(*pause);
        }
        warn!("this account has no Dashboard: the Reports are used, which know fewer fields (ZOOM_SOURCE)");
        state.wall = Some(Wall { ask_again_at: now + FIRST_REST, rest: FIRST_REST });
        Next::Reports
    }

    /// Records a successful job.
    pub(crate) fn answered(&self, api: Api) {
        if api == Api::Dashboard && self.state().wall.take().is_some() {
            info!("the Dashboard answers again: it is used for the dates that are listed from now on");
        }
    }

    /// Records the family that listed the meetings of a date.
    pub(crate) fn listed(&self, date: Date, api: Api) {
        let mut state = self.state();
        state.listed.insert(date, api);
        if state.listed.len() > MOST_DATES {
            state.listed.pop_first();
        }
    }

    /// Returns the family that listed the meetings of a date, if this process listed it.
    pub(crate) fn of_date(&self, date: Date) -> Option<Api> {
        self.state().listed.get(&date).copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No update is incomplete if its holder panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the refusal means that the account has no Dashboard; then Zoom may not offer its scopes at all.
fn is_wall(error: &ZoomError, granted: &[String]) -> bool {
    match error.reason {
        Reason::Wall => true,
        Reason::Scopes => {
            !granted.is_empty()
                && !reads_dashboard(granted)
                && missing_scopes(granted, Choice::Report, false).is_empty()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall() -> ZoomError {
        ZoomError::refused(Reason::Wall, "no Dashboard".into())
    }

    const NEW: (Api, Option<Api>) = (Api::Dashboard, None);

    #[test]
    fn auto_changes_over_when_the_refusal_is_confirmed_and_comes_back() {
        let (auto, now) = (Source::new(Choice::Auto), Instant::now());
        assert_eq!(auto.api(None, now), Api::Dashboard);
        for (refusals, pause) in DOUBTS.into_iter().enumerate() {
            assert_eq!(auto.weigh(&wall(), NEW, refusals, &[], now), Next::Again(pause));
            assert_eq!(auto.api(None, now), Api::Dashboard, "one refusal changes nothing");
        }
        assert_eq!(auto.weigh(&wall(), NEW, DOUBTS.len(), &[], now), Next::Reports);
        assert_eq!(auto.api(None, now), Api::Report);
        assert_eq!(auto.weigh(&wall(), NEW, 0, &[], now), Next::Reports, "for the others at once");
        let later = now + FIRST_REST;
        assert_eq!(auto.api(None, later), Api::Dashboard, "one job asks again");
        assert_eq!(auto.api(None, later), Api::Report, "and only one");
        assert_eq!(auto.api(None, later + FIRST_REST), Api::Report);
        assert_eq!(auto.api(None, later + 2 * FIRST_REST), Api::Dashboard);
        auto.answered(Api::Dashboard);
        assert_eq!(auto.api(None, later), Api::Dashboard);
    }

    #[test]
    fn details_are_fetched_from_the_source_that_listed_them() {
        let (auto, now) = (Source::new(Choice::Auto), Instant::now());
        assert_eq!(auto.weigh(&wall(), NEW, DOUBTS.len(), &[], now), Next::Reports);
        assert_eq!(auto.api(Some(Api::Dashboard), now), Api::Dashboard);
        assert_eq!(auto.api(Some(Api::Report), now), Api::Report);
        let listed = (Api::Dashboard, Some(Api::Dashboard));
        assert_eq!(auto.weigh(&wall(), listed, 0, &[], now), Next::Later);
    }

    #[test]
    fn a_configured_source_is_never_changed() {
        let now = Instant::now();
        let dashboard = Source::new(Choice::Dashboard);
        assert_eq!(dashboard.weigh(&wall(), NEW, 9, &[], now), Next::Refused);
        assert_eq!(dashboard.api(None, now), Api::Dashboard);
        let report = Source::new(Choice::Report);
        assert_eq!(
            (report.api(None, now), report.api(Some(Api::Dashboard), now)),
            (Api::Report, Api::Report)
        );
        let auto = Source::new(Choice::Auto);
        let reports = (Api::Report, None);
        assert_eq!(auto.weigh(&wall(), reports, 9, &[], now), Next::Refused, "the Reports have no wall");
    }

    #[test]
    fn missing_dashboard_scopes_are_a_wall_when_the_reports_are_granted() {
        let scopes = ZoomError::refused(Reason::Scopes, "the token lacks a scope".into());
        let weighed = |granted: &[&str]| {
            let granted: Vec<String> = granted.iter().map(|scope| (*scope).to_owned()).collect();
            Source::new(Choice::Auto).weigh(&scopes, NEW, 0, &granted, Instant::now())
        };
        assert_eq!(weighed(&["report:read:admin"]), Next::Reports);
        assert_eq!(weighed(&["user:read:admin"]), Next::Refused);
        assert_eq!(weighed(&["dashboard_meetings:read:admin", "report:read:admin"]), Next::Refused);
        assert_eq!(weighed(&[]), Next::Refused);
    }

    #[test]
    fn the_source_of_some_dates_is_remembered() {
        let source = Source::new(Choice::Auto);
        let date = |days: i64| jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(days));
        assert_eq!(source.of_date(date(0)), None);
        for days in 0..=i64::try_from(MOST_DATES).unwrap() {
            source.listed(date(days), Api::Report);
        }
        assert_eq!((source.of_date(date(0)), source.of_date(date(9))), (None, Some(Api::Report)));
    }
}
