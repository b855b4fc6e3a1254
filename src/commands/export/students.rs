//! Counts the actions of students in one lecture, in the store. Leaves out users that are not signed in.

use store::{DocumentKind, Group, Grouping, Query, Store};

/// Groups per request to the store.
const PAGE: usize = 10_000;
/// User names that Opencast records for users that are not signed in.
const NOBODY: [&str; 3] = ["", "anonymous", "public_user"];

/// Selects the actions of a lecture.
pub(super) fn actions(mpid: &str) -> Query {
    Query::all(DocumentKind::Useractions).with("mpid", mpid)
}

/// Groups by student, then by the fields of `then`; steps may follow.
pub(super) fn by_student(then: &[&'static str]) -> Grouping {
    let mut words = vec!["huid"];
    words.extend(then);
    Grouping::by(&words)
}

/// Calls `take` with every group of a grouping [`by_student`]; groups of one student are consecutive.
///
/// # Errors
/// If the store is unreachable, or with the error of `take`.
pub(super) async fn each(
    store: &Store,
    query: &Query,
    grouping: &Grouping,
    mut take: impl FnMut(Group) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut place = None;
    loop {
        let (groups, next) = store.tally(query, grouping, PAGE, place).await?;
        let is_somebody = |group: &Group| !NOBODY.contains(&&*group.words[0]);
        groups.into_iter().filter(is_somebody).try_for_each(&mut take)?;
        match next {
            Some(next) => place = Some(next),
            None => return Ok(()),
        }
    }
}
