//! Decides which addresses can have a place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns the address to look up, with IPv4-mapped IPv6 unwrapped; `None` for a private or reserved one (RFC 6890),
/// which has no known place.
pub(super) fn public(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let public = match address {
        IpAddr::V4(address) => is_public_4(address),
        IpAddr::V6(address) => is_public_6(address),
    };
    public.then_some(address)
}

fn is_public_4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let reserved = match (first, second) {
        // This network, carrier-grade NAT, protocol assignments, benchmarks; multicast and above.
        (0 | 224.., _) | (100, 64..=127) | (198, 18 | 19) => true,
        (192, 0) => third == 0,
        _ => false,
    };
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is assigned; in it, 2001:db8::/32 and 3fff::/20 are for documentation.
    let global = first & 0xe000 == 0x2000;
    let documentation = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    global && !documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_nobody_can_be_found_by_has_no_place() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "64:ff9b::1",
        ] {
            assert_eq!(public(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn a_public_address_is_taken_without_its_clothes() {
        for (text, expected) in [
            ("81.2.69.142", "81.2.69.142"),
            ("100.63.255.255", "100.63.255.255"),
            ("172.32.0.1", "172.32.0.1"),
            ("192.0.1.1", "192.0.1.1"),
            ("::ffff:81.2.69.142", "81.2.69.142"),
            ("2a02:8380::1", "2a02:8380::1"),
        ] {
            assert_eq!(public(text.parse().unwrap()), expected.parse().ok(), "{text}");
        }
    }
}
