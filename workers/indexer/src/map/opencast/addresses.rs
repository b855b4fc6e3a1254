//! Addresses of an action: the viewer's, then the proxies', in the order of X-Forwarded-For.

use std::net::{IpAddr, SocketAddr};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// Fields with one address each: the viewer and the first proxies.
const FIELDS: [&str; 9] =
    ["ip", "proxy1", "proxy2", "proxy3", "proxy4", "proxy5", "proxy6", "proxy7", "proxy8"];

/// Field of all further proxies.
const MORE: &str = "more_proxies";
/// Maximum further proxies; Opencast cuts a list at 255 characters.
const MOST: usize = 64;

/// Serialised as `ip`, `proxy1` to `proxy8` and, for longer lists, `more_proxies`. An invalid address leaves its field
/// empty, and the others keep their positions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    first: [Option<IpAddr>; FIELDS.len()],
    more: Vec<IpAddr>,
}

impl Addresses {
    /// Parses a comma-separated list.
    pub(super) fn of(list: Option<&str>) -> Self {
        let mut addresses = Self::default();
        let mut parts = list.into_iter().flat_map(|list| list.split(','));
        for (field, part) in addresses.first.iter_mut().zip(parts.by_ref()) {
            *field = address(part.trim());
        }
        addresses.more = parts.take(MOST).filter_map(|part| address(part.trim())).collect();
        addresses
    }

    /// Returns the viewer's address.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        let [ip, ..] = self.first;
        ip
    }
}

/// Parses an address; some proxies append the port.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, address) in FIELDS.iter().zip(&self.first) {
            if let Some(address) = address {
                map.serialize_entry(field, address)?;
            }
        }
        if !self.more.is_empty() {
            map.serialize_entry(MORE, &self.more)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(list: &str) -> Value {
        serde_json::to_value(Addresses::of(Some(list))).unwrap()
    }

    #[test]
    fn the_first_is_the_viewer_and_the_others_are_proxies() {
        assert_eq!(written("81.2.69.142"), json!({"ip": "81.2.69.142"}));
        assert_eq!(
            written("81.2.69.142, 10.0.0.1,2001:db8::1"),
            json!({"ip": "81.2.69.142", "proxy1": "10.0.0.1", "proxy2": "2001:db8::1"})
        );
        assert_eq!(
            written("81.2.69.142:4711, [2001:db8::1]:80"),
            json!({"ip": "81.2.69.142", "proxy1": "2001:db8::1"})
        );
    }

    #[test]
    fn what_is_no_address_is_left_out_and_the_list_is_bounded() {
        assert_eq!(written("unknown, , 10.0.0.1"), json!({"proxy2": "10.0.0.1"}));
        assert_eq!(written("-omitted-"), json!({}));
        assert_eq!(serde_json::to_value(Addresses::of(None)).unwrap(), json!({}));
        let many = written(&["10.0.0.1"; 300].join(","));
        assert_eq!(many.as_object().unwrap().len(), 10);
        assert_eq!(many["more_proxies"].as_array().unwrap().len(), 64);
    }

    #[test]
    fn the_ninth_proxy_and_all_after_it_are_kept_in_one_field() {
        let list = |last: u8| (0..=last).map(|part| format!("10.0.0.{part}")).collect::<Vec<_>>().join(", ");
        let eight = written(&list(8));
        assert_eq!((&eight["proxy8"], eight.get("more_proxies")), (&json!("10.0.0.8"), None));
        let more = written(&(list(10) + ", unknown, 2001:db8::1"));
        assert_eq!(more["proxy8"], "10.0.0.8");
        assert_eq!(more["more_proxies"], json!(["10.0.0.9", "10.0.0.10", "2001:db8::1"]));
    }
}
