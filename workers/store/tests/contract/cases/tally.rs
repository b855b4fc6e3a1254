//! Tallies count every combination of values once, in order, across pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::{DocumentKind, Group, Grouping, Query, Split, Store};

use crate::documents::{Doc, doc, fill};

fn action(number: usize, body: Value) -> Doc {
    // A group can span several indices.
    let mut doc = doc(DocumentKind::Useractions, "2026-01-15", &number.to_string(), 1, body);
    doc.index = DocumentKind::Useractions
        .index(Split::Month, format!("2026-{:02}-01", 1 + number % 3).parse().unwrap());
    doc
}

fn beat(number: usize, episode: &str, student: &str, inpoint: i64) -> Doc {
    let action = json!({"type": "HEARTBEAT", "inpoint": inpoint, "is_playing": true});
    self::action(number, json!({"mpid": episode, "huid": student, "action": action, "is_live": false}))
}

fn beats() -> Vec<Doc> {
    let one = |n: usize| {
        let student = ["ada", "Bob", "ähre", "cyd-1"][n % 4];
        beat(n, ["m1", "m2"][n / 4 % 2], student, (n as i64 * 37) % 2_000 - 300)
    };
    (0..400).map(one).collect()
}

type Counted = BTreeMap<(Vec<String>, i64), u64>;

fn expected(docs: &[Doc], episode: &str) -> Counted {
    let mut counted = Counted::new();
    for Doc { body, .. } in docs.iter().filter(|doc| doc.body["mpid"] == episode) {
        let step = body["action"]["inpoint"].as_i64().unwrap().div_euclid(300);
        *counted.entry((vec![body["huid"].as_str().unwrap().to_owned()], step)).or_default() += 1;
    }
    counted
}

async fn tallied(store: &Store, query: &Query, grouping: &Grouping, page: usize) -> Vec<Group> {
    let (mut all, mut place) = (Vec::new(), None);
    loop {
        let (groups, next) = store.tally(query, grouping, page, place).await.unwrap();
        assert!(groups.len() <= page, "{} groups", groups.len());
        all.extend(groups);
        match next {
            Some(next) => place = Some(next),
            None => return all,
        }
    }
}

fn counted(groups: &[Group]) -> Counted {
    let counted: Counted =
        groups.iter().map(|group| ((group.words.clone(), group.step), group.count)).collect();
    assert_eq!(counted.len(), groups.len(), "a group came twice");
    let keys: Vec<_> = groups.iter().map(|group| (&group.words, group.step)).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    counted
}

fn of(episode: &str) -> Query {
    Query::all(DocumentKind::Useractions).with("mpid", episode).with("action.is_playing", true)
}

pub(crate) async fn documents_are_counted_by_words_and_steps(store: Store) {
    let docs = beats();
    let students = Grouping::by(&["huid"]).in_steps("action.inpoint", 300);
    assert_eq!(tallied(&store, &of("m1"), &students, 10).await, [], "nothing is there yet");
    fill(&store, &docs).await;
    for episode in ["m1", "m2"] {
        assert_eq!(
            counted(&tallied(&store, &of(episode), &students, 10_000).await),
            expected(&docs, episode)
        );
    }
    assert_eq!(tallied(&store, &of("m1").with("is_live", true), &students, 10).await, []);
    let both = Grouping::by(&["mpid", "huid"]);
    let groups = tallied(&store, &Query::all(DocumentKind::Useractions), &both, 3).await;
    assert!(groups.iter().all(|group| group.count == 50 && group.step == 0), "{groups:?}");
    let words: Vec<String> = groups.iter().map(|group| group.words.join(" ")).collect();
    let wanted = ["m1 Bob", "m1 ada", "m1 cyd-1", "m1 ähre", "m2 Bob", "m2 ada", "m2 cyd-1", "m2 ähre"];
    assert_eq!(words, wanted, "byte by byte");
}

pub(crate) async fn pages_of_groups_join_without_a_gap(store: Store) {
    let docs = beats();
    fill(&store, &docs).await;
    let students = Grouping::by(&["huid"]).in_steps("action.inpoint", 300);
    let wanted = expected(&docs, "m1");
    for page in [1, 2, 7, wanted.len() - 1, wanted.len(), wanted.len() + 1] {
        assert_eq!(counted(&tallied(&store, &of("m1"), &students, page).await), wanted, "{page} a page");
    }
}

pub(crate) async fn more_groups_than_an_answer_holds_are_all_counted(store: Store) {
    let docs: Vec<Doc> = (0..10_050).map(|n| beat(n, "m", &format!("s{n:05}"), 5)).collect();
    fill(&store, &docs).await;
    let groups = tallied(&store, &of("m"), &Grouping::by(&["huid"]), 10_000).await;
    assert_eq!(counted(&groups).len(), 10_050);
    assert_eq!(groups[10_049].words, ["s10049"]);
}

pub(crate) async fn what_lacks_a_field_counts_nowhere(store: Store) {
    let docs = [
        action(1, json!({"mpid": "m", "huid": "a", "action": {"inpoint": 5, "is_playing": true}})),
        action(2, json!({"mpid": "m", "huid": null, "action": {"inpoint": 5, "is_playing": true}})),
        action(3, json!({"mpid": "m", "action": {"inpoint": 5, "is_playing": true}})),
        action(4, json!({"mpid": "m", "huid": "b", "action": {"is_playing": true}})),
        action(5, json!({"mpid": "m", "huid": "", "action": {"inpoint": 900, "is_playing": true}})),
    ];
    fill(&store, &docs).await;
    let students = Grouping::by(&["huid"]).in_steps("action.inpoint", 300);
    let group = |word: &str, step| Group { words: vec![word.to_owned()], step, count: 1 };
    assert_eq!(tallied(&store, &of("m"), &students, 10).await, [group("", 3), group("a", 0)]);
    assert_eq!(tallied(&store, &of("m"), &Grouping::by(&["huid"]), 10).await.len(), 3);
}
