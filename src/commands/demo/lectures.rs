//! The demo's Opencast: the simulated server, and the comparison with its truth.

use std::collections::HashSet;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use simulator::opencast::{Opencast, OpencastSettings, Truth};
use store::{DocumentKind, Store};

use crate::cli::Demo;
use crate::summary::Summary;

/// User actions on the demo's date.
pub(super) const ACTIONS: u32 = 5_000;
/// The second of the minute at which the server's clock starts.
const SECOND: i64 = 56;

/// What was harvested from Opencast, compared with the truth.
#[derive(Debug, Default, Serialize)]
pub(super) struct Lectures {
    pub(super) truth: Counts,
    pub(super) harvested: Counts,
    pub(super) missing: u64,
    pub(super) unexpected: u64,
    pub(super) calls: u64,
    pub(super) dead: u64,
    pub(super) seconds: f64,
    pub(super) complete: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) actions: u64,
    pub(super) episodes: u64,
}

/// Starts a simulated Opencast as most are today: upstream's dialect, basic and digest authentication. The completeness
/// of a day is proven at the turn of a minute. So the server's clock starts shortly before one, to keep the demo short.
pub(super) async fn start(words: &Demo, now: Timestamp) -> anyhow::Result<Opencast> {
    let minute = now.as_second().div_euclid(60) * 60;
    let now = Some(Timestamp::from_second(minute + SECOND)?);
    let settings = OpencastSettings {
        seed: words.world.seed,
        actions_per_day: ACTIONS,
        now,
        ..OpencastSettings::default()
    };
    Opencast::start(settings).await.context("cannot start the simulated Opencast")
}

/// Compares the store with the truth, id by id.
pub(super) async fn compare(truth: &Truth, store: &Store, summary: &Summary) -> anyhow::Result<Lectures> {
    let actions = super::ids(store, DocumentKind::Useractions).await?;
    let episodes = super::ids(store, DocumentKind::Episodes).await?;
    let known = truth.ids.as_ref().context("the simulator told no ids")?;
    let true_actions: HashSet<String> = known.action_ids.iter().map(ToString::to_string).collect();
    let true_episodes: HashSet<String> = truth.episodes.iter().cloned().collect();
    let lacks = |want: &HashSet<String>, have: &HashSet<String>| want.difference(have).count() as u64;
    let missing = lacks(&true_actions, &actions) + lacks(&true_episodes, &episodes);
    let unexpected = lacks(&actions, &true_actions) + lacks(&episodes, &true_episodes);
    Ok(Lectures {
        truth: Counts { actions: true_actions.len() as u64, episodes: true_episodes.len() as u64 },
        harvested: Counts { actions: actions.len() as u64, episodes: episodes.len() as u64 },
        missing,
        unexpected,
        calls: summary.came.calls.light,
        dead: summary.dead,
        seconds: summary.seconds,
        complete: summary.complete && missing == 0 && unexpected == 0,
    })
}
