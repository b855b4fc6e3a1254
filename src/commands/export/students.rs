//! The actions of students in one lecture, counted by the store. Who is nobody in particular is left out here.

use store::{DocumentKind, Group, Grouping, Query, Store};

/// Groups in one answer of the store.
const PAGE: usize = 10_000;
/// Names under which Opencast keeps everybody who has not signed in.
const NOBODY: [&str; 3] = ["", "anonymous", "public_user"];

/// The actions of a lecture.
pub(super) fn actions(mpid: &str) -> Query {
    Query::all(DocumentKind::Useractions).with("mpid", mpid)
}

/// By student; further words and steps may follow.
pub(super) fn by_student(then: &[&'static str]) -> Grouping {
    let mut words = vec!["huid"];
    words.extend(then);
    Grouping::by(&words)
}

/// Gives every group of a grouping [`by_student`] to `take`: those of a student come together.
///
/// # Errors
/// When the store cannot be asked, and what `take` ends with.
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
