//! The addresses of an action: the viewer's, then those of the proxies on the way, as X-Forwarded-For lists them.

use std::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};

/// The fields: the viewer, and as many proxies as are kept.
const FIELDS: [&str; 9] =
    ["ip", "proxy1", "proxy2", "proxy3", "proxy4", "proxy5", "proxy6", "proxy7", "proxy8"];

/// Serialised as the fields `ip`, `proxy1` to `proxy8`. What is no address leaves its field out and its neighbours
/// where they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses([Option<IpAddr>; FIELDS.len()]);

impl Addresses {
    /// The addresses of a comma-separated list.
    pub(super) fn of(list: Option<&str>) -> Self {
        let mut addresses = Self::default();
        let parts = list.into_iter().flat_map(|list| list.split(','));
        for (field, part) in addresses.0.iter_mut().zip(parts) {
            *field = address(part.trim());
        }
        addresses
    }

    /// The viewer's.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        let [ip, ..] = self.0;
        ip
    }
}

/// Some proxies write the port, too.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = FIELDS.iter().zip(&self.0).filter_map(|(field, address)| Some((field, (*address)?)));
        serializer.collect_map(known)
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
        assert_eq!(many.as_object().unwrap().len(), 9);
        assert!(many.get("proxy8").is_some());
    }
}
