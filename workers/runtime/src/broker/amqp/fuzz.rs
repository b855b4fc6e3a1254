//! Entry points for fuzzing: the broker's address, and what a broker sends.

use jiff::Timestamp;
use lapin::protocol::basic::{gen_properties, parse_properties};
use lapin::types::generation::gen_field_table;
use lapin::types::{AMQPValue, FieldTable};
use messages::Queue;
use secrecy::SecretString;

use super::address::Address;
use super::difference::Difference;
use super::names::Names;
use super::version;
use super::wire::{self, Parcel};
use crate::Message;
use crate::lift::Lift;

/// Parses an address and returns its displayed form, or the error.
pub fn address(url: &str) -> Result<String, String> {
    let address = Address::parse(&SecretString::from(url), None).map_err(|error| error.to_string())?;
    let _ = (address.is_this_machine(), address.is_encrypted(), address.vhost());
    Ok(format!("{address:?}"))
}

/// Reads the version in a broker's greeting.
///
/// # Errors
/// The text of the error when it is no greeting, or the broker is too old.
pub fn greeting(mut bytes: &[u8]) -> Result<String, String> {
    let properties = version::read_greeting(&mut bytes).map_err(|error| error.to_string())?;
    version::check(&properties).map_err(|error| error.to_string())
}

/// Encodes a greeting with a version.
pub fn greeting_of(product: &str, version: &str) -> Vec<u8> {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut properties = FieldTable::default();
    properties.insert("product".into(), text(product));
    properties.insert("version".into(), text(version));
    let table = gen_field_table(&properties)(Vec::new().into());
    let table = table.map(|written| written.into_inner().0).unwrap_or_default();
    let body = [&[0, 10, 0, 10, 0, 9][..], &table].concat();
    let size = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [&[1, 0, 0][..], &size, &body].concat()
}

/// Reads which argument of a queue a broker's error names.
pub fn difference(text: &str) -> Option<String> {
    let difference = Difference::read(text)?;
    let mut arguments = FieldTable::default();
    if difference.adopt(&mut arguments) {
        assert_eq!(arguments.inner().len(), usize::from(difference.found.is_some()));
    }
    Some(difference.to_string())
}

/// Decodes a command that lifts holds. Returns how many of these roles it concerns.
pub fn lift(body: &[u8], roles: &[&str]) -> Option<usize> {
    let lift: Lift = serde_json::from_slice(body).ok()?;
    Some(roles.iter().filter(|role| lift.concerns(role)).count())
}

/// Decodes a delivery from `queue` with these encoded properties.
pub fn delivery(queue: &Queue, properties: &[u8]) -> Option<Message> {
    let (_, properties) = parse_properties(properties).ok()?;
    let (names, now) = (Names::new("t"), Timestamp::UNIX_EPOCH);
    let read = |properties: &_| wire::read(properties, Vec::new(), queue, &names, now);
    let parcel = read(&properties);
    let carried = read(&wire::carried(&properties));
    assert_eq!(carried.message, parcel.message, "carried on as it came");
    let again = read(&wire::properties(&parcel));
    if *queue != Queue::dead() {
        assert_eq!(again, parcel, "published and delivered once more");
    }
    Some(parcel.message)
}

/// Encodes the properties of a message.
pub fn properties(message: &Message) -> Vec<u8> {
    let properties = wire::properties(&Parcel { message: message.clone(), crashes: 2 });
    let written = gen_properties(&properties)(Vec::new().into());
    written.map(|written| written.into_inner().0).unwrap_or_default()
}
