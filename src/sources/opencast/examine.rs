//! Opencast: what the server is and can, as it shows when it is asked.

use opencast::{Capabilities, Workflows};

use super::put_together;
use crate::config::Config;
use crate::exit::failed;
use crate::finding::Finding;

const USERS: &str =
    "see OPENCAST_USER, OPENCAST_PASSWORD, OPENCAST_AUTH and the addresses of engage and admin node";
const WORLDS: &str = "see that OPENCAST_ENGAGE_URL can be reached from here and its server is up";
const ADMIN: &str = "see OPENCAST_ADMIN_URL: episodes are not fetched until workflows are found there; without it they go \
    without the times of live streams";

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let opencast = match put_together(config) {
        Ok(opencast) => opencast,
        Err(error) => return vec![Finding::error("opencast", &error, USERS, WORLDS)],
    };
    match opencast.probe().await {
        Ok(seen) => found(&seen),
        Err(failure) => vec![Finding::error("opencast", &failed(failure), USERS, WORLDS)],
    }
}

fn found(seen: &Capabilities) -> Vec<Finding> {
    let lines = seen.lines().into_iter().map(|(about, text)| {
        let text = format!("{about}: {text}");
        match about {
            // Lectures can be harvested without it, who watched them cannot.
            "user tracking" if !seen.usertracking => Finding::notable("opencast", text),
            "workflows" if seen.workflows == Workflows::Absent => {
                Finding::users("opencast", text).remedy(ADMIN)
            }
            _ => Finding::well("opencast", text),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use opencast_wire::Shape;

    use super::*;
    use crate::finding::State;

    #[test]
    fn an_admin_node_without_workflows_fails_and_none_does_not() {
        let shown = |workflows| {
            let seen = Capabilities {
                version: None,
                signed_in: None,
                endpoints: None,
                usertracking: true,
                detail: None,
                dialect: None,
                search: Shape::Plain,
                workflows,
            };
            found(&seen).into_iter().find(|finding| finding.text.starts_with("workflows: ")).unwrap()
        };
        assert_eq!(shown(Workflows::Unasked).state, State::Well);
        let absent = shown(Workflows::Absent);
        assert!(absent.state == State::Failing && absent.users, "{absent}");
        assert!(absent.remedy.unwrap().contains("OPENCAST_ADMIN_URL"));
    }
}
