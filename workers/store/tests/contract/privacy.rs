//! Errors never quote a document, on any back end.

use serde_json::{Value, json};
use store::{DocumentKind, Store, Verdict};

use crate::documents::{doc, meeting, write};

const MAIL: &str = "canary.person@example.org";

/// Documents with an e-mail address in every place that an error may quote.
fn bodies() -> Vec<Value> {
    vec![
        json!({"duration": MAIL}),
        json!({"duration": 3_000_000_000_i64, "topic": MAIL}),
        json!({"duration": {MAIL: 1}}),
        json!({"duration": [[{"mail": MAIL}]]}),
        json!({"start_time": MAIL}),
        json!({"has_video": MAIL}),
        json!({"host": MAIL}),
        json!({"topic": {MAIL: 1}}),
        json!({"host": {MAIL: 1}}),
        json!({MAIL: 1}),
        json!({"harvest": {"fetched_at": {"mail": MAIL}}}),
    ]
}

pub(crate) async fn no_reason_quotes_a_document(store: Store) {
    let bodies = bodies();
    let docs: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| doc(DocumentKind::Meetings, "2026-01-15", &format!("{MAIL}/{n}"), 1, body.clone()))
        .chain([meeting("good", 1, json!({"topic": MAIL}))])
        .collect();
    let verdicts = write(&store, &docs).await;
    assert_eq!(verdicts.last(), Some(&Verdict::Indexed));
    for (verdict, body) in verdicts.iter().zip(&bodies) {
        let Verdict::Refused { reason } = verdict else { panic!("{body}: {verdict:?}") };
        assert!(!reason.contains("canary") && !reason.contains("Source:"), "{body}: {reason}");
        assert!(reason.len() < 300 && !reason.contains('\n'), "{body}: {reason}");
    }
}

macro_rules! everywhere {
    ($($name:ident $target:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::target::run($target, no_reason_quotes_a_document).await;
            }
        )*
    };
}

everywhere! {
    local crate::target::Target::Local;
    es7 crate::target::Target::Server("UA_TEST_ES_7");
    es9 crate::target::Target::Server("UA_TEST_ES_9");
    os2 crate::target::Target::Server("UA_TEST_OS_2");
    os3 crate::target::Target::Server("UA_TEST_OS_3");
}
