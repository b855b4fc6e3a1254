//! Documents as rows: some of their fields, one column each.

use serde_json::Value;
use store::{Query, Store};

use super::sheet::{Cell, Sheet};
use crate::cli::Target;
use crate::exit::Outcome;

/// Documents in one answer of the store.
const PAGE: usize = 1_000;

/// A column's name, and where its value is in the document: a JSON pointer.
pub(super) type Column = (&'static str, &'static str);

/// Writes what a query finds, in no particular order.
///
/// # Errors
/// When the store cannot be asked, or the table not be written.
pub(super) async fn write(
    store: &Store,
    query: &Query,
    columns: &[Column],
    target: &Target,
) -> anyhow::Result<Outcome> {
    let names: Vec<&'static str> = columns.iter().map(|(name, _)| *name).collect();
    let mut sheet = Sheet::open(target, &names)?;
    let mut cursor = None;
    loop {
        let (hits, next) = store.scan(query, PAGE, cursor).await?;
        for hit in hits {
            let document: Value = serde_json::from_str(hit.source.get())?;
            let cells = columns.iter().map(|(_, at)| cell(document.pointer(at)));
            sheet.row(&cells.collect::<Vec<_>>())?;
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    sheet.close()?;
    Ok(Outcome::Complete)
}

fn cell(value: Option<&Value>) -> Cell<'_> {
    match value {
        None | Some(Value::Null) => Cell::Empty,
        Some(Value::String(text)) => Cell::from(&**text),
        Some(Value::Bool(flag)) => Cell::Flag(*flag),
        Some(other) => match other.as_i64() {
            Some(number) => Cell::Number(number),
            None => Cell::Text(other.to_string().into()),
        },
    }
}
