//! Episodes: looked up for the actions that name them, fetched one by one, and listed as a whole.

use std::sync::Arc;

use jiff::civil::Date;
use messages::opencast::{EpisodeContext, EpisodeFacts, Task};
use messages::{Cause, CauseClass, Mpid, RawKind};
use opencast_wire::{Episode, episode};
use runtime::Failure;
use runtime::errand::Raw;
use serde_json::value::RawValue;
use tracing::info;

use crate::actions::{MAX_PAGES, READINGS, endless, odd, too_many_pages};
use crate::atlas::{Reason, Refusal};
use crate::client::Answer;
use crate::endpoint::{Endpoint, Request};
use crate::known::Facts;
use crate::probe::Dialect;
use crate::reading::{Seen, hash};
use crate::worker::Errand;
use crate::workflows;

/// Episodes per page of the catalogue.
const PAGE: u32 = 100;
/// After so many episodes without an answer no further one is asked for: with more of them it would look as if the server
/// were away.
const MOST_UNANSWERED: usize = 2;
/// No server has more episodes. For each a job waits in memory until the catalogue is read.
const MOST_EPISODES: u64 = 500_000;

/// The result of looking up an episode.
pub(crate) enum Lookup {
    /// It is this.
    Found(Arc<EpisodeFacts>),
    /// Searches do not show it.
    Unseen,
    /// There is no answer for it.
    Unanswered,
}

impl From<Facts> for Lookup {
    fn from(facts: Facts) -> Self {
        facts.map_or(Self::Unseen, Self::Found)
    }
}

/// What is known of an episode that an action names. The first to look it up sends the episode too.
///
/// Where Opencast has no answer for an episode, and will have none in this job, that goes on without: the actions of a
/// whole date are worth more than the title of a lecture. Its receipt says so, and the date is planned again. After a few
/// such episodes no further one is asked for: what is in trouble then is the server.
pub(crate) async fn look_up(errand: &mut Errand<'_>, mpid: &Mpid) -> Result<Lookup, Refusal> {
    if let Some(facts) = errand.opencast.known.get(mpid) {
        return Ok(facts.into());
    }
    if errand.unanswered.contains_key(mpid) || errand.unanswered.len() >= MOST_UNANSWERED {
        return Ok(Lookup::Unanswered);
    }
    let facts = match ask(errand, mpid).await {
        Ok(Some((answer, place, context))) => {
            let episode = send_found(errand, &answer, place, &context).await?;
            episode.map(|episode| Arc::new(episode.facts()))
        }
        Ok(None) => None,
        Err(refusal) => {
            let Some(cause) = errand.errand.end(&refusal.failure) else { return Err(refusal) };
            errand.unanswered.insert(mpid.clone(), cause);
            return Ok(Lookup::Unanswered);
        }
    };
    errand.looked_up.insert(mpid, facts.clone());
    Ok(facts.into())
}

