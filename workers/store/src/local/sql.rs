//! Queries in SQL. Values are always bound, never written into the text. Names of fields and of indices are this
//! program's own and stand in the text: only so does SQLite see that an index on an expression is of use.

use rusqlite::types::Value;

use crate::batch::ANSWER;
use crate::condition::{Condition, Test, conditions};
use crate::query::Mark;
use crate::template::{self, Field};
use crate::{Kind, Order, Query, StoreError};

/// The indices of a kind as a range of names: from the first, up to but without the second.
pub(super) fn range(prefix: &str, kind: Kind) -> (String, String) {
    let name = kind.name();
    // A dot is the character behind the dash; a space is before all that may be in a name.
    if kind.is_split() {
        (format!("{prefix}{name}-"), format!("{prefix}{name}."))
    } else {
        (format!("{prefix}{name}"), format!("{prefix}{name} "))
    }
}

/// The condition that holds for the documents of a kind. Indices of the file are made with the same words.
pub(super) fn of_kind(prefix: &str, kind: Kind) -> String {
    if kind.is_split() {
        let (first, behind) = range(prefix, kind);
        format!("index_name >= '{first}' and index_name < '{behind}'")
    } else {
        format!("index_name = '{prefix}{}'", kind.name())
    }
}

/// An expression for a field's value. Indices of the file are made with the same words.
pub(super) fn value(field: &str) -> String {
    format!("json_extract(body, '{}')", path(field))
}

fn path(field: &str) -> String {
    field.split('.').fold("$".to_owned(), |path, name| format!("{path}.\"{name}\""))
}

/// An expression for a field's value in the form in which it is compared: dates as milliseconds.
pub(super) fn compared(kind: Kind, field: &str) -> String {
    let value = value(field);
    match template::of(kind).fields.find(field) {
        // Indices hold this expression, so SQLite 3.40 must compute the same: `unixepoch` knows no fraction there, and
        // rounds it otherwise. The fraction follows the seconds, at the 20th character.
        Some(Field::Date | Field::Day) => format!(
            "case typeof({value}) when 'integer' then {value} when 'text' then
             unixepoch(substr({value}, 1, 19) || ltrim(substr({value}, 20), '.0123456789')) * 1000
             + cast(round(cast('0' || substr({value}, 20, 4) as real) * 1000) as integer) end"
        ),
        _ => value,
    }
}

/// An expression for a field's value as a text.
pub(super) fn shown(kind: Kind, field: &str) -> String {
    let value = value(field);
    match template::of(kind).fields.find(field) {
        Some(Field::Boolean) => format!("case {value} when 1 then 'true' when 0 then 'false' end"),
        Some(Field::Keyword) => value,
        _ => format!("cast({value} as text)"),
    }
}

/// True when a field holds words, of which a condition leaves exactly one.
pub(super) fn is_word(kind: Kind, field: &str) -> bool {
    matches!(template::of(kind).fields.find(field), Some(Field::Keyword))
}

/// An expression for a document without some of its fields.
pub(super) fn body_without(fields: &[&str]) -> String {
    let paths = fields.iter().map(|field| format!(", '$.\"{field}\"'"));
    if fields.is_empty() {
        "body".to_owned()
    } else {
        format!("json_remove(body{})", paths.collect::<String>())
    }
}

/// Conditions on the table `documents`, and an order.
#[derive(Debug)]
pub(super) struct Selection {
    conditions: Vec<String>,
    values: Vec<Value>,
    /// What the hits are sorted by, before their key.
    order: Option<(String, Order)>,
    /// The document as it is to be given back, an expression.
    pub(super) body: String,
    /// Its answer, an expression.
    pub(super) answer: &'static str,
}

impl Selection {
    /// What a query selects.
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

    /// Only documents with a value to sort by, where there is an order.
    pub(super) fn only_sortable(&mut self) {
        if let Some((value, _)) = &self.order {
            self.conditions.push(format!("{value} is not null"));
        }
    }

    /// Only documents behind this one: in the selection's order, then in that of the key.
    pub(super) fn behind(&mut self, mark: Option<Mark>, index: String, id: String) {
        let (index, id) = (self.bind(Value::Text(index)), self.bind(Value::Text(id)));
        let key = format!("(index_name, id) > ({index}, {id})");
        let condition = match (self.order.clone(), mark) {
            (Some((value, order)), Some(mark)) => {
                let mark = self.bind(mark.into());
                let beyond = if order == Order::Ascending { '>' } else { '<' };
                format!("{value} {beyond}= {mark} and ({value} {beyond} {mark} or {key})")
            }
            _ => key,
        };
        self.conditions.push(condition);
    }

    /// Only documents that have every one of these fields, expressions, and with marks only those behind them: at
    /// the marks or beyond where they are where a step begins, else beyond.
    pub(super) fn only_groups(&mut self, fields: &[String], marks: Option<Vec<Mark>>, from_a_step: bool) {
        self.conditions.extend(fields.iter().map(|field| format!("{field} is not null")));
        let Some(marks) = marks else { return };
        let marks: Vec<String> = marks.into_iter().map(|mark| self.bind(mark.into())).collect();
        let sign = if from_a_step { ">=" } else { ">" };
        self.conditions.push(format!("({}) {sign} ({})", fields.join(", "), marks.join(", ")));
        if let (Some(field), Some(mark)) = (fields.first(), marks.first()) {
            // Says nothing new, but an index understands it.
            self.conditions.push(format!("{field} >= {mark}"));
        }
    }

    /// An expression for a text.
    pub(super) fn constant(&mut self, text: &str) -> String {
        self.bind(Value::Text(text.to_owned()))
    }

    /// What the hits are sorted by; `null` where there is no order.
    pub(super) fn sorted_by(&self) -> &str {
        self.order.as_ref().map_or("null", |(value, _)| value)
    }

    /// The order of a search: documents without the field last, then by id.
    pub(super) fn order_of_search(&self) -> String {
        self.ordered("id, index_name")
    }

    /// The order of a scan: then by the key.
    pub(super) fn order_of_scan(&self) -> String {
        self.ordered("index_name, id")
    }

    fn ordered(&self, then: &str) -> String {
        match &self.order {
            None => then.to_owned(),
            Some((value, Order::Ascending)) => format!("{value} asc nulls last, {then}"),
            Some((value, Order::Descending)) => format!("{value} desc nulls last, {then}"),
        }
    }

    pub(super) fn conditions(&self) -> String {
        self.conditions.join(" and ")
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    fn condition(&mut self, kind: Kind, Condition { field, tests }: Condition) -> String {
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

/// True when a range is one whole day and the field holds days: then there is but one value it may have, which an
/// index finds at once.
fn is_one_day(kind: Kind, field: &str, from: Option<i64>, to: Option<i64>) -> bool {
    const DAY: i64 = 86_400_000;
    let holds_days = matches!(template::of(kind).fields.find(field), Some(Field::Day));
    let whole = |from: i64, to: i64| from % DAY == 0 && to == from + DAY - 1;
    holds_days && from.zip(to).is_some_and(|(from, to)| whole(from, to))
}
