//! Meeting uuids: 16 bytes that look random but encode the meeting's date, kind and index through a keyed
//! permutation, so that no table is needed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mix::mix;

const ROUNDS: u64 = 6;

/// Zoom's name of a meeting instance: 16 bytes in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MeetingUuid([u8; 16]);

/// Type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Meeting,
    Webinar,
}

/// Position of a meeting in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    /// Days since 1970-01-01.
    pub(crate) day: i32,
    pub(crate) kind: EventType,
    pub(crate) index: u32,
}

impl MeetingUuid {
    /// Returns the uuid of an address. 1 in 20 starts with `/` and 1 in 20 contains `//`, far more than by chance, to
    /// expose clients that encode them wrongly.
    pub(crate) fn issue(seed: u64, address: Address) -> Self {
        let wanted: fn(&str) -> bool = match address.index % 20 {
            3 => |text| text.starts_with('/'),
            13 => |text| text.contains("//"),
            _ => |_| true,
        };
        let mut uuid = seal(seed, address, 0);
        for nonce in 1..=u16::MAX {
            if wanted(&uuid.text()) {
                break;
            }
            uuid = seal(seed, address, nonce);
        }
        uuid
    }

    /// Parses the canonical text; `None` unless it is base64 of 16 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    pub(crate) fn text(self) -> String {
        STANDARD.encode(self.0)
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the encoded address; `None` for a uuid of another world.
    pub(crate) fn open(self, seed: u64) -> Option<Address> {
        let (mut left, mut right) = halves(self.0);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ round_key(seed, round, left), left);
        }
        if (right >> 32) as u32 != tag(seed) {
            return None;
        }
        let kind = match (right >> 16) & 0xFFFF {
            0 => EventType::Meeting,
            1 => EventType::Webinar,
            _ => return None,
        };
        Some(Address { day: (left >> 32) as u32 as i32, kind, index: left as u32 })
    }
}

/// Returns true when the uuid must be percent-encoded twice in a URL path.
pub(crate) fn needs_double_encoding(text: &str) -> bool {
    text.starts_with('/') || text.contains("//")
}

fn seal(seed: u64, address: Address, nonce: u16) -> MeetingUuid {
    let kind = match address.kind {
        EventType::Meeting => 0_u64,
        EventType::Webinar => 1,
    };
    let mut left = (u64::from(address.day as u32) << 32) | u64::from(address.index);
    let mut right = (u64::from(tag(seed)) << 32) | (kind << 16) | u64::from(nonce);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ round_key(seed, round, right));
    }
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&left.to_be_bytes());
    bytes[8..].copy_from_slice(&right.to_be_bytes());
    MeetingUuid(bytes)
}

fn round_key(seed: u64, round: u64, half: u64) -> u64 {
    mix(mix(seed, 0x5EA1 + round), half)
}

fn tag(seed: u64) -> u32 {
    mix(seed, 0x7A6) as u32
}

fn halves(bytes: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_opens_to_its_address_in_its_own_world_only() {
        for index in 0..200 {
            let address = Address { day: 20_500, kind: EventType::Webinar, index };
            let uuid = MeetingUuid::issue(7, address);
            assert_eq!(MeetingUuid::parse(&uuid.text()), Some(uuid));
            assert_eq!(uuid.open(7), Some(address));
            assert_eq!(uuid.open(8), None);
        }
    }

    #[test]
    fn every_twenty_uuids_hold_both_shapes_that_need_double_encoding() {
        for day in [0, 20_500] {
            let texts: Vec<_> = (0..20)
                .map(|index| MeetingUuid::issue(1, Address { day, kind: EventType::Meeting, index }).text())
                .collect();
            assert!(texts.iter().all(|text| text.len() == 24));
            assert!(texts.iter().any(|text| text.starts_with('/')), "{texts:?}");
            assert!(texts.iter().any(|text| text.contains("//")), "{texts:?}");
        }
    }
}
