//! Compares attendance with a computation that visits every action.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use store::{Batch, DocumentKind, Local, Store, Verdict, local};

use super::*;
use crate::cli::{Lectures, OfLectures, Target};

const STUDENTS: [Option<&str>; 7] =
    [Some("10000001"), Some("ada"), Some("=bo"), Some("anonymous"), Some("public_user"), Some(""), None];
const EPISODES: [&str; 4] = ["e1", "e2", "e3", "e4"];

#[derive(Debug, Clone)]
struct Action {
    episode: usize,
    student: usize,
    inpoint: i64,
    heartbeat: bool,
    playing: bool,
    live: bool,
}

/// Milliseconds of the recording and of the live stream.
type Lengths = [(Option<i64>, Option<i64>); EPISODES.len()];

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let inpoint = prop_oneof![8 => 0_i64..2_500, 1 => Just(-1), 1 => -1_000_i64..100_000];
    let often = prop::bool::weighted(0.8);
    let action = (0..EPISODES.len(), 0..STUDENTS.len(), inpoint, often, often, any::<bool>());
    let action = action.prop_map(|(episode, student, inpoint, heartbeat, playing, live)| Action {
        episode,
        student,
        inpoint,
        heartbeat,
        playing,
        live,
    });
    prop::collection::vec(action, 0..120)
}

fn lengths() -> impl Strategy<Value = Lengths> {
    let exact = prop::sample::select(vec![300_000_i64, 299_999, 300_001, 900_000, 1]);
    let length = prop_oneof![
        1 => Just(None),
        1 => (-1_i64..=0).prop_map(Some),
        4 => (1_i64..2_000_000).prop_map(Some),
        2 => exact.prop_map(Some),
    ];
    prop::array::uniform4((length.clone(), length))
}

/// Returns the rows by definition: the number of pieces with a playing heartbeat, also those beyond the catalogue's
/// end, divided by the pieces of the length, at most 100 percent.
fn expected(actions: &[Action], lengths: &Lengths, live: bool) -> BTreeMap<(String, String), i64> {
    let mut rows = BTreeMap::new();
    for (episode, (recording, stream)) in lengths.iter().enumerate() {
        let Some(length) = (if live { *stream } else { *recording }).filter(|length| *length > 0) else {
            continue;
        };
        for (student, huid) in STUDENTS.iter().enumerate().take(3) {
            let inpoints: Vec<i64> = actions
                .iter()
                .filter(|action| action.episode == episode && action.student == student)
                .filter(|action| action.heartbeat && action.playing && action.live == live)
                .map(|action| action.inpoint)
                .collect();
            if inpoints.is_empty() {
                continue;
            }
            let mut pieces = 0;
            while pieces * 300_000 < length {
                pieces += 1;
            }
            let mut watched: Vec<i64> =
                inpoints.into_iter().filter(|at| *at >= 0).map(|at| at / 300).collect();
            watched.sort_unstable();
            watched.dedup();
            let percent = std::cmp::min(100, 100 * watched.len() as i64 / pieces);
            rows.insert((EPISODES[episode].to_owned(), huid.unwrap().to_owned()), percent);
        }
    }
    rows
}

async fn fill(store: &Store, actions: &[Action], lengths: &Lengths) {
    let mut batch = Batch::new();
    for (mpid, (recording, stream)) in EPISODES.iter().zip(lengths) {
        let body =
            json!({"mpid": mpid, "duration": recording, "live_duration": stream, "series": "20160112345"});
        batch.push("", DocumentKind::Episodes, "episodes".into(), (*mpid).to_owned(), 1, &body).unwrap();
    }
    for (number, action) in actions.iter().enumerate() {
        let Action { episode, student, inpoint, heartbeat, playing, live } = action;
        let what = if *heartbeat { "HEARTBEAT" } else { "SEEK" };
        let body = json!({
            "action_id": number, "mpid": EPISODES[*episode], "huid": STUDENTS[*student], "is_live": live,
            "action": {"type": what, "inpoint": inpoint, "outpoint": inpoint, "is_playing": playing},
        });
        let index = format!("useractions-2016.0{}", 1 + number % 3);
        batch.push("", DocumentKind::Useractions, index, number.to_string(), 1, &body).unwrap();
    }
    let verdicts = store.bulk(&batch).await.unwrap();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Indexed), "{verdicts:?}");
}

async fn exported(store: &Store, folder: &Path, live: bool) -> BTreeMap<(String, String), i64> {
    let path = folder.join("rows.ndjson");
    let target = Target { output: Some(path.clone()), json: true };
    let asked = Attendance { live, of: OfLectures { lectures: Lectures::default(), target } };
    assert_eq!(write(&asked, store).await.unwrap(), Outcome::Complete);
    let text = std::fs::read_to_string(path).unwrap();
    let column = if live { "live_attendance" } else { "vod_attendance" };
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        ((text("mpid"), text("huid")), row[column].as_i64().unwrap())
    };
    let rows: BTreeMap<_, _> = text.lines().map(row).collect();
    assert_eq!(rows.len(), text.lines().count(), "a student came twice: {text}");
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attendance_is_what_looking_at_every_action_gives(actions in actions(), lengths in lengths()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
        let store = Store::Local(Local::open(settings).unwrap());
        runtime.block_on(fill(&store, &actions, &lengths));
        for live in [false, true] {
            let rows = runtime.block_on(exported(&store, folder.path(), live));
            prop_assert!(rows.values().all(|percent| (0..=100).contains(percent)), "{:?}", rows);
            prop_assert_eq!(rows, expected(&actions, &lengths, live));
        }
    }
}

#[tokio::test]
async fn a_server_whose_player_sends_no_heartbeats_is_told_from_lectures_nobody_watched() {
    let folder = tempfile::tempdir().unwrap();
    let settings = local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
    let store = Store::Local(Local::open(settings).unwrap());
    let action =
        |heartbeat, playing| Action { episode: 0, student: 0, inpoint: 0, heartbeat, playing, live: false };
    let lengths = [(Some(900_000), None); EPISODES.len()];
    fill(&store, &[action(false, true)], &lengths).await;
    assert!(has_no_beats(&store).await.unwrap());
    assert!(exported(&store, folder.path(), false).await.is_empty());
    // A paused player sends heartbeats, too.
    fill(&store, &[action(false, true), action(true, false)], &lengths).await;
    assert!(!has_no_beats(&store).await.unwrap());
    assert!(exported(&store, folder.path(), false).await.is_empty());
}

#[test]
fn a_length_is_cut_into_pieces_of_which_the_last_may_be_short() {
    let of = |length| pieces(&Lecture { duration: length, ..Lecture::default() }, false);
    let found = [1, 299_999, 300_000, 300_001, 3_600_000].map(|length| of(Some(length)).unwrap());
    assert_eq!(found, [1, 1, 1, 2, 12]);
    assert_eq!([None, Some(0), Some(-1), Some(i64::MIN)].map(of), [None; 4]);
    assert!(of(Some(i64::MAX)).unwrap() > 0);
}
