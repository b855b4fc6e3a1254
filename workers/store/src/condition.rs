//! Conditions of a query, with values parsed by the type of their field, so that SQL and search engines compare them
//! alike.

use crate::template::{self, Edge, Field};
use crate::{DocumentKind, Query, StoreError};

/// A field and its tests, of which at least one must hold.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) field: &'static str,
    pub(crate) tests: Vec<Test>,
}

/// A test of a value. Ranges include both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// Equals this text.
    Is(String),
    /// Equals this boolean.
    IsTrue(bool),
    /// An integer in this range.
    Numbers(Option<i64>, Option<i64>),
    /// A time in this range, in milliseconds since the epoch.
    Times(Option<i64>, Option<i64>),
    /// A text in this range, compared by bytes.
    Texts(Option<String>, Option<String>),
    /// A non-empty list of objects.
    Filled,
    /// The field has no value.
    Missing,
}

/// Returns the conditions of a query, all of which must hold.
///
/// # Errors
/// When a value does not fit the type of its field.
pub(crate) fn conditions(query: &Query) -> Result<Vec<Condition>, StoreError> {
    let kind = query.kind;
    let mut all = Vec::new();
    for (field, value) in &query.terms {
        all.push(Condition { field, tests: vec![is(kind, field, value)?] });
    }
    for (field, values) in &query.any_of {
        let tests = values.iter().map(|value| is(kind, field, value)).collect::<Result<_, _>>()?;
        all.push(Condition { field, tests });
    }
    for (field, from, to) in &query.ranges {
        if from.is_some() || to.is_some() {
            all.push(Condition { field, tests: vec![range(kind, field, from.as_deref(), to.as_deref())?] });
        }
    }
    all.extend(query.filled.iter().map(|field| Condition { field, tests: vec![Test::Filled] }));
    all.extend(query.missing.iter().map(|field| Condition { field, tests: vec![Test::Missing] }));
    Ok(all)
}

fn is(kind: DocumentKind, field: &str, value: &str) -> Result<Test, StoreError> {
    match template::of(kind).fields.find(field) {
        Some(Field::Date | Field::Day | Field::Long | Field::Integer) => {
            range(kind, field, Some(value), Some(value))
        }
        Some(Field::Boolean) => match value {
            "true" => Ok(Test::IsTrue(true)),
            "false" => Ok(Test::IsTrue(false)),
            _ => Err(unfit(kind, field, "true or false")),
        },
        _ => Ok(Test::Is(value.to_owned())),
    }
}

fn range(kind: DocumentKind, field: &str, from: Option<&str>, to: Option<&str>) -> Result<Test, StoreError> {
    let time = |value: &str, edge: Edge| {
        edge.millisecond(value).ok_or_else(|| unfit(kind, field, "a date or time, like 2026-01-31"))
    };
    let number = |value: &str| value.parse().map_err(|_| unfit(kind, field, "a whole number"));
    Ok(match template::of(kind).fields.find(field) {
        Some(Field::Date | Field::Day) => Test::Times(
            from.map(|from| time(from, Edge::Start)).transpose()?,
            to.map(|to| time(to, Edge::End)).transpose()?,
        ),
        Some(Field::Long | Field::Integer) => {
            Test::Numbers(from.map(number).transpose()?, to.map(number).transpose()?)
        }
        _ => Test::Texts(from.map(str::to_owned), to.map(str::to_owned)),
    })
}

fn unfit(kind: DocumentKind, field: &str, wanted: &str) -> StoreError {
    StoreError::Refused(format!("field {field} of {} must be compared with {wanted}", kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(query: &Query) -> Vec<Vec<Test>> {
        conditions(query).unwrap().into_iter().map(|condition| condition.tests).collect()
    }

    #[test]
    fn values_are_read_by_the_type_of_their_field() {
        let query = Query::all(DocumentKind::Meetings)
            .with("topic", "7")
            .with("type", 7)
            .with("has_video", true)
            .with("start_time", "1970-01-01");
        let wanted = [
            vec![Test::Is("7".into())],
            vec![Test::Numbers(Some(7), Some(7))],
            vec![Test::IsTrue(true)],
            vec![Test::Times(Some(0), Some(86_399_999))],
        ];
        assert_eq!(tests(&query), wanted);
        let query = Query::all(DocumentKind::Harvests).between("date", "1970-01-01", "1970-01-02");
        assert_eq!(tests(&query), [vec![Test::Times(Some(0), Some(2 * 86_400_000 - 1))]]);
        let query = Query::all(DocumentKind::Harvests).with_any("state", Vec::new());
        assert_eq!(tests(&query), [Vec::<Test>::new()]);
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_and_not_shown() {
        for query in [
            Query::all(DocumentKind::Meetings).with("type", "secret"),
            Query::all(DocumentKind::Meetings).with("has_video", "secret"),
            Query::all(DocumentKind::Meetings).between("start_time", "secret", "2026-01-01"),
        ] {
            let error = conditions(&query).unwrap_err().to_string();
            assert!(error.contains("must be compared with") && !error.contains("secret"), "{error}");
        }
    }
}
