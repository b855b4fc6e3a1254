//! SQLite indices for queries over many rows: the desk of dead letters and the export of user actions. They cover the
//! queried fields, so that counting and selecting among a million rows reads none of them.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::sql::{compared, of_kind, value};
use crate::DocumentKind;

/// Creates missing indices and replaces outdated ones. The first call on a large file takes a while.
pub(super) fn make(connection: &mut Connection, prefix: &str) -> rusqlite::Result<()> {
    let wanted = wanted(prefix);
    if wanted
        .iter()
        .all(|(name, text)| found(connection, name).is_ok_and(|found| found.as_ref() == Some(text)))
    {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (name, text) in wanted {
        if found(&transaction, &name)?.is_none_or(|found| found != text) {
            transaction.execute_batch(&format!("drop index if exists \"{name}\"; {text}"))?;
        }
    }
    transaction.commit()
}

/// Drops the indices of a prefix.
pub(super) fn remove(connection: &Connection, prefix: &str) -> rusqlite::Result<()> {
    let mut names = wanted(prefix).into_iter().map(|(name, _)| name);
    names.try_for_each(|name| connection.execute_batch(&format!("drop index if exists \"{name}\"")))
}

fn found(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let query = "select sql from sqlite_schema where type = 'index' and name = ?1";
    connection.query_row(query, [name], |row| row.get(0)).optional()
}

/// Name and SQL statement of each index.
fn wanted(prefix: &str) -> Vec<(String, String)> {
    let mut wanted = of_the_desk(prefix);
    wanted.push(of_user_actions(prefix));
    wanted
}

fn index(prefix: &str, kind: DocumentKind, what: &str, columns: &[&str]) -> (String, String) {
    let name = format!("{prefix}{}_{what}", kind.name());
    let (columns, condition) = (columns.join(", "), of_kind(prefix, kind));
    let text = format!("CREATE INDEX \"{name}\" on documents ({columns}) where {condition}");
    (name, text)
}

/// A single index: every write of an action updates it, and queries are rare.
fn of_user_actions(prefix: &str) -> (String, String) {
    let fields = ["mpid", "action.type", "action.is_playing", "is_live", "huid", "action.inpoint"].map(value);
    index(prefix, DocumentKind::Useractions, "by_episode", &fields.each_ref().map(String::as_str))
}

fn of_the_desk(prefix: &str) -> Vec<(String, String)> {
    let kind = DocumentKind::Deadletters;
    let [state, class, source, origin, meeting] =
        ["state", "cause.class", "source", "origin", "meeting_uuid"].map(value);
    let [died_at, date] = ["died_at", "date"].map(|field| compared(kind, field));
    let index = |what: &str, columns: &[&str]| index(prefix, kind, what, columns);
    vec![
        index("by_time", &[&state, &died_at]),
        index("by_class", &[&state, &class, &died_at, &source, &origin, &date, &meeting]),
        index("by_source", &[&state, &source, &died_at, &class]),
        index("by_origin", &[&state, &origin, &died_at, &class]),
        index("by_date", &[&state, &date, &died_at, &class]),
        index("by_meeting", &[&state, &meeting, &died_at, &class]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::sql::{Selection, shown};
    use crate::local::tally;
    use crate::query::Mark;
    use crate::{Grouping, Query, SortOrder};

    fn file() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "create table documents (index_name text not null, id text not null, version integer not null,
                 body text not null, primary key (index_name, id)) strict",
            )
            .unwrap();
        make(&mut connection, "t-").unwrap();
        connection
    }

    fn plan(connection: &Connection, selection: &Selection, sql: &str) -> String {
        let mut statement = connection.prepare(&format!("explain query plan {sql}")).unwrap();
        let values = rusqlite::params_from_iter(selection.values());
        let steps = statement.query_map(values, |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    /// Opcodes of a statement.
    fn steps(connection: &Connection, selection: &Selection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("explain {sql}")).unwrap();
        let values = rusqlite::params_from_iter(selection.values());
        let steps = statement.query_map(values, |row| row.get(1)).unwrap();
        steps.map(Result::unwrap).collect()
    }

    fn dead() -> Query {
        Query::all(DocumentKind::Deadletters).with("state", "dead")
    }

    #[test]
    fn each_question_of_the_desk_has_its_index() {
        let connection = file();
        for (query, chosen_by, grouped_by) in [
            (dead(), "by_time", "by_class"),
            (dead().with("cause.class", "gone"), "by_class", "by_class"),
            (dead().with("source", "zoom"), "by_source", "by_"),
            (dead().with("origin", "ua.documents"), "by_origin", "by_"),
            (dead().with("date", "2026-01-02"), "by_date", "by_"),
            (dead().with("meeting_uuid", "x"), "by_meeting", "by_"),
            (dead().between("died_at", "2026-01-02", "2026-01-03"), "by_time", "by_"),
            (dead().with("cause.class", "gone").with("date", "2026-01-02"), "by_", "by_"),
        ] {
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                let query = query.clone().sorted("died_at", order);
                let selection = Selection::of("t-", &query).unwrap();
                let (conditions, order) = (selection.conditions(), selection.order_of_scan());
                let chosen =
                    format!("select rowid from documents where {conditions} order by {order} limit 20");
                let (value, time) = (
                    shown(DocumentKind::Deadletters, "cause.class"),
                    compared(DocumentKind::Deadletters, "died_at"),
                );
                let grouped = format!(
                    "select {value}, count(*), min({time}) from documents where {conditions} group by {value}"
                );
                let counted = format!("select count(*) from documents where {conditions}");
                for (sql, index) in [(chosen, chosen_by), (grouped, grouped_by), (counted, "by_")] {
                    let plan = plan(&connection, &selection, &sql);
                    assert!(plan.contains(&format!("INDEX t-deadletters_{index}")), "{sql}\n{plan}");
                }
            }
        }
    }

    #[test]
    fn user_actions_of_an_episode_are_tallied_from_their_index_alone() {
        let connection = file();
        let query = Query::all(DocumentKind::Useractions)
            .with("mpid", "m")
            .with("action.type", "HEARTBEAT")
            .with("action.is_playing", true)
            .with("is_live", false);
        let grouping = Grouping::by(&["huid"]).in_steps("action.inpoint", 300);
        let marks = vec![Mark::Text("h".into()), Mark::Number(300)];
        for marks in [None, Some(marks)] {
            let mut selection = Selection::of("t-", &query).unwrap();
            let fields = tally::fields(&grouping);
            selection.only_groups(&fields, marks, true);
            let (fields, conditions) = (fields.join(", "), selection.conditions());
            let sql = format!("select {fields} from documents where {conditions} order by {fields}");
            let plan = plan(&connection, &selection, &sql);
            assert!(plan.contains("INDEX t-useractions_by_episode"), "{sql}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
            // Values come from the index and are not extracted from the document again.
            let steps = steps(&connection, &selection, &sql);
            assert!(!steps.iter().any(|step| step == "Function"), "{sql}\n{steps:?}");
        }
    }

    #[test]
    fn an_index_of_before_is_made_anew_and_a_prefix_takes_its_own_away() {
        let mut connection = file();
        make(&mut connection, "").unwrap();
        connection
            .execute_batch(
                "drop index deadletters_by_time; create index deadletters_by_time on documents (id)",
            )
            .unwrap();
        make(&mut connection, "").unwrap();
        for (name, text) in wanted("") {
            assert_eq!(found(&connection, &name).unwrap(), Some(text));
        }
        remove(&connection, "t-").unwrap();
        assert_eq!(found(&connection, "t-deadletters_by_time").unwrap(), None);
        assert!(found(&connection, "deadletters_by_time").unwrap().is_some());
    }
}
