//! Results of the probe for servers of every generation.

use opencast::{Choice, Config, Dialect, WorkflowPath, Workflows};
use opencast_wire::Shape;
use runtime::Failure;
use simulator::opencast::{Auth, Dialect as Spoken, Opencast, OpencastSettings};

use crate::bench::{Bench, config, settings};
use crate::odd::{Server, json, to_login};

#[tokio::test]
async fn the_probe_finds_dialect_shape_and_paths_of_every_generation() {
    for (generation, dialect) in
        [(5, Spoken::Dce), (5, Spoken::Upstream), (12, Spoken::Upstream), (16, Spoken::Dce)]
    {
        let server = Opencast::start(OpencastSettings { generation, dialect, ..settings() }).await.unwrap();
        let found = Bench::new(config(&server)).opencast.probe().await.unwrap();
        assert_eq!(found.version, Some(format!("{generation}.0.0")));
        assert_eq!((found.signed_in, found.usertracking, found.detail), (Some(true), true, Some(true)));
        let spoken = match dialect {
            Spoken::Dce => Dialect::Dce { counts: true },
            Spoken::Upstream => Dialect::Upstream,
        };
        assert_eq!(found.dialect, Some(spoken), "{generation}");
        assert_eq!(found.search, if generation < 16 { Shape::Wrapped } else { Shape::Plain });
        let path = if generation < 12 { WorkflowPath::List } else { WorkflowPath::Episode };
        assert_eq!(found.workflows, Workflows::At(path), "{generation}");
        assert!(found.endpoints.is_some_and(|count| count > 3));
    }
}

#[tokio::test]
async fn what_a_server_lacks_is_said_in_plain_words() {
    let lacking =
        OpencastSettings { usertracking: false, generation: 17, auth: Auth::Anonymous, ..settings() };
    let server = Opencast::start(lacking).await.unwrap();
    let nobody = Config { user: String::new(), admin_url: None, ..config(&server) };
    let found = Bench::new(nobody).opencast.probe().await.unwrap();
    assert!(!found.usertracking && found.dialect.is_none() && found.workflows == Workflows::Unasked);
    let lines = found.lines();
    let said = |about: &str| lines.iter().find(|(name, _)| *name == about).unwrap().1.as_str();
    assert!(said("user tracking").contains("no /usertracking"), "{lines:?}");
    assert!(said("signed in").starts_with("no"), "{lines:?}");
    assert!(said("workflows").contains("OPENCAST_ADMIN_URL"), "{lines:?}");
    assert!(said("workflows").starts_with("not asked"), "{lines:?}");
    assert!(lines.iter().all(|(_, words)| !words.contains('\n') && !words.ends_with('.')), "{lines:?}");
}

#[tokio::test]
async fn an_admin_node_without_workflows_is_told_from_none() {
    let server = Server::start(|path| match path.starts_with("/search/") {
        true => json(r#"{"total":0,"result":[]}"#),
        false => None,
    })
    .await;
    let found = server.bench_with_admin(Choice::Auto).opencast.probe().await.unwrap();
    assert_eq!(found.workflows, Workflows::Absent);
    let (_, said) = found.lines().into_iter().find(|(about, _)| *about == "workflows").unwrap();
    assert!(said.starts_with("the node of OPENCAST_ADMIN_URL has no workflows"), "{said}");
    assert_eq!(server.asked("/workflow/"), 2, "both paths were asked");
}

#[tokio::test]
async fn an_empty_table_leaves_the_dialect_open() {
    for dialect in [Spoken::Dce, Spoken::Upstream] {
        let server =
            Opencast::start(OpencastSettings { dialect, actions_per_day: 0, ..settings() }).await.unwrap();
        let found = Bench::new(config(&server)).opencast.probe().await.unwrap();
        assert_eq!((found.dialect, found.usertracking), (None, true));
    }
}

#[tokio::test]
async fn a_refused_sign_in_is_what_the_probe_says() {
    let server = Opencast::start(OpencastSettings { anonymous_reads: false, ..settings() }).await.unwrap();
    let wrong = Config { user: "somebody".into(), ..config(&server) };
    let outcome = Bench::new(wrong).opencast.probe().await;
    assert!(
        matches!(&outcome, Err(Failure::Refused { cause }) if cause.contains("OPENCAST_USER")),
        "{outcome:?}"
    );
}

/// Without a sign-in only the search is open; this must not count as a server without user tracking.
#[tokio::test]
async fn a_user_tracking_that_is_closed_is_not_taken_for_none() {
    let server = Server::start(|path| match path {
        _ if path.starts_with("/search/") => json(r#"{"total":0,"result":[]}"#),
        _ if path.starts_with("/usertracking") || path.starts_with("/info") => to_login(),
        _ => None,
    })
    .await;
    let outcome = server.bench(Choice::Auto).opencast.probe().await;
    assert!(matches!(&outcome, Err(Failure::Refused { cause }) if cause.contains("sign-in")), "{outcome:?}");
}
