//! Compares viewing options with a computation that visits every action.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use store::{Batch, DocumentKind, Local, Store, Verdict, local};

use super::*;
use crate::cli::{Lectures, Target};

/// The first three are students with rows of their own.
const STUDENTS: [Option<&str>; 7] =
    [Some("10000001"), Some("ada"), Some("=bo"), Some("anonymous"), Some("public_user"), Some(""), None];
const EPISODES: [&str; 3] = ["e1", "e2", "e3"];
/// Types by the column that counts them: captions, speed, view mode, none.
const TYPES: [(&str, usize); 9] = [
    ("paella:caption:enabled", 0),
    ("paella:caption:enabled;en", 0),
    ("paella:caption:enabled;\"de\"", 0),
    (PLAYBACK_SPEED, 1),
    (VIEW_MODE, 2),
    ("paella:caption:disabled", 3),
    ("paella:button:action;es.upv.paella.playbackRatePlugin2", 3),
    ("HEARTBEAT", 3),
    ("PLAY", 3),
];

/// Rows by lecture and student: captions, speed, view mode.
type Rows = BTreeMap<(String, String), [u64; 3]>;

/// Actions as indices: episode, student, type.
fn actions() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..EPISODES.len(), 0..STUDENTS.len(), 0..TYPES.len()), 0..150)
}

/// Returns the rows by definition: one for each student of a lecture with any action.
fn expected(actions: &[(usize, usize, usize)]) -> Rows {
    let mut rows = Rows::new();
    for (episode, student, kind) in actions.iter().filter(|(_, student, _)| *student < 3) {
        let key = (EPISODES[*episode].to_owned(), STUDENTS[*student].unwrap().to_owned());
        let counts = rows.entry(key).or_default();
        if let Some(count) = counts.get_mut(TYPES[*kind].1) {
            *count += 1;
        }
    }
    rows
}

async fn fill(store: &Store, actions: &[(usize, usize, usize)]) {
    let mut batch = Batch::new();
    for mpid in EPISODES {
        let body = json!({"mpid": mpid, "series": "20160112345"});
        batch.push("", DocumentKind::Episodes, "episodes".into(), mpid.to_owned(), 1, &body).unwrap();
    }
    for (number, (episode, student, kind)) in actions.iter().enumerate() {
        let body = json!({
            "action_id": number, "mpid": EPISODES[*episode], "huid": STUDENTS[*student],
            "action": {"type": TYPES[*kind].0, "is_playing": number % 2 == 0}, "is_live": number % 3 == 0,
        });
        let index = format!("useractions-2016.0{}", 1 + number % 3);
        batch.push("", DocumentKind::Useractions, index, number.to_string(), 1, &body).unwrap();
    }
    let verdicts = store.bulk(&batch).await.unwrap();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Indexed), "{verdicts:?}");
}

async fn exported(store: &Store, folder: &Path) -> Rows {
    let path = folder.join("rows.ndjson");
    let target = Target { output: Some(path.clone()), json: true };
    let asked = OfLectures { lectures: Lectures::default(), target };
    assert_eq!(write(&asked, store).await.unwrap(), Outcome::Complete);
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let counts = ["captions", "playback_speed", "view_mode"].map(|name| row[name].as_u64().unwrap());
        ((text("mpid"), text("huid")), counts)
    };
    let rows: Rows = text.lines().map(row).collect();
    assert_eq!(rows.len(), text.lines().count(), "a student came twice: {text}");
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn viewing_options_are_what_looking_at_every_action_gives(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
        let store = Store::Local(Local::open(settings).unwrap());
        runtime.block_on(fill(&store, &actions));
        prop_assert_eq!(runtime.block_on(exported(&store, folder.path())), expected(&actions));
    }
}
