//! Distinguishes wrong documents from a wrongly configured store: by whether the refused documents fit our template,
//! and whether the store accepts any of their kind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use store::{Batch, DocumentKind, Verdict};

/// Number of refused documents of a kind, with the same error type and none accepted in between, that indicates a
/// wrongly configured store.
const ENOUGH: u64 = 10;

/// Consecutive refusals per kind of documents that fit our template.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    rows: Mutex<BTreeMap<DocumentKind, RefusalCount>>,
}

#[derive(Debug, Default)]
struct RefusalCount {
    /// Type of the error.
    error: String,
    count: u64,
}

/// Results of a bulk for one kind.
#[derive(Debug, Default)]
struct Tally<'a> {
    taken: bool,
    /// Reasons of refused documents that fit our template.
    reasons: Vec<&'a str>,
}

impl Refusals {
    /// Counts the verdicts of a bulk. Returns the kinds of which the store refuses every document, each with the
    /// reason. `is_first` tells whether it is an item's first attempt, because a retried failure counts once.
    pub(crate) fn weigh(
        &self,
        batch: &Batch,
        verdicts: &[Verdict],
        is_first: impl Fn(usize) -> bool,
    ) -> BTreeMap<DocumentKind, String> {
        let mut tallies: BTreeMap<DocumentKind, Tally<'_>> = BTreeMap::new();
        for (place, (item, verdict)) in batch.items().zip(verdicts).enumerate() {
            let counts = match verdict {
                Verdict::Indexed | Verdict::Stale => {
                    tallies.entry(item.kind).or_default().taken = true;
                    continue;
                }
                Verdict::Refused { .. } => true,
                Verdict::Failed { .. } => is_first(place),
                _ => false,
            };
            if let Verdict::Refused { reason } | Verdict::Failed { reason } = verdict
                && counts
                && item.fits()
            {
                tallies.entry(item.kind).or_default().reasons.push(reason);
            }
        }
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        tallies
            .into_iter()
            .filter_map(|(kind, tally)| Some((kind, count(&mut rows, kind, &tally)?)))
            .collect()
    }
}

fn count(
    rows: &mut BTreeMap<DocumentKind, RefusalCount>,
    kind: DocumentKind,
    tally: &Tally<'_>,
) -> Option<String> {
    let [first, rest @ ..] = &tally.reasons[..] else {
        if tally.taken {
            rows.remove(&kind);
        }
        return None;
    };
    if tally.taken || rest.iter().any(|reason| error(reason) != error(first)) {
        rows.remove(&kind);
        return None;
    }
    let row = rows.entry(kind).or_default();
    if row.error != error(first) {
        *row = RefusalCount { error: error(first).to_owned(), count: 0 };
    }
    row.count += tally.reasons.len() as u64;
    (row.count >= ENOUGH).then(|| {
        format!(
            "the store refuses every document of the kind {}, although each fits the index template ua-{}: {first}; \
             `ua check` names what takes the template's place",
            kind.name(),
            kind.name()
        )
    })
}

/// Returns the error type. A refusal's reason begins with it, and a field may follow that differs by document. A
/// failure's text ends with status and type.
fn error(reason: &str) -> &str {
    match reason.rsplit_once(" (") {
        Some((_, end)) if reason.ends_with(')') => end,
        _ => reason.split([':', ' ']).next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch(kinds: &[DocumentKind]) -> Batch {
        let mut batch = Batch::new();
        for (id, kind) in kinds.iter().enumerate() {
            batch.push("", *kind, kind.name().to_owned(), id.to_string(), 1, &json!({})).unwrap();
        }
        batch
    }

    fn refused(field: usize) -> Verdict {
        Verdict::Refused { reason: format!("mapper_parsing_exception: field [f{field}]") }
    }

    fn weigh(refusals: &Refusals, kind: DocumentKind, verdicts: &[Verdict]) -> Option<String> {
        refusals.weigh(&batch(&vec![kind; verdicts.len()]), verdicts, |_| true).remove(&kind)
    }

    #[test]
    fn ten_refusals_in_a_row_are_the_store_s_setup_and_nine_are_documents() {
        let refusals = Refusals::default();
        let nine: Vec<Verdict> = (0..9).map(refused).collect();
        assert_eq!(weigh(&refusals, DocumentKind::Sessions, &nine), None);
        let why = weigh(&refusals, DocumentKind::Sessions, &[refused(1)]).unwrap();
        assert!(
            why.contains("kind sessions") && why.contains("field [f1]") && why.contains("ua check"),
            "{why}"
        );
        assert_eq!(weigh(&refusals, DocumentKind::Meetings, &[refused(1)]), None, "each kind for itself");
        assert!(weigh(&refusals, DocumentKind::Sessions, &[refused(2)]).is_some(), "until one is taken");
        assert_eq!(weigh(&refusals, DocumentKind::Sessions, &[refused(2), Verdict::Stale]), None);
        assert_eq!(weigh(&refusals, DocumentKind::Sessions, &nine), None);
    }

    #[test]
    fn bad_documents_among_good_ones_and_for_different_reasons_are_documents() {
        let refusals = Refusals::default();
        let mut many: Vec<Verdict> = (0..300).map(refused).collect();
        many.push(Verdict::Indexed);
        assert_eq!(weigh(&refusals, DocumentKind::Sessions, &many), None);
        many.pop();
        many.push(Verdict::Refused { reason: "illegal_argument_exception".into() });
        assert_eq!(weigh(&refusals, DocumentKind::Sessions, &many), None);
    }

    #[test]
    fn documents_that_do_not_fit_our_own_template_are_documents_however_many() {
        let mut batch = Batch::new();
        for id in 0..300 {
            let body = json!({"duration": "canary"});
            batch
                .push("", DocumentKind::Sessions, "sessions-2026.01".into(), id.to_string(), 1, &body)
                .unwrap();
        }
        let verdicts = vec![refused(1); 300];
        assert!(Refusals::default().weigh(&batch, &verdicts, |_| true).is_empty());
    }

    #[test]
    fn a_failure_that_is_tried_again_is_counted_once() {
        let refusals = Refusals::default();
        let failed =
            |type_of: &str| Verdict::Failed { reason: format!("the search engine fails (500 {type_of})") };
        for _ in 0..20 {
            let found =
                refusals.weigh(&batch(&[DocumentKind::Sessions; 4]), &vec![failed("a"); 4], |_| false);
            assert!(found.is_empty());
        }
        assert!(
            refusals.weigh(&batch(&[DocumentKind::Sessions; 9]), &vec![failed("a"); 9], |_| true).is_empty()
        );
        assert!(
            refusals.weigh(&batch(&[DocumentKind::Sessions]), &[failed("b")], |_| true).is_empty(),
            "another type"
        );
        assert!(
            !refusals.weigh(&batch(&[DocumentKind::Sessions; 9]), &vec![failed("b"); 9], |_| true).is_empty()
        );
    }
}
