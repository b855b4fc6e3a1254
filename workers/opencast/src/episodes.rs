//! Episodes: looked up for actions, fetched one by one, and listed as a catalogue.

use std::sync::Arc;

use jiff::civil::Date;
use messages::opencast::{EpisodeContext, EpisodeFacts, Task};
use messages::{Cause, CauseClass, Mpid, RawKind};
use opencast_wire::{Episode, episode};
use runtime::Failure;
use runtime::job_context::Raw;
use serde_json::value::RawValue;
use tracing::info;

use crate::actions::{MAX_PAGES, READINGS, endless, odd, too_many_pages};
use crate::atlas::{OpencastError, Reason};
use crate::capabilities::Dialect;
use crate::client::OpencastResponse;
use crate::endpoint::{Endpoint, Request};
use crate::episode_cache::Facts;
use crate::reading::{Seen, hash};
use crate::worker::OpencastContext;
use crate::workflows;

/// Episodes per page of the catalogue.
const PAGE: u32 = 100;
/// Maximum episodes without an answer per job. More of them would look as if the server were down.
const MOST_UNANSWERED: usize = 2;
/// Maximum episodes of a server. Each plans a job, which stays in memory until the catalogue is read.
const MOST_EPISODES: u64 = 500_000;

/// Result of looking up an episode.
pub(crate) enum Lookup {
    /// The episode's facts.
    Found(Arc<EpisodeFacts>),
    /// Searches do not show the episode.
    Unseen,
    /// The server gives no answer for the episode.
    Unanswered,
}

impl From<Facts> for Lookup {
    fn from(facts: Facts) -> Self {
        facts.map_or(Self::Unseen, Self::Found)
    }
}

/// Returns the facts of an episode that an action names. The first lookup also sends the episode.
///
/// If the server gives no answer until the last attempt, the job continues without the facts, because a date's actions
/// matter more than a title. The receipt says so, and the date is planned again. After [`MOST_UNANSWERED`] such
/// episodes the job looks up no further ones, because the server itself fails.
pub(crate) async fn look_up(ctx: &mut OpencastContext<'_>, mpid: &Mpid) -> Result<Lookup, OpencastError> {
    if let Some(facts) = ctx.opencast.episode_cache.get(mpid) {
        return Ok(facts.into());
    }
    if ctx.unanswered.contains_key(mpid) || ctx.unanswered.len() >= MOST_UNANSWERED {
        return Ok(Lookup::Unanswered);
    }
    let facts = match ask(ctx, mpid).await {
        Ok(Some((answer, place, context))) => {
            let episode = send_found(ctx, &answer, place, &context).await?;
            episode.map(|episode| Arc::new(episode.facts()))
        }
        Ok(None) => None,
        Err(error) => {
            let Some(cause) = ctx.base.end(&error.failure) else { return Err(error) };
            ctx.unanswered.insert(mpid.clone(), cause);
            return Ok(Lookup::Unanswered);
        }
    };
    ctx.looked_up.insert(mpid, facts.clone());
    Ok(facts.into())
}

