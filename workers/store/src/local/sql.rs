//! Queries in SQL. Values and field names are always bound, never written into the text.

use rusqlite::types::Value;

use crate::condition::{Condition, Test, conditions};
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

/// Conditions on the table `documents`.
#[derive(Debug)]
pub(super) struct Selection {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Selection {
    /// What a query selects.
    pub(super) fn of(prefix: &str, query: &Query) -> Result<Self, StoreError> {
        let (first, behind) = range(prefix, query.kind);
        let mut selection = Self { conditions: Vec::new(), values: Vec::new() };
        let (first, behind) = (selection.bind(Value::Text(first)), selection.bind(Value::Text(behind)));
        selection.conditions.push(format!("index_name >= {first} and index_name < {behind}"));
        for condition in conditions(query)? {
            let condition = selection.condition(query.kind, condition);
            selection.conditions.push(condition);
        }
        Ok(selection)
    }

    /// Only documents behind this one, in the order of the key.
    pub(super) fn behind(&mut self, index: String, id: String) {
        let (index, id) = (self.bind(Value::Text(index)), self.bind(Value::Text(id)));
        self.conditions.push(format!("(index_name, id) > ({index}, {id})"));
    }

    pub(super) fn conditions(&self) -> String {
        self.conditions.join(" and ")
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// An expression that sorts by a field, documents without it last.
    pub(super) fn order(&mut self, kind: Kind, field: &str, order: Order) -> String {
        let value = self.compared(kind, field);
        let direction = match order {
            Order::Ascending => "asc",
            Order::Descending => "desc",
        };
        format!("{value} {direction} nulls last, id")
    }

    /// An expression for a field's value as a text.
    pub(super) fn shown(&mut self, kind: Kind, field: &str) -> String {
        let value = self.value(field);
        match template::of(kind).fields.find(field) {
            Some(Field::Boolean) => format!("case {value} when 1 then 'true' when 0 then 'false' end"),
            _ => format!("cast({value} as text)"),
        }
    }

    fn condition(&mut self, kind: Kind, Condition { field, tests }: Condition) -> String {
        if tests.is_empty() {
            return "false".to_owned();
        }
        let value = self.compared(kind, field);
        let mut either = Vec::new();
        for test in tests {
            let (from, to) = match test {
                Test::Is(text) => (Some(Value::Text(text.clone())), Some(Value::Text(text))),
                Test::IsTrue(wanted) => (Some(i64::from(wanted).into()), Some(i64::from(wanted).into())),
                Test::Numbers(from, to) | Test::Times(from, to) => {
                    (from.map(Value::Integer), to.map(Value::Integer))
                }
                Test::Texts(from, to) => (from.map(Value::Text), to.map(Value::Text)),
            };
            let ends = [(from, ">="), (to, "<=")].into_iter();
            let ends = ends.filter_map(|(end, sign)| Some(format!("{value} {sign} {}", self.bind(end?))));
            either.push(ends.collect::<Vec<_>>().join(" and "));
        }
        format!("({})", either.join(" or "))
    }

    /// An expression for a field's value in the form in which it is compared: dates as milliseconds.
    fn compared(&mut self, kind: Kind, field: &str) -> String {
        let value = self.value(field);
        match template::of(kind).fields.find(field) {
            Some(Field::Date | Field::Day) => format!(
                "case typeof({value}) when 'integer' then {value}
                 else cast(round(unixepoch({value}, 'subsec') * 1000) as integer) end"
            ),
            _ => value,
        }
    }

    fn value(&mut self, field: &str) -> String {
        let path = field.split('.').fold("$".to_owned(), |path, name| format!("{path}.\"{name}\""));
        format!("json_extract(body, {})", self.bind(Value::Text(path)))
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}