/// Asks for an episode and its workflows: the answer, where the episode stands in it, and what its workflows say.
async fn ask(
    errand: &mut Errand<'_>,
    mpid: &Mpid,
) -> Result<Option<(Answer, usize, EpisodeContext)>, Refusal> {
    match find(errand, mpid).await {
        Ok(Some((answer, place))) => {
            let context = times(errand, mpid).await?;
            Ok(Some((answer, place, context)))
        }
        // An id that the server does not take as one is not known to it.
        Ok(None) | Err(Refusal { reason: Reason::Parameter, .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// What the workflows of an episode say of it. Nothing where they are refused from the beginning: the user may not see them
/// or the admin node is behind a single sign-on, and the episode is worth more than its times. Where they were answered
/// before, the refusal is this attempt's trouble: times that are held would be lost.
async fn times(errand: &mut Errand<'_>, mpid: &Mpid) -> Result<EpisodeContext, Refusal> {
    let opencast = errand.opencast;
    let refused = match opencast.why_no_workflows() {
        Some(cause) => cause,
        None => match workflows::of(opencast, mpid, errand.errand.calls()).await {
            Err(Refusal { failure: Failure::Refused { cause }, .. }) => cause,
            other => return other,
        },
    };
    if opencast.had_workflows() {
        return Err(Refusal::retry(Reason::Closed, CauseClass::Forbidden, refused));
    }
    opencast.refused_workflows(&refused);
    errand
        .errand
        .find("no-live-times", format!("episodes come without the times of live streams: {refused}"));
    Ok(EpisodeContext::default())
}

/// The job of one episode.
pub(crate) async fn fetch_one(errand: &mut Errand<'_>, mpid: &Mpid) -> Result<(), Refusal> {
    let Some((answer, place)) = find(errand, mpid).await? else {
        let text = "there is no such episode, or it is not for this user to see";
        let cause = Some(Cause::new(CauseClass::Gone, text));
        return Ok(errand.errand.finish_with(Some(1), 0, None, cause).await?);
    };
    let context = times(errand, mpid).await?;
    send_found(errand, &answer, place, &context).await?;
    Ok(errand.errand.finish(Some(1), 1, None).await?)
}

/// The job of the catalogue: every page, read again until as many episodes came as there are. With an admin node a job
/// is planned for each episode, since its workflows are a call of their own.
pub(crate) async fn fetch_all(errand: &mut Errand<'_>, date: Date) -> Result<(), Refusal> {
    let (mut seen, mut total, mut jobs) = (Seen::default(), 0, 0);
    for _ in 0..READINGS {
        total = read_all(errand, &mut seen, &mut jobs).await?;
        if seen.count() >= total {
            break;
        }
    }
    let jobs = errand.opencast.client.has_admin().then_some(jobs);
    errand.errand.finish(Some(total), seen.count(), jobs).await?;
    info!(job.id = %errand.job.id, got = seen.count(), "listed {} episodes on {date}", seen.count());
    Ok(())
}

/// Reads every page of the catalogue once; returns how many episodes the last one counted.
async fn read_all(errand: &mut Errand<'_>, seen: &mut Seen, jobs: &mut u64) -> Result<u64, Refusal> {
    let mut offset = 0;
    for _ in 0..MAX_PAGES {
        let answer = errand.get(&Request::catalogue(offset, PAGE)).await?;
        let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
        let rows = found.results.len() as u64;
        offset += rows;
        let total = found.total.unwrap_or(offset);
        *jobs += take(errand, &answer, &found.results, seen).await?;
        if rows == 0 || offset >= total {
            return Ok(total);
        }
        if offset > 2 * seen.count() + 10 * u64::from(PAGE) {
            return Err(endless(Endpoint::Search));
        }
        if seen.count() > MOST_EPISODES {
            let text = format!("{} has more than {MOST_EPISODES} episodes", Endpoint::Search.name());
            return Err(Refusal::reject(Reason::Other, CauseClass::TooLarge, text));
        }
    }
    Err(too_many_pages(Endpoint::Search))
}

/// Takes what is new on a page of the catalogue; returns the number of jobs planned.
async fn take(
    errand: &mut Errand<'_>,
    answer: &Answer,
    results: &[&RawValue],
    seen: &mut Seen,
) -> Result<u64, Refusal> {
    let mut tasks = Vec::new();
    for result in results {
        match Episode::read(result) {
            Ok(episode) if !seen.note(hash(episode.mpid.as_str()), "") => {}
            Ok(episode) if errand.opencast.client.has_admin() => {
                tasks.push(Task::Episode { mpid: episode.mpid });
            }
            Ok(episode) => {
                send_result(errand, &episode.mpid, answer, result, &EpisodeContext::default()).await?;
            }
            Err(fault) if seen.note(hash(result.get()), "") => {
                let context = EpisodeContext::default();
                let part = format!("row{:x}", hash(result.get()));
                let raw = raw(&part, answer, result, &context);
                errand
                    .errand
                    .bury_raw(&raw, &format!("a result of {}: {fault}", Endpoint::Search.name()))
                    .await?;
            }
            Err(_) => {}
        }
    }
    let jobs = tasks.len() as u64;
    errand.plan(&format!("{}", seen.count()), tasks).await?;
    Ok(jobs)
}

/// Asks for one episode; where it stands in the answer, unless it is unknown. The fork is asked for deleted ones, too:
/// they were watched before.
async fn find(errand: &mut Errand<'_>, mpid: &Mpid) -> Result<Option<(Answer, usize)>, Refusal> {
    let is_fork = matches!(errand.opencast.dialect(), Some(Dialect::Dce { .. }));
    let answer = match errand.get(&Request::episode(mpid, is_fork)).await {
        Err(refusal) => return Err(of_the_episode(errand, refusal).await),
        Ok(answer) => answer,
    };
    let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
    let is_it = |result: &&RawValue| Episode::read(result).is_ok_and(|episode| episode.mpid == *mpid);
    let place = found.results.iter().position(is_it);
    Ok(place.map(|place| (answer, place)))
}

/// A refusal that is about one episode, as a firewall's may be, does not concern the others: searches are answered.
async fn of_the_episode(errand: &mut Errand<'_>, refusal: Refusal) -> Refusal {
    let Refusal { reason, failure: Failure::Refused { cause } } = refusal else { return refusal };
    match errand.get(&Request::catalogue(0, 1)).await {
        Ok(_) => Refusal::reject(reason, CauseClass::Forbidden, cause),
        Err(_) => Refusal::refused(reason, cause),
    }
}

/// Sends one result of an answer as a document of its own, with what its workflows say.
async fn send_found(
    errand: &mut Errand<'_>,
    answer: &Answer,
    place: usize,
    context: &EpisodeContext,
) -> Result<Option<Episode>, Refusal> {
    let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
    let Some(result) = found.results.get(place) else { return Ok(None) };
    let episode = Episode::read(result).map_err(|fault| odd(Endpoint::Search, fault))?;
    send_result(errand, &episode.mpid, answer, result, context).await?;
    Ok(Some(episode))
}

async fn send_result(
    errand: &mut Errand<'_>,
    mpid: &Mpid,
    answer: &Answer,
    result: &RawValue,
    context: &EpisodeContext,
) -> Result<(), Refusal> {
    let part = format!("episode.{mpid}");
    Ok(errand.errand.send_raw(&raw(&part, answer, result, context)).await?)
}

fn raw<'a>(
    part: &'a str,
    answer: &'a Answer,
    body: &'a RawValue,
    context: &'a EpisodeContext,
) -> Raw<'a, EpisodeContext> {
    let (kind, endpoint) = (RawKind::OpencastEpisode, Endpoint::Search.name());
    Raw {
        part,
        kind,
        endpoint,
        received_at: answer.received_at,
        context,
        body,
        received: answer.received.as_deref(),
    }
}
