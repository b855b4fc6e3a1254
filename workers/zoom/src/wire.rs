//! Parses Zoom's answers. All fields are optional, scalars may be strings or numbers, unknown members are ignored.
//! Independent of the documents, because the answer is forwarded raw.

mod lenient;

use messages::repair;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(crate) use lenient::Lenient;

/// Metadata of an answer: paging, counts, or an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head {
    pub(crate) code: Option<u64>,
    pub(crate) message: Option<String>,
    pub(crate) total_records: Option<u64>,
    /// Token of the next page; never empty.
    pub(crate) next_page_token: Option<String>,
    /// Number of rows; `None` without an array of rows.
    pub(crate) rows: Option<u64>,
    /// As `rows`, of the list `participants`, which a meeting may have as well.
    pub(crate) participants: Option<u64>,
    /// True if the answer has a uuid or an id, so it is one object.
    pub(crate) identified: bool,
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadVisitor)
    }
}

/// Written by hand, because a derived reader refuses a repeated member.
struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an answer of the API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                "code" => head.code = map.next_value::<Lenient>()?.number(),
                "message" => head.message = map.next_value::<Lenient>()?.text(),
                "total_records" => head.total_records = map.next_value::<Lenient>()?.number(),
                "next_page_token" => head.next_page_token = map.next_value::<Lenient>()?.text(),
                "uuid" | "id" => head.identified |= map.next_value::<Lenient>()?.text().is_some(),
                "meetings" | "webinars" | "users" => add(&mut head.rows, map.next_value()?),
                "participants" => add(&mut head.participants, map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(head)
    }
}

/// Adds the rows of a list. If the list is repeated, all its rows count.
fn add(rows: &mut Option<u64>, Count(more): Count) {
    *rows = match (*rows, more) {
        (Some(before), Some(more)) => Some(before + more),
        (before, more) => more.or(before),
    };
}

impl Head {
    /// Takes the list of participants as the rows.
    pub(crate) fn of_participants(self) -> Self {
        Self { rows: self.participants, ..self }
    }
}

/// Length of an array; 0 for `null`, `None` for anything else (a meeting's `participants` is a number).
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
        let mut rows = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            rows += 1;
        }
        Ok(Count(Some(rows)))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(Some(0)))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }
}

/// Returns the raw rows of a page of meetings, webinars or users; empty for another format. If a page repeats its list,
/// returns the rows of both.
pub(crate) fn rows(page: &RawValue) -> Vec<&RawValue> {
    let mut json = serde_json::Deserializer::from_str(page.get());
    json.deserialize_map(RowsVisitor).unwrap_or_default()
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a page of rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        // A name may contain half a surrogate pair, which is readable only as raw text.
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let value = map.next_value::<&'de RawValue>()?;
            let name = serde_json::from_str::<String>(key.get()).unwrap_or_default();
            if matches!(&*name, "meetings" | "webinars" | "users") {
                rows.extend(serde_json::from_str::<Vec<&'de RawValue>>(value.get()).unwrap_or_default());
            }
        }
        Ok(rows)
    }
}

