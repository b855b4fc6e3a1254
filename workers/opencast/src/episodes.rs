//! Episodes: looked up for the actions that name them, fetched one by one, and listed as a whole.

use std::sync::Arc;

use jiff::civil::Date;
use messages::opencast::{EpisodeContext, EpisodeFacts, Task};
use messages::{Cause, CauseClass, Mpid, RawKind};
use opencast_wire::{Episode, episode};
use runtime::errand::Raw;
use serde_json::value::RawValue;
use tracing::info;

use crate::actions::{READINGS, odd};
use crate::atlas::{Reason, Refusal};
use crate::client::Answer;
use crate::endpoint::{Endpoint, Request};
use crate::probe::Dialect;
use crate::reading::{Seen, hash};
use crate::worker::Errand;
use crate::workflows;

/// Episodes per page of the catalogue.
const PAGE: u32 = 100;
/// After so many episodes without an answer no further one is asked for: with more of them it would look as if the server
/// were away.
const MOST_UNANSWERED: usize = 2;
/// A catalogue of more pages than this does not end.
const MAX_PAGES: u32 = 100_000;

/// What is known of an episode that an action names; `None` when Opencast does not know it. Whoever looks it up first
/// sends the episode too.
///
/// Where Opencast has no answer for an episode, and will have none in this job, that goes on without: the actions of a
/// whole date are worth more than the title of a lecture. Its receipt says so, and the date is planned again. After a few
/// such episodes no further one is asked for: what is in trouble then is the server.
pub(crate) async fn look_up(
    errand: &mut Errand<'_>,
    mpid: &Mpid,
) -> Result<Option<Arc<EpisodeFacts>>, Refusal> {
    if let Some(facts) = errand.opencast.known.get(mpid) {
        return Ok(facts);
    }
    if errand.unanswered.contains_key(mpid) || errand.unanswered.len() >= MOST_UNANSWERED {
        return Ok(None);
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
            return Ok(None);
        }
    };
    errand.looked_up.insert(mpid, facts.clone());
    Ok(facts)
}

/// Asks for an episode and its workflows: the answer, where the episode stands in it, and what its workflows say.
async fn ask(
    errand: &mut Errand<'_>,
    mpid: &Mpid,
) -> Result<Option<(Answer, usize, EpisodeContext)>, Refusal> {
    match find(errand, mpid).await {
        Ok(Some((answer, place))) => {
            let context = workflows::of(errand.opencast, mpid, errand.errand.calls()).await?;
            Ok(Some((answer, place, context)))
        }
        // An id that the server does not take as one is not known to it.
        Ok(None) | Err(Refusal { reason: Reason::Parameter, .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// The job of one episode.
pub(crate) async fn fetch_one(errand: &mut Errand<'_>, mpid: &Mpid) -> Result<(), Refusal> {
    let Some((answer, place)) = find(errand, mpid).await? else {
        let text = "there is no such episode, or it is not for this user to see";
        let cause = Some(Cause::new(CauseClass::Gone, text));
        return Ok(errand.errand.finish_with(Some(1), 0, None, cause).await?);
    };
    let context = workflows::of(errand.opencast, mpid, errand.errand.calls()).await?;
    send_found(errand, &answer, place, &context).await?;
    Ok(errand.errand.finish(Some(1), 1, None).await?)
}

/// The job of the catalogue: every page, read again until as many episodes came as there are. With an admin node a job
/// is planned for each episode, since its workflows are a call of their own.
pub(crate) async fn fetch_all(errand: &mut Errand<'_>, date: Date) -> Result<(), Refusal> {
    let (mut seen, mut total, mut jobs) = (Seen::default(), 0, 0);
    for _ in 0..READINGS {
        let mut offset = 0;
        for _ in 0..MAX_PAGES {
            let answer = errand.get(&Request::catalogue(offset, PAGE)).await?;
            let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
            let rows = found.results.len() as u64;
            offset += rows;
            total = found.total.unwrap_or(offset);
            jobs += take(errand, &answer, &found.results, &mut seen).await?;
            if rows == 0 || offset >= total {
                break;
            }
        }
        if seen.count() >= total {
            break;
        }
    }
    let jobs = errand.opencast.client.has_admin().then_some(jobs);
    errand.errand.finish(Some(total), seen.count(), jobs).await?;
    info!(job.id = %errand.job.id, got = seen.count(), "listed {} episodes on {date}", seen.count());
    Ok(())
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
    let answer = errand.get(&Request::episode(mpid, is_fork)).await?;
    let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
    let is_it = |result: &&RawValue| Episode::read(result).is_ok_and(|episode| episode.mpid == *mpid);
    let place = found.results.iter().position(is_it);
    Ok(place.map(|place| (answer, place)))
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
    answer: &Answer,
    body: &'a RawValue,
    context: &'a EpisodeContext,
) -> Raw<'a, EpisodeContext> {
    let (kind, endpoint) = (RawKind::OpencastEpisode, Endpoint::Search.name());
    Raw { part, kind, endpoint, received_at: answer.received_at, context, body, received: None }
}
