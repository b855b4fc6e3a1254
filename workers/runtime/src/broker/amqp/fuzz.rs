//! Entry points for fuzzing: the broker's address, and encoded message properties.

use jiff::Timestamp;
use lapin::protocol::basic::{gen_properties, parse_properties};
use messages::Queue;
use secrecy::SecretString;

use super::address::Address;
use super::names::Names;
use super::wire::{self, Parcel};
use crate::Message;

/// Parses an address and returns its displayed form, or the error.
pub fn address(url: &str) -> Result<String, String> {
    let address = Address::parse(&SecretString::from(url), None).map_err(|error| error.to_string())?;
    let _ = (address.is_this_machine(), address.is_encrypted(), address.vhost());
    Ok(format!("{address:?}"))
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
