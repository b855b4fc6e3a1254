//! Indices of the file for what is asked of very many rows: the desk of dead letters. They hold the fields it asks
//! for, so that a million rows are counted and chosen from without reading one of them.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::sql::{compared, of_one_index, value};
use crate::Kind;

/// Makes the indices that are not there, or not as they should be. Of a file with very many dead letters and none
/// of these it takes a while, once.
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

/// Removes the indices of a prefix.
pub(super) fn remove(connection: &Connection, prefix: &str) -> rusqlite::Result<()> {
    let mut names = wanted(prefix).into_iter().map(|(name, _)| name);
    names.try_for_each(|name| connection.execute_batch(&format!("drop index if exists \"{name}\"")))
}

fn found(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let query = "select sql from sqlite_schema where type = 'index' and name = ?1";
    connection.query_row(query, [name], |row| row.get(0)).optional()
}

/// Name and statement of each index.
fn wanted(prefix: &str) -> Vec<(String, String)> {
    let kind = Kind::Deadletters;
    let [state, class, source, origin, meeting] =
        ["state", "cause.class", "source", "origin", "meeting_uuid"].map(value);
    let [died_at, date] = ["died_at", "date"].map(|field| compared(kind, field));
    let index = |what: &str, columns: &[&str]| {
        let name = format!("{prefix}{}_{what}", kind.name());
        let (columns, condition) = (columns.join(", "), of_one_index(prefix, kind));
        let text = format!("CREATE INDEX \"{name}\" on documents ({columns}) where {condition}");
        (name, text)
    };
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
    use crate::{Order, Query};

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

    fn dead() -> Query {
        Query::all(Kind::Deadletters).with("state", "dead")
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
            for order in [Order::Ascending, Order::Descending] {
                let query = query.clone().sorted("died_at", order);
                let selection = Selection::of("t-", &query).unwrap();
                let (conditions, order) = (selection.conditions(), selection.order_of_scan());
                let chosen =
                    format!("select rowid from documents where {conditions} order by {order} limit 20");
                let (value, time) =
                    (shown(Kind::Deadletters, "cause.class"), compared(Kind::Deadletters, "died_at"));
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
