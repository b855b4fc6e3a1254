//! Workflows of a media package: a query over all up to generation 11, by id from 12 on. The name of an operation
//! moved from `id` to `template`.

use jiff::Timestamp;

use super::super::jettison::Element;
use super::super::world::Episode;
use super::answer::OpencastAnswer;
use super::mediapackage::mediapackage;
use super::params::Params;
use super::shared::Shared;

const DEFAULT_COUNT: u32 = 20;
const DEFINITION: &str = "DCE-archive-publish-external";
/// First id of a workflow.
const FIRST_ID: u32 = 1_000;

/// A workflow of an episode.
struct Workflow<'a> {
    id: u32,
    state: &'static str,
    episode: &'a Episode,
    operations: Vec<Operation>,
}

struct Operation {
    name: &'static str,
    started: Option<Timestamp>,
    completed: Option<Timestamp>,
}

/// `GET /workflow/instances.json`, up to generation 11.
pub(super) fn list(shared: &Shared, params: &Params) -> Result<OpencastAnswer, OpencastAnswer> {
    let count = params.number("count")?.filter(|count| *count > 0).unwrap_or(DEFAULT_COUNT);
    let page = params.number("startPage")?.unwrap_or(0);
    let all = shared.world.episodes().iter().zip(0_u32..);
    let mp = params.get("mp");
    let found: Vec<_> = all
        .filter(|(episode, _)| mp.is_none_or(|mp| mp == episode.mpid))
        .flat_map(|(episode, n)| workflows(episode, n))
        .filter(|workflow| params.get("state").is_none_or(|state| state == workflow.state))
        .filter(|_| params.get("workflowdefinition").is_none_or(|name| name == DEFINITION))
        .collect();
    let shown = found.iter().skip(page as usize * count as usize).take(count as usize);
    let list = Element::new("workflows")
        .attribute("startPage", page)
        .attribute("count", shown.len())
        .attribute("searchTime", 3)
        .attribute("totalCount", found.len())
        .children(shown.map(|workflow| workflow.element(false)));
    Ok(OpencastAnswer::json(&list.document(shared.style())))
}

/// `GET /workflow/mediaPackage/{id}/instances.json`, from generation 12 on.
pub(super) fn of(shared: &Shared, mpid: &str) -> OpencastAnswer {
    let mut all = shared.world.episodes().iter().zip(0_u32..);
    let found = all.find(|(episode, _)| episode.mpid == mpid);
    let found = found.map(|(episode, n)| workflows(episode, n)).unwrap_or_default();
    let list = Element::new("workflows").children(found.iter().map(|workflow| workflow.element(true)));
    OpencastAnswer::json(&list.document(shared.style()))
}

/// Workflows of an episode, newest first. 1 in 10 episodes without a live stream has none, because servers delete old
/// workflows. Every second episode with a stream has an older, failed workflow with wrong times.
fn workflows(episode: &Episode, n: u32) -> Vec<Workflow<'_>> {
    let workflow = |id, state, operations| Workflow { id, state, episode, operations };
    let id = FIRST_ID + n * 2 + 1;
    let Some(live) = episode.live else {
        let at = episode.created;
        let publish = Operation { name: "publish-engage", started: at, completed: at };
        return if n % 10 == 7 { Vec::new() } else { vec![workflow(id, "SUCCEEDED", vec![publish])] };
    };
    let capture =
        |late: Timestamp| Operation { name: "capture", started: Some(late), completed: Some(live.end) };
    let retract = Operation { name: "retract-element", started: live.available, completed: live.available };
    let ingest = Operation { name: "ingest", started: Some(live.end), completed: Some(live.end) };
    let newest = match live.available {
        Some(_) => workflow(id, "SUCCEEDED", vec![capture(live.start), ingest, retract]),
        None => workflow(id, "RUNNING", vec![capture(live.start), retract]),
    };
    let older = || {
        let never =
            Operation { name: "retract-element", started: Some(live.start), completed: Some(live.start) };
        workflow(id - 1, "FAILED", vec![capture(episode.modified), never])
    };
    std::iter::once(newest).chain(n.is_multiple_of(2).then(older)).collect()
}

impl Workflow<'_> {
    fn element(&self, is_new: bool) -> Element {
        let operations = self
            .operations
            .iter()
            .zip(1..)
            .map(|(operation, n)| operation.element(self.id * 100 + n, is_new));
        let workflow = Element::new("workflow")
            .attribute("id", self.id)
            .attribute("state", self.state)
            .text_of("template", Some(DEFINITION))
            .text_of("title", Some("Publish"));
        let workflow = match is_new {
            true => workflow
                .text_of("mediaPackageId", Some(&self.episode.mpid))
                .text_of("seriesId", self.episode.series.as_ref())
                .text_of("dateCreated", Some(self.episode.modified)),
            false => workflow.child(Element::text("organization", "mh_default_org")),
        };
        workflow.child(mediapackage(self.episode)).child(Element::new("operations").children(operations))
    }
}

impl Operation {
    /// Times are Unix milliseconds in every generation.
    fn element(&self, number: u32, is_new: bool) -> Element {
        let operation = Element::new("operation");
        let operation = match is_new {
            true => operation.attribute("id", number).attribute("template", self.name),
            false => operation.attribute("id", self.name),
        };
        let state = if self.completed.is_some() { "SUCCEEDED" } else { "INSTANTIATED" };
        operation
            .attribute("job", number + 1)
            .attribute("state", state)
            .attribute("fail-on-error", true)
            .text_of("started", self.started.map(Timestamp::as_millisecond))
            .text_of("completed", self.completed.map(Timestamp::as_millisecond))
            .text_of("time-in-queue", Some(0))
    }
}
