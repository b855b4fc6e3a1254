//! Episodes, workflows and node information in every generation.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::opencast::{Dialect, OpencastSettings};

use crate::support::{Api, many, number, settings, text, workflows};

async fn of(generation: u8) -> Api {
    Api::start(settings(generation, Dialect::Upstream)).await
}

/// Results of a search in any generation, and the total.
async fn search(api: &Api, query: &str) -> (Vec<Value>, u64) {
    let (status, mut body) = api.ask(&format!("/search/episode.json?{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    let found = match body.get_mut("search-results") {
        Some(found) => found.take(),
        None => body,
    };
    (many(found["result"].clone()), number(&found["total"]))
}

#[tokio::test]
async fn up_to_fifteen_a_search_is_a_wrapper_and_from_sixteen_on_it_is_not() {
    for (generation, total) in [(5, json!("60")), (7, json!("60")), (12, json!(60)), (15, json!(60))] {
        let (_, found) = of(generation).await.ask("/search/episode.json?limit=1").await;
        let found = &found["search-results"];
        assert_eq!((&found["total"], found["result"].is_object()), (&total, true));
        let package = &found["result"]["mediapackage"];
        assert_eq!(package["duration"].is_string(), generation <= 7, "{package}");
        assert!(found["result"]["dcTitle"].is_string() && found["result"]["dcExtent"].is_number());
        assert_eq!(package["publications"], "");
        let track = &many(package["media"]["track"].clone())[0];
        assert_eq!((&track["checksum"]["type"], &track["video"]["encoder"]), (&json!("md5"), &json!("")));
    }
    for generation in [16, 17] {
        let (_, found) = of(generation).await.ask("/search/episode.json?limit=1").await;
        assert_eq!((&found["total"], &found["limit"]), (&json!(60), &json!(1)));
        let [one] = found["result"].as_array().unwrap().as_slice() else { panic!("{found}") };
        assert!(one["dc"]["title"].is_array() && one["acl"][0]["allow"] == true);
        let duration = one["mediapackage"]["duration"].to_string();
        assert_eq!(duration.ends_with(".0"), generation == 16, "{duration}");
        let (none, total) = search(&of(generation).await, "id=nobody").await;
        assert_eq!((none, total), (Vec::new(), 0));
    }
    let (_, none) = of(5).await.ask("/search/episode.json?id=nobody").await;
    assert_eq!((&none["search-results"]["total"], none["search-results"].get("result")), (&json!("0"), None));
}

#[tokio::test]
async fn paging_finds_every_episode_once_and_asking_for_one_finds_it() {
    for generation in [5, 15, 17] {
        let api = of(generation).await;
        let mut ids = Vec::new();
        for offset in (0..60).step_by(7) {
            let (page, total) = search(&api, &format!("limit=7&offset={offset}")).await;
            assert_eq!(total, 60);
            ids.extend(page.iter().map(|result| text(&result["mediapackage"]["id"])));
        }
        let unique: BTreeSet<_> = ids.iter().cloned().collect();
        assert_eq!((ids.len(), unique.len()), (60, 60));
        for id in ids.iter().step_by(9) {
            let (one, total) = search(&api, &format!("id={id}&includeDeleted=true")).await;
            assert_eq!((one.len(), total, text(&one[0]["mediapackage"]["id"])), (1, 1, id.clone()));
        }
        assert!(ids.iter().any(|id| id.contains('/')), "one id does not fit into a path as it is");
    }
}

#[tokio::test]
async fn episodes_are_as_odd_as_real_ones() {
    for generation in [5, 15, 17] {
        let world =
            OpencastSettings { episodes: 240, odd_share: 0.5, ..settings(generation, Dialect::Upstream) };
        let (all, _) = search(&Api::start(world).await, "limit=240").await;
        let packages: Vec<_> = all.iter().map(|result| &result["mediapackage"]).collect();
        let any = |wanted: &dyn Fn(&Value) -> bool| packages.iter().any(|package| wanted(package));
        assert!(any(&|package| package.get("start").is_none()), "missing start");
        assert!(any(&|package| package["title"].is_number()), "a number as title");
        assert!(any(&|package| package["attachments"] == ""), "no pictures");
        assert!(any(&|package| package["attachments"]["attachment"].is_object()), "a single picture");
        let slide = |attachment: &Value| {
            attachment["type"] == "presentation/segment+preview"
                && attachment["ref"].as_str().is_some_and(|slide| slide.contains(";time=T00:07:00:0F1000"))
        };
        assert!(
            any(&|package| many(package["attachments"]["attachment"].clone()).iter().any(slide)),
            "slides"
        );
        assert!(any(&|package| package.get("series").is_none()), "no series");
        assert!(any(&|package| text(&package["series"]).starts_with("202601")), "a course of the first term");
        assert!(
            any(&|package| text(&package["series"]).starts_with("202602")),
            "a course of the second term"
        );
        assert!(any(&|package| package["creators"]["creator"].is_string()), "one creator");
        assert!(any(&|package| package["media"]["track"].is_object()), "a single track");
        assert!(any(&|package| package.get("duration").is_none()), "no duration");
    }
}

#[tokio::test]
async fn the_new_search_refuses_what_it_refuses() {
    let api = of(17).await;
    for bad in ["limit=-1", "sid=a&sname=b", "sort=random", "sort=title+sideways", "limit=x"] {
        let (status, _) = api.ask(&format!("/search/episode.json?{bad}")).await;
        assert!(matches!(status, 400 | 404), "{bad}: {status}");
    }
    assert_eq!(api.get("/search/episode.json?limit=251").await.status(), 400);
    assert_eq!(api.ask("/search/episode.json?limit=251").await.0, 200);
    let (sorted, _) = search(&api, "sort=modified+desc&limit=60").await;
    let times: Vec<_> = sorted.iter().map(|result| text(&result["modified"])).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    assert_eq!(search(&api, "").await.0.len(), 20);
}

/// Times of an operation in the newest workflow; `name` is the attribute with the operation's name.
fn times(answer: &Value, name: &str, operation: &str) -> Option<(Option<u64>, Option<u64>)> {
    let newest = workflows(answer).into_iter().max_by_key(|workflow| number(&workflow["id"]))?;
    let operations = many(newest["operations"]["operation"].clone());
    let found = operations.iter().find(|one| one[name] == operation)?;
    Some((found["started"].as_u64(), found["completed"].as_u64()))
}

#[tokio::test]
async fn workflows_moved_at_twelve_and_so_did_the_name_of_an_operation() {
    for (generation, name) in [(5, "id"), (11, "id"), (12, "template"), (17, "template")] {
        let api = of(generation).await;
        let (mut live, mut available, mut none) = (0, 0, 0);
        for result in search(&api, "limit=60").await.0 {
            let id = text(&result["mediapackage"]["id"]).replace('/', "%2F");
            let (old, new) = (
                api.ask(&format!("/workflow/instances.json?mp={id}&state=")).await,
                api.ask(&format!("/workflow/mediaPackage/{id}/instances.json")).await,
            );
            let (there, gone) = if generation <= 11 { (old, new) } else { (new, old) };
            assert_eq!((there.0, gone.0), (200, 404), "{generation}");
            none += usize::from(workflows(&there.1).is_empty());
            if let Some((started, completed)) = times(&there.1, name, "capture") {
                assert!(started.unwrap() < completed.unwrap());
                live += 1;
                available += usize::from(times(&there.1, name, "retract-element").unwrap().1.is_some());
            }
        }
        assert!(live > 5 && (1..live).contains(&available) && none > 0, "{live} {available} {none}");
    }
    let (_, none) = of(15).await.ask("/workflow/mediaPackage/nobody/instances.json").await;
    assert_eq!(none, json!({ "workflows": "" }));
    let (_, none) = of(5).await.ask("/workflow/instances.json?mp=nobody").await;
    assert_eq!(none["workflows"]["totalCount"], "0");
}

#[tokio::test]
async fn a_node_tells_its_version_its_services_its_caller_and_its_health() {
    for generation in [5, 12, 17] {
        let api = of(generation).await;
        let (_, version) = api.ask("/sysinfo/bundles/version?prefix=opencast").await;
        assert_eq!(version["version"], format!("{generation}.0.0"));
        let (_, me) = api.ask("/info/me.json").await;
        let name = if generation == 5 { &me["username"] } else { &me["user"]["username"] };
        assert_eq!(name, "simulated_system_account");
        let health = api.get("/info/health").await;
        assert_eq!(health.headers()["content-type"], "application/health+json");
        let (_, components) = api.ask("/info/components.json").await;
        let paths: Vec<_> =
            components["rest"].as_array().unwrap().iter().map(|one| text(&one["path"])).collect();
        assert!(paths.contains(&"/search".to_owned()) && paths.contains(&"/workflow".to_owned()));
    }
}
