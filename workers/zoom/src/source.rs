//! Which of Zoom's two families of endpoints answers: as configured, or as the plan turns out to allow.

use std::sync::atomic::{AtomicBool, Ordering};

use messages::zoom::Api;
use tracing::warn;

use crate::Choice;
use crate::atlas::{Reason, Refusal};
use crate::scopes::{missing_scopes, reads_dashboard};

/// The process's source. In `auto` it begins with the Dashboard and changes over to the Reports once.
#[derive(Debug)]
pub(crate) struct Source {
    choice: Choice,
    walled: AtomicBool,
}

impl Source {
    pub(crate) fn new(choice: Choice) -> Self {
        Self { choice, walled: AtomicBool::new(false) }
    }

    /// The endpoints for a job that asks for `wanted`, or leaves it to the configuration.
    pub(crate) fn api(&self, wanted: Option<Api>) -> Api {
        let walled = self.walled.load(Ordering::Relaxed);
        match (self.choice, wanted) {
            (_, Some(Api::Report)) | (Choice::Report, _) => Api::Report,
            (Choice::Auto, _) if walled => Api::Report,
            _ => Api::Dashboard,
        }
    }

    /// Whether the job that met `refusal` is to be done again with the Reports. Says so the first time.
    pub(crate) fn changes_over(&self, refusal: &Refusal, api: Api, granted: &[String]) -> bool {
        if self.choice != Choice::Auto || api == Api::Report || !is_wall(refusal, granted) {
            return false;
        }
        if !self.walled.swap(true, Ordering::Relaxed) {
            warn!(
                "this account has no Dashboard: going on with the Reports, which know fewer fields (ZOOM_SOURCE)"
            );
        }
        true
    }
}

/// Accounts without the Dashboard answer so, or are not offered its scopes at all.
fn is_wall(refusal: &Refusal, granted: &[String]) -> bool {
    match refusal.reason {
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

    #[test]
    fn auto_changes_over_once_and_the_others_never() {
        let wall = Refusal::refused(Reason::Wall, "no Dashboard".into());
        let auto = Source::new(Choice::Auto);
        assert_eq!(auto.api(None), Api::Dashboard);
        assert_eq!(auto.api(Some(Api::Report)), Api::Report);
        assert!(auto.changes_over(&wall, Api::Dashboard, &[]));
        assert_eq!(auto.api(Some(Api::Dashboard)), Api::Report);
        assert!(!auto.changes_over(&wall, Api::Report, &[]), "the Reports have no wall to change over from");
        let dashboard = Source::new(Choice::Dashboard);
        assert!(!dashboard.changes_over(&wall, Api::Dashboard, &[]));
        assert_eq!(dashboard.api(None), Api::Dashboard);
        let report = Source::new(Choice::Report);
        assert_eq!((report.api(None), report.api(Some(Api::Dashboard))), (Api::Report, Api::Report));
    }

    #[test]
    fn missing_dashboard_scopes_are_a_wall_when_the_reports_are_granted() {
        let scopes = Refusal::refused(Reason::Scopes, "the token lacks a scope".into());
        let pro = vec!["report:read:admin".to_owned()];
        let other = vec!["user:read:admin".to_owned()];
        assert!(Source::new(Choice::Auto).changes_over(&scopes, Api::Dashboard, &pro));
        let no_webinars = vec!["dashboard_meetings:read:admin".to_owned(), "report:read:admin".to_owned()];
        assert!(!Source::new(Choice::Auto).changes_over(&scopes, Api::Dashboard, &other));
        assert!(!Source::new(Choice::Auto).changes_over(&scopes, Api::Dashboard, &no_webinars));
        assert!(!Source::new(Choice::Auto).changes_over(&scopes, Api::Dashboard, &[]));
    }
}
