//! Queries as SQL. Values are always bound. Names of fields and indices come from this program and are part of the
//! text, because SQLite only then recognises that an index on an expression applies.

use rusqlite::types::Value;

use crate::batch::ANSWER;
use crate::condition::{Condition, Test, conditions};
use crate::query::Mark;
use crate::template::{self, Field};
use crate::{DocumentKind, Query, SortOrder, StoreError};

/// Range of the index names of a kind: the first included, the second excluded.
pub(super) fn range(prefix: &str, kind: DocumentKind) -> (String, String) {
    let name = kind.name();
    // `.` follows `-` in ASCII, and a space precedes every character of a name.
    if kind.is_split() {
        (format!("{prefix}{name}-"), format!("{prefix}{name}."))
    } else {
        (format!("{prefix}{name}"), format!("{prefix}{name} "))
    }
}

/// Condition that selects the documents of a kind. SQLite indices must use the same text.
pub(super) fn of_kind(prefix: &str, kind: DocumentKind) -> String {
    if kind.is_split() {
        let (first, behind) = range(prefix, kind);
        format!("index_name >= '{first}' and index_name < '{behind}'")
    } else {
        format!("index_name = '{prefix}{}'", kind.name())
    }
}

/// Expression for a field's value. SQLite indices must use the same text.
pub(super) fn value(field: &str) -> String {
    format!("json_extract(body, '{}')", path(field))
}

fn path(field: &str) -> String {
    field.split('.').fold("$".to_owned(), |path, name| format!("{path}.\"{name}\""))
}

/// Expression for a field's value as it is compared: dates in milliseconds.
pub(super) fn compared(kind: DocumentKind, field: &str) -> String {
    let value = value(field);
    match template::of(kind).fields.find(field) {
        // Indices hold this expression, so SQLite 3.40 must compute the same value. Its `unixepoch` ignores fractions
        // and rounds differently. The fraction starts at the 20th character, after the seconds.
        Some(Field::Date | Field::Day) => format!(
            "case typeof({value}) when 'integer' then {value} when 'text' then
             unixepoch(substr({value}, 1, 19) || ltrim(substr({value}, 20), '.0123456789')) * 1000
             + cast(round(cast('0' || substr({value}, 20, 4) as real) * 1000) as integer) end"
        ),
        _ => value,
    }
}

/// Expression for a field's value as text.
pub(super) fn shown(kind: DocumentKind, field: &str) -> String {
    let value = value(field);
    match template::of(kind).fields.find(field) {
        Some(Field::Boolean) => format!("case {value} when 1 then 'true' when 0 then 'false' end"),
        Some(Field::Keyword) => value,
        _ => format!("cast({value} as text)"),
    }
}

/// Returns true for a keyword field, for which an equality condition leaves one value.
pub(super) fn is_word(kind: DocumentKind, field: &str) -> bool {
    matches!(template::of(kind).fields.find(field), Some(Field::Keyword))
}

/// Expression for a document without some of its fields.
pub(super) fn body_without(fields: &[&str]) -> String {
    let paths = fields.iter().map(|field| format!(", '$.\"{field}\"'"));
    if fields.is_empty() {
        "body".to_owned()
    } else {
        format!("json_remove(body{})", paths.collect::<String>())
    }
}

/// Conditions and order of a query on the table `documents`.
#[derive(Debug)]
pub(super) struct Selection {
    conditions: Vec<String>,
    values: Vec<Value>,
    /// Expression and direction to sort by, before the key.
    order: Option<(String, SortOrder)>,
    /// Expression for the returned document.
    pub(super) body: String,
    /// Expression for the returned document's answer.
    pub(super) answer: &'static str,
}

impl Selection {
    /// Builds the selection of a query.
    pub(super) fn of(prefix: &str, query: &Query) -> Result<Self, StoreError> {
        let order = query.order.map(|(field, order)| (compared(query.kind, field), order));
        let body = body_without(&query.without);
        let answer = if query.without.contains(&ANSWER) { "null" } else { "answer" };
        let mut selection = Self { conditions: Vec::new(), values: Vec::new(), order, body, answer };
        selection.conditions.push(of_kind(prefix, query.kind));
        for condition in conditions(query)? {
            let condition = selection.condition(query.kind, condition);
            selection.conditions.push(condition);
        }
        Ok(selection)
    }

    /// In an ordered query, leaves out documents without the order field.
    pub(super) fn only_sortable(&mut self) {
        if let Some((value, _)) = &self.order {
            self.conditions.push(format!("{value} is not null"));
        }
    }

