//! Episodes of both generations, alone and as a catalogue.

use std::collections::BTreeSet;

use messages::opencast::{EpisodeContext, Task};
use messages::{CauseClass, ReceiptState};
use opencast::Config;
use runtime::Failure;
use simulator::opencast::{Dialect, Opencast, OpencastSettings};

use crate::bench::{Bench, config, date, settings, whole};

fn catalogue() -> Task {
    Task::Catalogue { date: date() }
}

#[tokio::test]
async fn the_catalogue_is_every_episode_with_or_without_an_admin_node() {
    for generation in [5, 11, 12, 16] {
        let server =
            Opencast::start(OpencastSettings { generation, episodes: 230, ..settings() }).await.unwrap();
        let with = Bench::new(config(&server)).harvest(vec![catalogue()]).await;
        let without =
            Bench::new(Config { admin_url: None, ..config(&server) }).harvest(vec![catalogue()]).await;
        assert!(with.failed.is_empty() && without.failed.is_empty(), "{generation}: {:?}", with.failed);
        assert_eq!(with.episodes().len(), without.episodes().len());
        assert!(with.episodes().len() >= 230 - 5, "{generation}: {}", with.episodes().len());
        let receipt = with.receipt("opencast:catalogue:2026-03-19");
        assert_eq!((receipt.state, receipt.jobs), (ReceiptState::Complete, receipt.got));
        assert_eq!(with.receipts.len() as u64, receipt.got.unwrap() + 1, "a receipt for each episode");
        let nothing = EpisodeContext::default();
        assert!(with.episodes().values().any(|context| context.live_start.is_some()), "{generation}");
        assert!(with.episodes().values().any(|context| context.available.is_some()), "{generation}");
        assert!(without.episodes().values().all(|context| *context == nothing));
    }
}

#[tokio::test]
async fn live_times_are_those_that_came_true() {
    for generation in [5, 11, 12, 17] {
        let server =
            Opencast::start(OpencastSettings { generation, live_share: 0.6, ..settings() }).await.unwrap();
        let streams = server.streams();
        let late = streams.iter().filter(|stream| stream.available.is_none()).count();
        assert!(streams.len() > 10 && late > 2, "some are not replaced by their recordings: {late}");
        let harvest = Bench::new(config(&server)).harvest(vec![catalogue()]).await;
        let mut found = harvest.episodes();
        for stream in streams {
            // An episode that the catalogue does not show has no document.
            let Some(context) = found.remove(&stream.mpid) else { continue };
            let wanted = EpisodeContext {
                live_start: Some(stream.start),
                live_end: Some(stream.end),
                available: stream.available,
            };
            assert_eq!(context, wanted, "{generation}: {}", stream.mpid);
        }
        // The others were never live.
        assert!(found.values().all(|context| *context == EpisodeContext::default()), "{generation}");
    }
}

#[tokio::test]
async fn an_id_with_a_slash_is_an_episode_like_others() {
    for generation in [11, 12] {
        let server = Opencast::start(OpencastSettings { generation, ..settings() }).await.unwrap();
        let bench = Bench::new(config(&server));
        let all: BTreeSet<_> = bench.harvest(vec![catalogue()]).await.episodes().into_keys().collect();
        let slashed = all.iter().find(|mpid| mpid.contains('/')).expect("one has a slash");
        let task = Task::Episode { mpid: slashed.parse().unwrap() };
        let harvest = bench.harvest(vec![task]).await;
        assert!(harvest.episodes().into_keys().eq([slashed.as_str()]));
        let receipt = harvest.receipt(&format!("opencast:episode:{slashed}"));
        assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(1)));
    }
}

#[tokio::test]
async fn an_episode_nobody_knows_is_said_to_be_missing() {
    for generation in [15, 16] {
        let server = Opencast::start(OpencastSettings { generation, ..settings() }).await.unwrap();
        let harvest = Bench::new(config(&server))
            .harvest(vec![Task::Episode { mpid: "nobody".parse().unwrap() }])
            .await;
        assert!(harvest.failed.is_empty() && harvest.raw.is_empty(), "{:?}", harvest.failed);
        let receipt = harvest.receipt("opencast:episode:nobody");
        assert_eq!(
            (receipt.state, receipt.expected, receipt.got),
            (ReceiptState::Incomplete, Some(1), Some(0))
        );
        assert_eq!(receipt.cause.as_ref().unwrap().class, CauseClass::Gone);
    }
}

#[tokio::test]
async fn an_episode_is_looked_up_once_while_it_is_remembered() {
    let server = Opencast::start(OpencastSettings { dialect: Dialect::Dce, ..settings() }).await.unwrap();
    let bench = Bench::new(config(&server));
    let searches = || server.ledger_summary().by_path["/search/episode.json"];
    let first = bench.harvest(vec![whole(date())]).await;
    let looked_up = searches();
    assert!(looked_up >= first.facts().len() as u64);
    let second = bench.harvest(vec![whole(date())]).await;
    assert_eq!(searches(), looked_up, "unknown episodes are remembered too");
    assert_eq!(second.facts(), first.facts());
    assert!(second.episodes().is_empty());
}

#[tokio::test]
async fn episodes_whose_documents_the_broker_did_not_take_are_sent_by_the_next_attempt() {
    let server = Opencast::start(OpencastSettings { dialect: Dialect::Dce, ..settings() }).await.unwrap();
    // A complete date, whose documents are published at its end or in between.
    for page_size in [5_000, 20] {
        let bench = Bench::new(Config { page_size, ..config(&server) });
        let failure = bench.perform_without_room(whole(date())).await;
        assert!(!matches!(failure, Failure::Retry { .. } | Failure::Reject { .. }), "{failure:?}");
        let harvest = bench.harvest(vec![whole(date())]).await;
        let (facts, sent) = (harvest.facts(), harvest.episodes().into_keys().collect::<BTreeSet<_>>());
        assert!(facts.len() > 10 && facts == sent, "{page_size}: {:?}", facts.difference(&sent));
    }
}