/// Declares the members read of an object. Of repeated members the last counts; others are skipped.
macro_rules! lenient {
    ($(#[$meta:meta])* $name:ident { $($field:ident = $wire:literal,)* }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(crate) struct $name {
            $(pub(crate) $field: Lenient,)*
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[expect(non_camel_case_types, reason = "named as the members are")]
                #[derive(Deserialize)]
                #[serde(field_identifier)]
                enum Key {
                    $(#[serde(rename = $wire)] $field,)*
                    #[serde(other)]
                    Other,
                }
                struct Object;
                impl<'de> Visitor<'de> for Object {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key()? {
                            match key {
                                $(Key::$field => object.$field = map.next_value()?,)*
                                Key::Other => {
                                    map.next_value::<IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Object)
            }
        }
    };
}

lenient! {
    #[derive(Debug)]
    /// A row of `/metrics/meetings`, `/metrics/webinars` or `/report/users/{id}/meetings`, or the answer about one
    /// meeting.
    MeetingRow {
        uuid = "uuid",
        id = "id",
        topic = "topic",
        kind = "type",
        email = "email",
        host_id = "host_id",
        start_time = "start_time",
        end_time = "end_time",
    }
}

lenient! {
    /// A row of `/users` or `/report/users`.
    UserRow {
        id = "id",
        email = "email",
    }
}

lenient! {
    /// An answer of the token endpoint, success or error.
    TokenAnswer {
        access_token = "access_token",
        expires_in = "expires_in",
        scope = "scope",
        error = "error",
    }
}

/// Parses one row of a page; a row of another format has no fields.
pub(crate) fn row<T: serde::de::DeserializeOwned + Default>(row: &RawValue) -> T {
    let read = serde_json::from_str(row.get());
    read.or_else(|_| serde_json::from_str(&repair::strict(row.get()))).unwrap_or_default()
}

/// Parses the metadata of an answer, even if other parts contain invalid characters or numbers.
pub(crate) fn head(body: &str) -> Result<Head, serde_json::Error> {
    serde_json::from_str(body).or_else(|_| serde_json::from_str(&repair::strict(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_answer_says_how_it_stands_with_paging() {
        let page = head(
            r#"{"total_records":"31","next_page_token":"x","meetings":[{},{"a":[1]}],"new":{"b":null}}"#,
        );
        assert_eq!((page.total_records, page.rows), (Some(31), Some(2)));
        assert_eq!(page.next_page_token.as_deref(), Some("x"));
        for last in [
            r#"{"next_page_token":"","users":[]}"#,
            r#"{"users":[]}"#,
            r#"{"next_page_token":null,"users":[]}"#,
        ] {
            assert_eq!(head(last).next_page_token, None, "{last}");
            assert_eq!(head(last).rows, Some(0), "{last}");
        }
    }

    #[test]
    fn a_meeting_is_no_page_although_it_has_participants() {
        let meeting = head(r#"{"uuid":"4444AAAiAAAAAiAiAiiAiA==","participants":12}"#);
        assert_eq!((meeting.rows, meeting.identified), (None, true));
    }

    #[test]
    fn a_member_that_comes_twice_is_taken_once() {
        assert_eq!(head(r#"{"total_records":1,"total_records":2}"#).total_records, Some(2));
    }

    #[test]
    fn a_list_that_comes_twice_has_the_rows_of_both() {
        let page = r#"{"meetings":[{"uuid":"a"}],"participants":5,"meetings":[{"uuid":"b"},{"uuid":"c"}],"\ud83d":1}"#;
        assert_eq!(super::head(page).unwrap().rows, Some(3));
        assert_eq!(rows(serde_json::from_str(page).unwrap()).len(), 3);
    }

    #[test]
    fn a_broken_topic_costs_no_uuid() {
        for json in [
            r#"{"uuid":"a","topic":"half \ud83d","id":7}"#,
            r#"{"uuid":"x","uuid":"a","topic":1e999,"id":7}"#,
            r#"{"uuid":"a","\udc00":{},"id":7}"#,
        ] {
            let row: MeetingRow = row(serde_json::from_str(json).unwrap());
            assert_eq!((row.uuid.as_str(), row.id.number()), (Some("a"), Some(7)), "{json}");
        }
        assert_eq!(super::head(r#"{"code":300,"message":"\ud83d","code":301}"#).unwrap().code, Some(301));
    }

    #[test]
    fn rows_are_read_whatever_their_scalars_look_like() {
        let page: &RawValue =
            serde_json::from_str(r#"{"meetings":[{"uuid":7,"id":"81"},{"id":82,"topic":null},null,3]}"#)
                .unwrap();
        let rows: Vec<MeetingRow> = rows(page).into_iter().map(row).collect();
        assert_eq!(rows.len(), 4);
        assert_eq!((rows[0].uuid.clone().text(), rows[0].id.number()), (Some("7".to_owned()), Some(81)));
        assert_eq!((rows[1].id.number(), rows[1].topic.clone().text()), (Some(82), None));
        assert_eq!(rows[3].uuid.clone().text(), None);
    }
}