    /// Leaves out documents up to this one, in the selection's order, then by key.
    pub(super) fn behind(&mut self, mark: Option<Mark>, index: String, id: String) {
        let (index, id) = (self.bind(Value::Text(index)), self.bind(Value::Text(id)));
        let key = format!("(index_name, id) > ({index}, {id})");
        let condition = match (self.order.clone(), mark) {
            (Some((value, order)), Some(mark)) => {
                let mark = self.bind(mark.into());
                let beyond = if order == SortOrder::Ascending { '>' } else { '<' };
                format!("{value} {beyond}= {mark} and ({value} {beyond} {mark} or {key})")
            }
            _ => key,
        };
        self.conditions.push(condition);
    }

    /// Leaves out documents that lack one of these fields (expressions), and groups up to `marks`. `from_a_step`
    /// includes the marks themselves, as they are the start of the next step.
    pub(super) fn only_groups(&mut self, fields: &[String], marks: Option<Vec<Mark>>, from_a_step: bool) {
        self.conditions.extend(fields.iter().map(|field| format!("{field} is not null")));
        let Some(marks) = marks else { return };
        let marks: Vec<String> = marks.into_iter().map(|mark| self.bind(mark.into())).collect();
        let sign = if from_a_step { ">=" } else { ">" };
        self.conditions.push(format!("({}) {sign} ({})", fields.join(", "), marks.join(", ")));
        if let (Some(field), Some(mark)) = (fields.first(), marks.first()) {
            // Redundant, but lets SQLite use an index.
            self.conditions.push(format!("{field} >= {mark}"));
        }
    }

    /// Expression for a text.
    pub(super) fn constant(&mut self, text: &str) -> String {
        self.bind(Value::Text(text.to_owned()))
    }

    /// Expression for the sort value; `null` without an order.
    pub(super) fn sorted_by(&self) -> &str {
        self.order.as_ref().map_or("null", |(value, _)| value)
    }

    /// Order of a search: documents without the field last, then by id.
    pub(super) fn order_of_search(&self) -> String {
        self.ordered("id, index_name")
    }

    /// Order of a scan: like a search, then by key.
    pub(super) fn order_of_scan(&self) -> String {
        self.ordered("index_name, id")
    }

    fn ordered(&self, then: &str) -> String {
        match &self.order {
            None => then.to_owned(),
            Some((value, SortOrder::Ascending)) => format!("{value} asc nulls last, {then}"),
            Some((value, SortOrder::Descending)) => format!("{value} desc nulls last, {then}"),
        }
    }

    pub(super) fn conditions(&self) -> String {
        self.conditions.join(" and ")
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    fn condition(&mut self, kind: DocumentKind, Condition { field, tests }: Condition) -> String {
        if tests.is_empty() {
            return "false".to_owned();
        }
        let value = compared(kind, field);
        let (mut equal, mut either) = (Vec::new(), Vec::new());
        for test in tests {
            let (from, to) = match test {
                Test::Filled => {
                    either.push(format!("json_array_length(body, '{}') > 0", path(field)));
                    continue;
                }
                Test::Missing => {
                    either.push(format!("{value} is null"));
                    continue;
                }
                Test::Is(text) => (Some(Value::Text(text.clone())), Some(Value::Text(text))),
                Test::IsTrue(wanted) => (Some(i64::from(wanted).into()), Some(i64::from(wanted).into())),
                Test::Numbers(from, to) => (from.map(Value::Integer), to.map(Value::Integer)),
                Test::Times(from, to) => {
                    let to = if is_one_day(kind, field, from, to) { from } else { to };
                    (from.map(Value::Integer), to.map(Value::Integer))
                }
                Test::Texts(from, to) => (from.map(Value::Text), to.map(Value::Text)),
            };
            if from == to
                && let Some(only) = from
            {
                equal.push(self.bind(only));
                continue;
            }
            let ends = [(from, ">="), (to, "<=")].into_iter();
            let ends = ends.filter_map(|(end, sign)| Some(format!("{value} {sign} {}", self.bind(end?))));
            either.push(ends.collect::<Vec<_>>().join(" and "));
        }
        match &equal[..] {
            [] => {}
            [only] => either.push(format!("{value} = {only}")),
            _ => either.push(format!("{value} in ({})", equal.join(", "))),
        }
        format!("({})", either.join(" or "))
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}

impl From<Mark> for Value {
    fn from(mark: Mark) -> Self {
        match mark {
            Mark::Number(number) => Self::Integer(number),
            Mark::Text(text) => Self::Text(text),
        }
    }
}

/// Returns true when the range is one whole day of a field that holds days. An equality test, which an index answers,
/// then suffices.
fn is_one_day(kind: DocumentKind, field: &str, from: Option<i64>, to: Option<i64>) -> bool {
    const DAY: i64 = 86_400_000;
    let holds_days = matches!(template::of(kind).fields.find(field), Some(Field::Day));
    let whole = |from: i64, to: i64| from % DAY == 0 && to == from + DAY - 1;
    holds_days && from.zip(to).is_some_and(|(from, to)| whole(from, to))
}
