//! Authentication of every kind of user at every kind of server.

use messages::opencast::Task;
use opencast::{Auth, Config};
use runtime::{Failure, Worker as _};
use secrecy::SecretString;
use simulator::opencast::{Auth as Accepted, Dialect, Opencast, OpencastSettings};

use crate::bench::{Bench, config, date, first_attempt, settings, whole};

fn small(auth: Accepted, anonymous_reads: bool) -> OpencastSettings {
    OpencastSettings {
        auth,
        anonymous_reads,
        dialect: Dialect::Dce,
        actions_per_day: 40,
        episodes: 4,
        ..settings()
    }
}

#[tokio::test]
async fn every_kind_of_sign_in_is_let_in_where_it_is_accepted() {
    for (accepted, auth, kind) in [
        (Accepted::Basic, Auth::Basic, "basic"),
        (Accepted::Basic, Auth::Auto, "basic"),
        (Accepted::Digest, Auth::Digest, "digest"),
        (Accepted::Digest, Auth::Auto, "digest"),
        (Accepted::Both, Auth::Auto, "basic"),
        (Accepted::Both, Auth::Digest, "digest"),
    ] {
        for open in [true, false] {
            let server = Opencast::start(small(accepted, open)).await.unwrap();
            let bench = Bench::new(Config { auth, ..config(&server) });
            let harvest = bench.harvest(vec![whole(date())]).await;
            assert!(harvest.failed.is_empty(), "{accepted:?} {auth:?} {open}: {:?}", harvest.failed);
            let by_auth = server.ledger_summary().by_auth;
            assert!(
                by_auth.get(kind).is_some_and(|calls| *calls > 3),
                "{accepted:?} {auth:?} {open}: {by_auth:?}"
            );
            assert!(
                !by_auth.contains_key("anonymous"),
                "{accepted:?} {auth:?} {open}, nobody is given less: {:?}",
                server.ledger_summary()
            );
            let refused = by_auth.get("refused").copied().unwrap_or(0);
            assert!(refused <= 2, "one challenge per node, then its nonce is used again: {by_auth:?}");
        }
    }
}

#[tokio::test]
async fn a_nonce_that_grows_old_is_renewed() {
    let server = Opencast::start(small(Accepted::Digest, false)).await.unwrap();
    let bench = Bench::new(Config { auth: Auth::Digest, ..config(&server) });
    bench.perform(whole(date()), first_attempt()).await.unwrap();
    let before = server.ledger_summary().by_auth["refused"];
    let control = reqwest::Client::builder().build().unwrap().post(format!("{}/_control", server.url()));
    assert!(control.body(r#"{"expire_nonces":true}"#).send().await.unwrap().status().is_success());
    bench.perform(Task::Catalogue { date: date() }, first_attempt()).await.unwrap();
    assert_eq!(server.ledger_summary().by_auth["refused"], before + 1, "one call found out");
}

#[tokio::test]
async fn a_wrong_password_stops_the_worker_and_says_what_to_mend() {
    for (accepted, auth) in [
        (Accepted::Basic, Auth::Basic),
        (Accepted::Basic, Auth::Auto),
        (Accepted::Digest, Auth::Digest),
        (Accepted::Digest, Auth::Auto),
        (Accepted::Basic, Auth::Digest),
    ] {
        let server = Opencast::start(small(accepted, false)).await.unwrap();
        let password = SecretString::from("canary-password");
        let bench = Bench::new(Config { auth, password, ..config(&server) });
        let outcome = bench.perform(whole(date()), first_attempt()).await;
        let Err(Failure::Refused { cause }) = outcome else { panic!("{accepted:?} {auth:?}: {outcome:?}") };
        assert!(cause.contains("OPENCAST_PASSWORD") && !cause.contains("canary"), "{cause}");
        assert!(server.ledger_summary().calls <= 4, "{:?}", server.ledger_summary());
    }
}

#[tokio::test]
async fn nobody_is_let_in_where_it_is_open_and_told_where_it_is_not() {
    let nobody = |server: &Opencast| Config { user: String::new(), admin_url: None, ..config(server) };
    let open = Opencast::start(small(Accepted::Anonymous, true)).await.unwrap();
    Bench::new(nobody(&open)).perform(whole(date()), first_attempt()).await.unwrap();
    let closed = Opencast::start(small(Accepted::Both, false)).await.unwrap();
    let outcome = Bench::new(nobody(&closed)).perform(whole(date()), first_attempt()).await;
    let Err(Failure::Refused { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("OPENCAST_USER"), "{cause}");
}

#[tokio::test]
async fn a_server_that_is_away_holds_the_work_and_is_not_healthy() {
    let server = Opencast::start(small(Accepted::Both, true)).await.unwrap();
    let bench = Bench::new(config(&server));
    let worker = opencast::OpencastWorker(std::sync::Arc::clone(&bench.opencast));
    assert!(worker.healthy().await);
    server.stop().await;
    assert!(!worker.healthy().await);
    let outcome = bench.perform(whole(date()), first_attempt()).await;
    assert!(matches!(outcome, Err(Failure::Hold { until: None, .. })), "{outcome:?}");
}
