//! Checks Opencast for `ua check`: sign-in, rights, clock and capabilities of the server.

use opencast::{Capabilities, Clock, Rights, Workflows};

use super::put_together;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::exit::failed;

const USERS: &str =
    "see OPENCAST_USER, OPENCAST_PASSWORD, OPENCAST_AUTH and the addresses of engage and admin node";
const WORLDS: &str = "see that OPENCAST_ENGAGE_URL can be reached from here and its server is up";
const ADMIN: &str = "see OPENCAST_ADMIN_URL: episodes are not fetched until workflows are found there; without it they go \
    without the times of live streams";

const ROLE: &str = "give OPENCAST_USER the role ROLE_ADMIN, or that of its organisation's administrators";
/// Tolerated difference in seconds between a proxy's clock and this machine's. Beyond it the server's clock may differ,
/// too.
const AGREE: u64 = 2;

pub(super) async fn examine(config: &Config) -> Vec<Diagnostic> {
    let opencast = match put_together(config) {
        Ok(opencast) => opencast,
        Err(error) => return vec![Diagnostic::error("opencast", &error, USERS, WORLDS)],
    };
    match opencast.probe().await {
        Ok(seen) => found(&seen),
        Err(failure) => vec![Diagnostic::error("opencast", &failed(failure), USERS, WORLDS)],
    }
}

/// True when a proxy sets `Date`, and its clock differs from this machine's.
fn is_off(clock: &Clock) -> bool {
    matches!(clock, Clock::Proxy { ahead, .. } if ahead.as_secs().unsigned_abs() > AGREE)
}

fn found(seen: &Capabilities) -> Vec<Diagnostic> {
    let lines = seen.lines().into_iter().map(|(about, text)| {
        let text = format!("{about}: {text}");
        match about {
            // Without user tracking, lectures can be harvested, but not who watched them.
            "user tracking" if !seen.usertracking => Diagnostic::notable("opencast", text),
            "signed in" if seen.signs && seen.signed_in == Some(false) => {
                Diagnostic::users("opencast", text).remedy(USERS)
            }
            "rights" if seen.rights == Rights::Some => Diagnostic::notable("opencast", text).remedy(ROLE),
            "clock" if seen.lacks_clock() => Diagnostic::notable("opencast", text),
            "clock" if is_off(&seen.clock) => Diagnostic::notable("opencast", text),
            "workflows" if matches!(seen.workflows, Workflows::Refused(_)) => {
                Diagnostic::notable("opencast", text).remedy(ROLE)
            }
            "workflows" if seen.workflows == Workflows::Absent => {
                Diagnostic::users("opencast", text).remedy(ADMIN)
            }
            _ => Diagnostic::well("opencast", text),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use opencast_wire::Shape;

    use super::*;
    use crate::diagnostic::State;

    #[test]
    fn a_clock_that_proves_nothing_and_a_role_that_is_missing_are_named() {
        let shown = |about: &str, seen: &Capabilities| {
            found(seen).into_iter().find(|diagnostic| diagnostic.text.starts_with(about)).unwrap()
        };
        let untold = seen();
        let diagnostic = shown("clock: ", &untold);
        assert!(
            diagnostic.state == State::Notable && diagnostic.text.contains("no answer has the header Date"),
            "{diagnostic}"
        );
        let ahead = jiff::SignedDuration::from_secs(90);
        let proxied = Capabilities { clock: Clock::Proxy { name: "nginx".into(), ahead }, ..seen() };
        let diagnostic = shown("clock: ", &proxied);
        assert!(
            diagnostic.state == State::Notable
                && diagnostic.text.contains("nginx")
                && diagnostic.text.contains("90 s"),
            "{diagnostic}"
        );
        let own = Capabilities { clock: Clock::Own { ahead }, rights: Rights::All, ..seen() };
        assert_eq!((shown("clock: ", &own).state, shown("rights: ", &own).state), (State::Well, State::Well));
        let limited = Capabilities { rights: Rights::Some, signs: true, signed_in: Some(false), ..seen() };
        let diagnostic = shown("rights: ", &limited);
        assert!(diagnostic.state == State::Notable && diagnostic.text.contains("ROLE_ADMIN"), "{diagnostic}");
        assert!(shown("signed in: ", &limited).users);
    }

    fn seen() -> Capabilities {
        Capabilities {
            version: None,
            signed_in: None,
            signs: false,
            rights: Rights::Unknown,
            clock: Clock::Untold,
            endpoints: None,
            usertracking: true,
            detail: None,
            dialect: None,
            search: Shape::Plain,
            workflows: Workflows::Unasked,
        }
    }

    #[test]
    fn an_admin_node_without_workflows_fails_and_none_does_not() {
        let shown = |workflows| {
            let seen = Capabilities { workflows, ..seen() };
            found(&seen).into_iter().find(|diagnostic| diagnostic.text.starts_with("workflows: ")).unwrap()
        };
        let refused = shown(Workflows::Refused("GET x answered 403".into()));
        assert!(refused.state == State::Notable && refused.text.contains("answered 403"), "{refused}");
        assert_eq!(shown(Workflows::Unasked).state, State::Well);
        let absent = shown(Workflows::Absent);
        assert!(absent.state == State::Failing && absent.users, "{absent}");
        assert!(absent.remedy.unwrap().contains("OPENCAST_ADMIN_URL"));
    }
}
