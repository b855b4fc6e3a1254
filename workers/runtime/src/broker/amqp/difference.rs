//! Parses RabbitMQ's error about a queue that exists with other arguments.

use std::fmt;

use lapin::types::{AMQPValue, FieldTable};

/// An argument of a queue that differs from the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Name of the argument, such as `x-max-length` or `durable`.
    pub argument: String,
    /// Value at the broker; `None` if not set.
    pub found: Option<String>,
    /// Wanted value; `None` if not set.
    pub wanted: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { argument, found, wanted } = self;
        match found {
            Some(found) => write!(f, "{argument} is {found}")?,
            None => write!(f, "{argument} is not set")?,
        }
        match wanted {
            Some(wanted) => write!(f, ", wanted {wanted}"),
            None => f.write_str(", wanted none"),
        }
    }
}

impl Difference {
    /// Parses `inequivalent arg 'A' for queue 'Q' in vhost '/': received W but current is F`, where W and F are
    /// `none`, `'value'` or `the value 'value' of type 'type'`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("inequivalent arg '")?;
        let (argument, rest) = rest.split_once('\'')?;
        // The last match, since a queue's name may contain these words.
        let (rest, found) = rest.rsplit_once(" but current is ")?;
        let (_, wanted) = rest.rsplit_once(": received ")?;
        Some(Self { argument: argument.to_owned(), found: value(found), wanted: value(wanted) })
    }

    /// Sets the argument to the broker's value, so that another declaration reports the next difference. Returns
    /// false if the difference is not an `x-` argument.
    pub(super) fn adopt(&self, arguments: &mut FieldTable) -> bool {
        if !self.argument.starts_with("x-") {
            return false;
        }
        let mut adopted = FieldTable::default();
        for (name, value) in arguments.inner() {
            if name.as_str() != self.argument {
                adopted.insert(name.clone(), value.clone());
            }
        }
        if let Some(found) = &self.found {
            let value = match found.parse() {
                Ok(number) => AMQPValue::LongLongInt(number),
                Err(_) => AMQPValue::LongString(found.as_str().into()),
            };
            adopted.insert(self.argument.as_str().into(), value);
        }
        *arguments = adopted;
        true
    }
}

fn value(text: &str) -> Option<String> {
    let (_, quoted) = text.split_once('\'')?;
    let end = quoted.find("' of type '").or_else(|| quoted.rfind('\''))?;
    Some(quoted[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> Option<String> {
        let text = format!(
            "PRECONDITION_FAILED - inequivalent arg 'x-a' for queue 'ua.documents' in vhost '/': {rest}"
        );
        Difference::read(&text).map(|difference| difference.to_string())
    }

    #[test]
    fn a_brokers_words_become_ours() {
        for (rest, words) in [
            ("received '1000' but current is '2000'", "x-a is 2000, wanted 1000"),
            ("received none but current is the value '2000' of type 'signedint'", "x-a is 2000, wanted none"),
            (
                "received the value 'at-least-once' of type 'longstr' but current is none",
                "x-a is not set, wanted at-least-once",
            ),
            ("received 'true' but current is 'false'", "x-a is false, wanted true"),
        ] {
            assert_eq!(read(rest).as_deref(), Some(words), "{rest}");
        }
        for rubbish in ["", "received", "'", "but current is ''", "received '1' but current"] {
            assert_eq!(read(rubbish), None, "{rubbish}");
        }
        assert_eq!(Difference::read("RESOURCE_LOCKED - cannot obtain exclusive access"), None);
    }

    #[test]
    fn what_is_found_takes_the_place_of_what_was_wanted() {
        let mut arguments = FieldTable::default();
        arguments.insert("x-a".into(), AMQPValue::LongLongInt(1));
        let difference = |found: Option<&str>| Difference {
            argument: "x-a".to_owned(),
            found: found.map(str::to_owned),
            wanted: None,
        };
        assert!(difference(Some("2")).adopt(&mut arguments));
        assert_eq!(arguments.inner().get("x-a"), Some(&AMQPValue::LongLongInt(2)));
        assert!(difference(Some("b")).adopt(&mut arguments));
        assert_eq!(arguments.inner().get("x-a"), Some(&AMQPValue::LongString("b".into())));
        assert!(difference(None).adopt(&mut arguments));
        assert!(arguments.inner().is_empty());
        let durable = Difference { argument: "durable".to_owned(), found: None, wanted: None };
        assert!(!durable.adopt(&mut arguments));
    }
}
