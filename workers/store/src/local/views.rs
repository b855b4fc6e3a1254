//! One view per kind, with the fields of its template as columns, for any SQLite tool.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::sql::range;
use crate::DocumentKind;
use crate::batch::ANSWER;
use crate::report::{Change, TemplateState};
use crate::template::{self, Field, Fields};

/// Creates missing views and replaces outdated ones.
pub(super) fn make(connection: &mut Connection, prefix: &str) -> rusqlite::Result<Vec<(String, Change)>> {
    let wanted = DocumentKind::ALL.map(|kind| (format!("{prefix}{}", kind.name()), text(prefix, kind)));
    if states(connection, prefix)?.iter().all(|(_, state)| *state == TemplateState::Current) {
        return Ok(wanted.into_iter().map(|(name, _)| (name, Change::Unchanged)).collect());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changes = Vec::new();
    for (name, text) in wanted {
        let change = match found(&transaction, &name)? {
            Some(found) if found == text => Change::Unchanged,
            Some(_) => Change::Updated,
            None => Change::Created,
        };
        if change != Change::Unchanged {
            transaction.execute_batch(&format!("drop view if exists \"{name}\"; {text}"))?;
        }
        changes.push((name, change));
    }
    transaction.commit()?;
    Ok(changes)
}

/// State of each view.
pub(super) fn states(
    connection: &Connection,
    prefix: &str,
) -> rusqlite::Result<Vec<(String, TemplateState)>> {
    let state = |kind: DocumentKind| {
        let name = format!("{prefix}{}", kind.name());
        let state = match found(connection, &name)? {
            Some(found) if found == text(prefix, kind) => TemplateState::Current,
            Some(_) => TemplateState::Changed,
            None => TemplateState::Missing,
        };
        Ok((name, state))
    };
    DocumentKind::ALL.into_iter().map(state).collect()
}

fn found(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let query = "select sql from sqlite_schema where type = 'view' and name = ?1";
    connection.query_row(query, [name], |row| row.get(0)).optional()
}

fn text(prefix: &str, kind: DocumentKind) -> String {
    let (first, behind) = range(prefix, kind);
    let mut columns = Vec::new();
    flatten(&template::of(kind).fields, "", "$", &mut columns);
    let columns: String =
        columns.iter().map(|(name, path)| format!(",\n  {} as \"{name}\"", column(kind, path))).collect();
    // Pieces of large messages are not dead letters.
    let only = if kind == DocumentKind::Deadletters {
        " and json_extract(body, '$.\"piece_of\"') is null"
    } else {
        ""
    };
    // `limit -1` keeps SQLite from flattening the view into the outer statement, where it could not build an
    // automatic index for a join: two views of 10,000 rows would be compared row by row.
    format!(
        "CREATE VIEW \"{prefix}{}\" as select index_name as _index, id as _id, version as _version{columns}\n\
         from documents where index_name >= '{first}' and index_name < '{behind}'{only} limit -1",
        kind.name()
    )
}

/// Expression of a column.
fn column(kind: DocumentKind, path: &str) -> String {
    let extracted = format!("json_extract(body, '{path}')");
    match kind {
        _ if path == format!("$.\"{ANSWER}\"") => ANSWER.to_owned(),
        // Rows of older releases hold the answer as JSON, which may nest deeper than SQLite reads. One such row must
        // not fail the query.
        DocumentKind::Raw => format!("case when json_valid(body) then {extracted} end"),
        _ => extracted,
    }
}

/// Names and JSON paths of the columns. Nested fields are joined by underscores.
fn flatten(fields: &Fields, name: &str, path: &str, columns: &mut Vec<(String, String)>) {
    for (field, kind) in &fields.list {
        let path = format!("{path}.\"{field}\"");
        let name = if name.is_empty() { field.clone() } else { format!("{name}_{field}") };
        match kind {
            Field::Object(inner) => flatten(inner, &name, &path, columns),
            Field::Point => {
                columns.push((format!("{name}_lat"), format!("{path}.\"lat\"")));
                columns.push((format!("{name}_lon"), format!("{path}.\"lon\"")));
            }
            _ => columns.push((name, path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_fields_of_the_template() {
        let text = text("", DocumentKind::Sessions);
        for column in [
            r#"json_extract(body, '$."meeting_uuid"') as "meeting_uuid""#,
            r#"json_extract(body, '$."leave_reason"."kind"') as "leave_reason_kind""#,
            r#"json_extract(body, '$."geoip"."location"."lat"') as "geoip_location_lat""#,
            r#"json_extract(body, '$."harvest"."job_id"') as "harvest_job_id""#,
        ] {
            assert!(text.contains(column), "{column} is not in {text}");
        }
    }

    #[test]
    fn no_two_fields_share_a_column() {
        for kind in DocumentKind::ALL {
            let mut columns = vec![("_index".to_owned(), String::new()), ("_id".into(), String::new())];
            flatten(&template::of(kind).fields, "", "$", &mut columns);
            let mut names: Vec<_> = columns.iter().map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), columns.len(), "{kind:?}");
        }
    }
}