/// Requests an episode and its workflows. Returns the answer, the episode's index in it, and the workflow facts.
async fn ask(
    ctx: &mut OpencastContext<'_>,
    mpid: &Mpid,
) -> Result<Option<(OpencastResponse, usize, EpisodeContext)>, OpencastError> {
    match find(ctx, mpid).await {
        Ok(Some((answer, place))) => {
            let context = times(ctx, mpid).await?;
            Ok(Some((answer, place, context)))
        }
        // An id that the server refuses is unknown to it.
        Ok(None) | Err(OpencastError { reason: Reason::Parameter, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the live stream times from an episode's workflows; none if workflows were refused from the start, because
/// the episode matters more. If workflows were answered before, the refusal fails the attempt, else stored times would
/// be overwritten.
async fn times(ctx: &mut OpencastContext<'_>, mpid: &Mpid) -> Result<EpisodeContext, OpencastError> {
    let opencast = ctx.opencast;
    let refused = match opencast.why_no_workflows() {
        Some(cause) => cause,
        None => match workflows::of(opencast, mpid, ctx.base.calls()).await {
            Err(OpencastError { failure: Failure::Refused { cause }, .. }) => cause,
            other => return other,
        },
    };
    if opencast.had_workflows() {
        return Err(OpencastError::retry(Reason::Closed, CauseClass::Forbidden, refused));
    }
    opencast.refused_workflows(&refused);
    ctx.base.find("no-live-times", format!("episodes come without the times of live streams: {refused}"));
    Ok(EpisodeContext::default())
}

/// Fetches one episode.
pub(crate) async fn fetch_one(ctx: &mut OpencastContext<'_>, mpid: &Mpid) -> Result<(), OpencastError> {
    let Some((answer, place)) = find(ctx, mpid).await? else {
        let text = "there is no such episode, or it is not for this user to see";
        let cause = Some(Cause::new(CauseClass::Gone, text));
        return Ok(ctx.base.finish_with(Some(1), 0, None, cause).await?);
    };
    let context = times(ctx, mpid).await?;
    send_found(ctx, &answer, place, &context).await?;
    Ok(ctx.base.finish(Some(1), 1, None).await?)
}

/// Fetches the catalogue: reads all pages until as many episodes as counted arrived. With an admin node it plans a job
/// per episode, because workflows need a separate call.
pub(crate) async fn fetch_all(ctx: &mut OpencastContext<'_>, date: Date) -> Result<(), OpencastError> {
    let (mut seen, mut total, mut jobs) = (Seen::default(), 0, 0);
    for _ in 0..READINGS {
        total = read_all(ctx, &mut seen, &mut jobs).await?;
        if seen.count() >= total {
            break;
        }
    }
    let jobs = ctx.opencast.client.has_admin().then_some(jobs);
    ctx.base.finish(Some(total), seen.count(), jobs).await?;
    info!(job.id = %ctx.job.id, got = seen.count(), "listed {} episodes on {date}", seen.count());
    Ok(())
}

/// Reads the catalogue once; returns the count in its last page.
async fn read_all(
    ctx: &mut OpencastContext<'_>,
    seen: &mut Seen,
    jobs: &mut u64,
) -> Result<u64, OpencastError> {
    let mut offset = 0;
    for _ in 0..MAX_PAGES {
        let answer = ctx.get(&Request::catalogue(offset, PAGE)).await?;
        let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
        let rows = found.results.len() as u64;
        offset += rows;
        let total = found.total.unwrap_or(offset);
        *jobs += take(ctx, &answer, &found.results, seen).await?;
        if rows == 0 || offset >= total {
            return Ok(total);
        }
        if offset > 2 * seen.count() + 10 * u64::from(PAGE) {
            return Err(endless(Endpoint::Search));
        }
        if seen.count() > MOST_EPISODES {
            let text = format!("{} has more than {MOST_EPISODES} episodes", Endpoint::Search.name());
            return Err(OpencastError::reject(Reason::Other, CauseClass::TooLarge, text));
        }
    }
    Err(too_many_pages(Endpoint::Search))
}

/// Processes the new episodes of a page; returns the number of planned jobs.
async fn take(
    ctx: &mut OpencastContext<'_>,
    answer: &OpencastResponse,
    results: &[&RawValue],
    seen: &mut Seen,
) -> Result<u64, OpencastError> {
    let mut tasks = Vec::new();
    for result in results {
        match Episode::read(result) {
            Ok(episode) if !seen.note(hash(episode.mpid.as_str()), "") => {}
            Ok(episode) if ctx.opencast.client.has_admin() => {
                tasks.push(Task::Episode { mpid: episode.mpid });
            }
            Ok(episode) => {
                send_result(ctx, &episode.mpid, answer, result, &EpisodeContext::default()).await?;
            }
            Err(fault) if seen.note(hash(result.get()), "") => {
                let context = EpisodeContext::default();
                let part = format!("row{:x}", hash(result.get()));
                let raw = raw(&part, answer, result, &context);
                ctx.base
                    .dead_letter_raw(&raw, &format!("a result of {}: {fault}", Endpoint::Search.name()))
                    .await?;
            }
            Err(_) => {}
        }
    }
    let jobs = tasks.len() as u64;
    ctx.plan(&format!("{}", seen.count()), tasks).await?;
    Ok(jobs)
}

/// Requests one episode; returns its index in the answer, or `None` if unknown. The fork also returns deleted episodes,
/// which may have been watched before.
async fn find(
    ctx: &mut OpencastContext<'_>,
    mpid: &Mpid,
) -> Result<Option<(OpencastResponse, usize)>, OpencastError> {
    let is_fork = matches!(ctx.opencast.dialect(), Some(Dialect::Dce { .. }));
    let answer = match ctx.get(&Request::episode(mpid, is_fork)).await {
        Err(error) => return Err(of_the_episode(ctx, error).await),
        Ok(answer) => answer,
    };
    let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
    let is_it = |result: &&RawValue| Episode::read(result).is_ok_and(|episode| episode.mpid == *mpid);
    let place = found.results.iter().position(is_it);
    Ok(place.map(|place| (answer, place)))
}

/// Turns a refusal into a rejection of this episode if other searches succeed.
async fn of_the_episode(ctx: &mut OpencastContext<'_>, error: OpencastError) -> OpencastError {
    let OpencastError { reason, failure: Failure::Refused { cause } } = error else { return error };
    match ctx.get(&Request::catalogue(0, 1)).await {
        Ok(_) => OpencastError::reject(reason, CauseClass::Forbidden, cause),
        Err(_) => OpencastError::refused(reason, cause),
    }
}

/// Sends one result of an answer as a document, with its workflow facts.
async fn send_found(
    ctx: &mut OpencastContext<'_>,
    answer: &OpencastResponse,
    place: usize,
    context: &EpisodeContext,
) -> Result<Option<Episode>, OpencastError> {
    let found = episode::results(&answer.body).map_err(|fault| odd(Endpoint::Search, fault))?;
    let Some(result) = found.results.get(place) else { return Ok(None) };
    let episode = Episode::read(result).map_err(|fault| odd(Endpoint::Search, fault))?;
    send_result(ctx, &episode.mpid, answer, result, context).await?;
    Ok(Some(episode))
}

async fn send_result(
    ctx: &mut OpencastContext<'_>,
    mpid: &Mpid,
    answer: &OpencastResponse,
    result: &RawValue,
    context: &EpisodeContext,
) -> Result<(), OpencastError> {
    let part = format!("episode.{mpid}");
    Ok(ctx.base.send_raw(&raw(&part, answer, result, context)).await?)
}

fn raw<'a>(
    part: &'a str,
    answer: &'a OpencastResponse,
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
