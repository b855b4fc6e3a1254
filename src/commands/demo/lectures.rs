//! The demo's Opencast: what is simulated, and what came of it.

use std::collections::HashSet;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use simulator::opencast::{Opencast, OpencastSettings, Truth};
use store::{DocumentKind, Store};

use crate::cli::Demo;
use crate::summary::Summary;

/// User actions of the demo's date.
pub(super) const ACTIONS: u32 = 5_000;
/// The second of the minute at which the server begins.
const SECOND: i64 = 56;

/// What came of Opencast beside what is true.
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

/// A simulated Opencast as most are today: upstream's dialect, basic and digest. A day is proven at the turn of a minute,
/// so its clock is set to shortly before one: nobody who sees a demo wants to wait for it.
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
