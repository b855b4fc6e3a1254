//! `/search/episode.json`: a wrapper of the XML serialiser up to generation 15, plain arrays from 16 on.

use serde_json::{Value, json};

use super::super::jettison::{Element, Style};
use super::super::ledger::AuthKind;
use super::super::world::Episode;
use super::answer::OpencastAnswer;
use super::mediapackage::mediapackage;
use super::params::Params;
use super::shared::Shared;

const DEFAULT_LIMIT: u32 = 20;
/// Maximum limit for non-admins, from generation 16 on.
const MOST: u32 = 250;
const SORTS: [&str; 4] = ["title", "contributor", "creator", "modified"];

/// `GET /search/episode.json`
pub(super) fn search(
    shared: &Shared,
    params: &Params,
    auth: AuthKind,
) -> Result<OpencastAnswer, OpencastAnswer> {
    let is_new = shared.settings.generation >= 16;
    let (limit, offset) = (params.number("limit")?, params.number("offset")?.unwrap_or(0));
    if is_new {
        check(params, limit, auth)?;
    }
    let limit = match limit {
        // A limit of 0 means the default in the old search, and no results in the new one.
        Some(0) if !is_new => DEFAULT_LIMIT,
        limit => limit.unwrap_or(DEFAULT_LIMIT),
    };
    let mut found: Vec<_> =
        shared.world.episodes().iter().filter(|episode| is_wanted(episode, params)).collect();
    match params.get("sort").filter(|_| is_new) {
        Some(sort) => order(&mut found, sort),
        None => found.sort_by_key(|episode| std::cmp::Reverse(episode.created)),
    }
    let total = found.len();
    let page = found.into_iter().skip(offset as usize).take(limit as usize);
    let page: Vec<_> = page.collect();
    Ok(match is_new {
        true => new(shared, &page, total, offset, limit),
        false => old(shared, params, &page, total, offset, limit),
    })
}

/// Refuses what the new search refuses.
fn check(params: &Params, limit: Option<u32>, auth: AuthKind) -> Result<(), OpencastAnswer> {
    let is_admin = matches!(auth, AuthKind::Basic | AuthKind::Digest);
    let too_many = limit.is_some_and(|limit| limit > MOST) && !is_admin;
    let both = params.get("sid").is_some() && params.get("sname").is_some();
    let sort = params.get("sort").map(|sort| sort.split_once(' ').unwrap_or((sort, "asc")));
    let bad_sort = sort.is_some_and(|(field, way)| !SORTS.contains(&field) || !matches!(way, "asc" | "desc"));
    if too_many || both || bad_sort { Err(OpencastAnswer::bad_request()) } else { Ok(()) }
}

fn is_wanted(episode: &Episode, params: &Params) -> bool {
    let is = |name, value: Option<&String>| {
        params.get(name).is_none_or(|asked| value.is_some_and(|value| value == asked))
    };
    let text = params.get("q").is_none_or(|q| episode.title.to_lowercase().contains(&q.to_lowercase()));
    is("id", Some(&episode.mpid))
        && is("sid", episode.series.as_ref())
        && is("sname", episode.course.as_ref())
        && text
}

fn order(found: &mut [&Episode], sort: &str) {
    let (field, way) = sort.split_once(' ').unwrap_or((sort, "asc"));
    match field {
        "modified" => found.sort_by_key(|episode| episode.modified),
        "creator" => found.sort_by_key(|episode| episode.creators.clone()),
        _ => found.sort_by(|a, b| a.title.cmp(&b.title)),
    }
    if way == "desc" {
        found.reverse();
    }
}

fn old(
    shared: &Shared,
    params: &Params,
    page: &[&Episode],
    total: usize,
    offset: u32,
    limit: u32,
) -> OpencastAnswer {
    let zone = &shared.world.zone;
    let results = page.iter().map(|episode| old_result(episode, zone));
    let list = Element::new("search-results")
        .attribute("searchTime", 12)
        .attribute("total", total)
        .attribute("limit", limit)
        .attribute("offset", offset)
        .attribute("query", params.get("q").unwrap_or("*:*"))
        .children(results);
    OpencastAnswer::json(&list.document(shared.style()))
}

fn old_result(episode: &Episode, zone: &jiff::tz::TimeZone) -> Element {
    let created = episode
        .created
        .map(|time| time.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    let extent = if episode.duration_ms > 0 { episode.duration_ms } else { -1 };
    Element::new("result")
        .attribute("org", "mh_default_org")
        .attribute("id", &episode.mpid)
        .child(mediapackage(episode))
        .text_of("dcExtent", Some(extent))
        .text_of("dcTitle", Some(&episode.title))
        .text_of("dcCreator", episode.creators.first())
        .text_of("dcCreated", created)
        .text_of("dcIsPartOf", episode.series.as_ref())
        .text_of("dcType", Some(episode.kind))
        .text_of("dcDescription", episode.description.as_ref())
        .text_of("dcLanguage", Some("eng"))
        .child(Element::new("ocMediapackage"))
        .text_of("mediaType", Some("AudioVisual"))
        .text_of("keywords", Some(""))
        .text_of("modified", Some(episode.modified))
        .text_of("score", Some("1.5"))
        .child(Element::new("segments"))
}

fn new(shared: &Shared, page: &[&Episode], total: usize, offset: u32, limit: u32) -> OpencastAnswer {
    // Observed in 16; later generations are assumed to have fixed it.
    let style = Style { attributes_are_text: false, doubles: shared.settings.generation == 16 };
    let results: Vec<_> = page.iter().map(|episode| new_result(episode, style)).collect();
    OpencastAnswer::json(&json!({ "offset": offset, "total": total, "limit": limit, "result": results }))
}

fn new_result(episode: &Episode, style: Style) -> Value {
    let mut dc = json!({
        "identifier": [episode.mpid],
        "title": [episode.title],
        "type": [episode.kind],
        "language": ["eng"],
    });
    let mut put = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            dc[name] = values.into();
        }
    };
    put("creator", episode.creators.iter().map(|creator| (*creator).to_owned()).collect());
    put("created", episode.created.iter().map(|time| time.strftime("%Y-%m-%dT%H:%MZ").to_string()).collect());
    put("isPartOf", episode.series.clone().into_iter().collect());
    put("description", episode.description.clone().into_iter().collect());
    if episode.duration_ms > 0 {
        put("extent", vec![extent(episode.duration_ms)]);
    }
    let roles =
        ["read", "write"].map(|action| json!({ "action": action, "role": "ROLE_ANONYMOUS", "allow": true }));
    json!({
        "mediapackage": mediapackage(episode).value(style),
        "org": "mh_default_org",
        "type": "Episode",
        "modified": episode.modified.to_string(),
        "acl": roles,
        "dc": dc,
    })
}

/// Formats a duration as `PT1H23M4.160S`.
fn extent(ms: i64) -> String {
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let part = |count: i64, unit: &str| if count > 0 { format!("{count}{unit}") } else { String::new() };
    format!("PT{}{}{}.{:03}S", part(hours, "H"), part(minutes, "M"), rest / 1_000, rest % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_is_a_period_of_iso_8601() {
        assert_eq!(extent(4_160), "PT4.160S");
        assert_eq!(extent(4_984_160), "PT1H23M4.160S");
        assert_eq!(extent(3_600_000), "PT1H0.000S");
    }
}
