//! Counts documents by several fields. Reads them in the order of the groups, which a covering index provides without
//! sorting and without reading documents.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};

use super::rows::text;
use super::sql::{Selection, value};
use crate::query::Mark;
use crate::{Group, Grouping};

/// Returns a page of groups, and the values at which the next page starts.
pub(super) fn page(
    connection: &Connection,
    selection: &Selection,
    grouping: &Grouping,
    page: usize,
) -> rusqlite::Result<(Vec<Group>, Option<Vec<Mark>>)> {
    let fields = fields(grouping).join(", ");
    let sql = format!("select {fields} from documents where {} order by {fields}", selection.conditions());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(selection.values()))?;
    let (mut groups, mut last): (Vec<Group>, Vec<Mark>) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let step = step(row, grouping)?;
        if let Some(group) = groups.last_mut()
            && group.step == step
            && same_words(row, group)?
        {
            group.count += 1;
            continue;
        }
        if groups.len() == page {
            return Ok((groups, Some(last)));
        }
        last = marks(row, grouping, step)?;
        let words = (0..grouping.words.len()).map(|at| row.get_ref(at).map(text));
        groups.push(Group { words: words.collect::<Result<_, _>>()?, step, count: 1 });
    }
    Ok((groups, None))
}

/// Expressions for the fields of a grouping, in its order.
pub(super) fn fields(grouping: &Grouping) -> Vec<String> {
    let words = grouping.words.iter().copied();
    words.chain(grouping.steps.map(|(field, _)| field)).map(value).collect()
}

fn step(row: &Row<'_>, grouping: &Grouping) -> rusqlite::Result<i64> {
    let Some((_, width)) = grouping.steps else { return Ok(0) };
    Ok(match row.get_ref(grouping.words.len())? {
        ValueRef::Integer(number) => number.div_euclid(width.into()),
        #[expect(clippy::cast_possible_truncation, reason = "the step of a number that is none is no matter")]
        ValueRef::Real(number) => (number / f64::from(width)).floor() as i64,
        _ => 0,
    })
}

fn same_words(row: &Row<'_>, group: &Group) -> rusqlite::Result<bool> {
    for (at, word) in group.words.iter().enumerate() {
        let same = match row.get_ref(at)? {
            ValueRef::Text(found) => found == word.as_bytes(),
            other => text(other) == *word,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The values at which the next group starts: this group's words and the start of the next step.
fn marks(row: &Row<'_>, grouping: &Grouping, step: i64) -> rusqlite::Result<Vec<Mark>> {
    let word = |at| match row.get_ref(at)? {
        // SQLite sorts numbers before texts, so the type of the value matters.
        ValueRef::Integer(number) => Ok(Mark::Number(number)),
        other => Ok(Mark::Text(text(other))),
    };
    let mut marks = (0..grouping.words.len()).map(word).collect::<rusqlite::Result<Vec<_>>>()?;
    if let Some((_, width)) = grouping.steps {
        marks.push(Mark::Number(step.saturating_add(1).saturating_mul(width.into())));
    }
    Ok(marks)
}
