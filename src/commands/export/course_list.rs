//! The course list: a course's people, requested over HTTP. Its JSON is converted from XML: one person is an object,
//! several are a list, and an empty element is an empty object.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use opencast_wire::Fault;
use opencast_wire::lenient::{Scalar, rows};
use reqwest::{Client, Url};
use runtime::body;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exit::usage;

/// Timeout of a whole answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Maximum size of an answer: some ten thousand people.
const LARGEST: usize = 8 << 20;
/// The endpoint, relative to the base.
const ENDPOINT: &str = "__get_course_people.php";
/// Number of characters of a series that are its year and term.
const TERM: usize = 6;

/// A course as the list identifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course<'a> {
    /// Year and term.
    term: &'a str,
    /// Its number within the term.
    number: &'a str,
}

impl<'a> Course<'a> {
    /// Returns the course of a series; `None` if the series has no course number.
    pub(super) fn of(series: &'a str) -> Option<Self> {
        let (term, number) = series.split_at_checked(TERM)?;
        let fits = !number.is_empty() && term.bytes().all(|byte| byte.is_ascii_digit());
        fits.then_some(Self { term, number })
    }
}

/// A person of a course; missing values are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Person {
    pub(super) huid: String,
    pub(super) status: String,
    pub(super) first_name: String,
    pub(super) mi: String,
    pub(super) last_name: String,
    pub(super) reg_level: String,
}

/// A client of the course list.
#[derive(Debug)]
pub(super) struct CourseList {
    http: Client,
    endpoint: Url,
}

impl CourseList {
    /// Creates a client for this base address.
    ///
    /// # Errors
    /// If the base is not an address.
    pub(super) fn at(base: &SecretString) -> anyhow::Result<Self> {
        // The address may hold a password, so the error omits it.
        let refused = || usage("BANNER_ENDPOINT_BASE is no address of the form https://host/path/");
        let base: Url = base.expose_secret().parse().map_err(|_| refused())?;
        let endpoint = base.join(ENDPOINT).map_err(|_| refused())?;
        let mut builder = body::client().timeout(ANSWER_TIME);
        if matches!(endpoint.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            // A proxy cannot reach servers on this machine.
            builder = builder.no_proxy();
        }
        Ok(Self { http: builder.build()?, endpoint })
    }

    /// Returns the people of a course.
    ///
    /// # Errors
    /// If the list does not answer, or answers with something else. The error shows neither the address nor persons.
    pub(super) async fn people(&self, course: Course<'_>) -> anyhow::Result<Vec<Person>> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs([("fmt", "json"), ("term", course.term), ("crn", course.number)]);
        let answer = self.http.get(url).header("accept", "application/json").send().await;
        let answer =
            answer.map_err(reqwest::Error::without_url).context("the course list cannot be asked")?;
        if !answer.status().is_success() {
            bail!("the course list answers {}", answer.status());
        }
        Ok(decode(&body::read(answer, LARGEST).await.context("the course list")?)?)
    }
}

#[derive(Deserialize)]
struct CourseAnswer<'a> {
    #[serde(borrow, default)]
    people: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow)]
    huid: Scalar<'a>,
    #[serde(borrow)]
    status: Scalar<'a>,
    #[serde(borrow)]
    first_name: Scalar<'a>,
    #[serde(borrow)]
    mi: Scalar<'a>,
    #[serde(borrow)]
    last_name: Scalar<'a>,
    #[serde(borrow)]
    reg_level: Scalar<'a>,
}

/// Why an answer cannot be read. Never shows a value of the answer.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the course list answers with something that is not its JSON; is BANNER_ENDPOINT_BASE right?")]
    Frame,
    #[error("the course list has a group that is neither a person nor a list of persons")]
    Group(#[source] Fault),
    #[error("the course list has a person that cannot be read")]
    Person,
}

/// Counts the people of an answer, for the fuzz target.
pub(crate) fn people(body: &[u8]) -> Result<usize, impl std::error::Error + use<>> {
    decode(body).map(|people| people.len())
}

/// Returns the people of an answer, group by group.
fn decode(body: &[u8]) -> Result<Vec<Person>, Unreadable> {
    let is_object = |text: &str| text.trim_start().starts_with('{');
    let text = str::from_utf8(body).map_err(|_| Unreadable::Frame)?;
    if !is_object(text) {
        return Err(Unreadable::Frame);
    }
    let answer: CourseAnswer<'_> = serde_json::from_str(text).map_err(|_| Unreadable::Frame)?;
    let Some(people) = answer.people else { return Ok(Vec::new()) };
    if !is_object(people.get()) {
        // An empty element.
        return match people.get() {
            "\"\"" | "null" | "[]" => Ok(Vec::new()),
            _ => Err(Unreadable::Frame),
        };
    }
    let groups: BTreeMap<String, &RawValue> =
        serde_json::from_str(people.get()).map_err(|_| Unreadable::Frame)?;
    let mut found = Vec::new();
    for group in groups.into_values().filter(|group| group.get() != "{}") {
        for row in rows(Some(group), "people").map_err(Unreadable::Group)? {
            let wire = Some(row.get()).filter(|row| is_object(row));
            let wire = wire.and_then(|row| serde_json::from_str(row).ok());
            found.push(person(wire.ok_or(Unreadable::Person)?));
        }
    }
    Ok(found)
}

fn person(wire: Wire<'_>) -> Person {
    // A value that is not text is an empty element.
    let text = |scalar: Scalar<'_>| scalar.text("").ok().flatten().unwrap_or_default().into_owned();
    Person {
        huid: text(wire.huid),
        status: text(wire.status),
        first_name: text(wire.first_name),
        mi: text(wire.mi),
        last_name: text(wire.last_name),
        reg_level: text(wire.reg_level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn huids(json: &str) -> Vec<String> {
        decode(json.as_bytes()).unwrap().into_iter().map(|person| person.huid).collect()
    }

    #[test]
    fn a_group_is_one_person_or_a_list_of_them() {
        assert_eq!(huids(r#"{"people":{"student":{"huid":"1"}}}"#), ["1"]);
        assert_eq!(
            huids(r#"{"people":{"student":[{"huid":"1"},{"huid":2}],"ta":{"huid":"3"}}}"#),
            ["1", "2", "3"]
        );
        for none in [
            "{}",
            r#"{"people":{}}"#,
            r#"{"people":""}"#,
            r#"{"people":null}"#,
            r#"{"people":[]}"#,
            r#"{"people":{"student":""}}"#,
            r#"{"people":{"student":[]}}"#,
            r#"{"people":{"student":{}}}"#,
        ] {
            assert_eq!(huids(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn a_middle_initial_that_is_an_empty_element_is_empty() {
        let json = r#"{"people":{"s":[{"huid":"00123","mi":{},"first_name":"A","status":"Registered","other":[1]},
            {"mi":"B.","last_name":"C","reg_level":"U","huid":81234567}]}}"#;
        let people = decode(json.as_bytes()).unwrap();
        let first = Person {
            huid: "00123".into(),
            first_name: "A".into(),
            status: "Registered".into(),
            ..Person::default()
        };
        assert_eq!(people[0], first);
        assert_eq!((&*people[1].mi, &*people[1].huid, &*people[1].reg_level), ("B.", "81234567", "U"));
    }

    #[test]
    fn what_is_no_roll_is_refused_without_showing_it() {
        for wrong in [
            "",
            "<html>canary</html>",
            "[]",
            "7",
            r#"{"people":"canary"}"#,
            r#"{"people":{"s":"canary"}}"#,
            r#"{"people":{"s":["canary"]}}"#,
            r#"{"people":{"s":[["canary"]]}}"#,
            r#"{"people":{"s":{"huid":"canary"}}"#,
            r#"{"people":7}"#,
        ] {
            let error = crate::exit::sentence(&decode(wrong.as_bytes()).unwrap_err().into());
            assert!(!error.contains("canary") && error.contains("course list"), "{wrong}: {error}");
        }
        assert!(decode(&[b'{', 0xff, b'}']).is_err());
    }

    #[test]
    fn a_series_names_its_course_or_does_not() {
        assert_eq!(Course::of("20160112345"), Some(Course { term: "201601", number: "12345" }));
        for none in ["", "201601", "2016", "ID-open", "äääää", "abcdef12345"] {
            assert_eq!(Course::of(none), None, "{none}");
        }
    }

    #[test]
    fn the_base_is_an_address_and_is_not_shown() {
        let at = |base: &str| CourseList::at(&base.into()).map(|list| list.endpoint.to_string());
        assert_eq!(at("https://h/x/").unwrap(), "https://h/x/__get_course_people.php");
        assert_eq!(at("https://h").unwrap(), "https://h/__get_course_people.php");
        for wrong in ["canary", "mailto:canary"] {
            let error = at(wrong).unwrap_err();
            assert!(crate::exit::is_users(&error) && !error.to_string().contains("canary"), "{error}");
        }
    }
}
