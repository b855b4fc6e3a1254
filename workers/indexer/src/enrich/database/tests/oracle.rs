//! Compares the results with the widely used `maxminddb` reader.

use std::net::{Ipv4Addr, Ipv6Addr};

use maxminddb::Reader;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::enrich::mmdb::{Shape, city, shaped};

/// Pseudo-random numbers, equal in every run (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn ipv4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.next() as u32)
    }

    fn ipv6(&mut self) -> Ipv6Addr {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        Ipv6Addr::from_bits(bits >> 3 | 1 << 125)
    }
}

/// Returns a network, its first and last address, and the addresses next to them.
fn network(address: IpAddr, length: u32) -> (String, Vec<IpAddr>) {
    let edges = |first: u128, last: u128| [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or_default();
            let first = address.to_bits() & mask;
            let edges =
                edges(first.into(), (first | !mask).into()).map(|bits| Ipv4Addr::from_bits(bits as u32));
            (format!("{}/{length}", edges[0]), edges.map(IpAddr::V4).to_vec())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or_default();
            let first = address.to_bits() & mask;
            let edges = edges(first, first | !mask).map(Ipv6Addr::from_bits);
            (format!("{}/{length}", edges[0]), edges.map(IpAddr::V6).to_vec())
        }
    }
}

/// Returns records of every JSON type, some shared with neighbours, and texts of every size encoding.
fn record(number: u64) -> Value {
    let name = format!("City {}", number % 100);
    match number % 5 {
        0 => city(&name, "Region", ("GB", "United Kingdom"), (number as f64 / 7.0, -0.5)),
        1 => {
            json!({"number": number * number * 3_000_000, "less": -1 - number as i64, "yes": true, "no": false})
        }
        2 => json!([name, {"deep": [[], {}, [{"deeper": name}]]}, ""]),
        3 => json!({"long": name.repeat(number as usize % 60), "longer": name.repeat(40)}),
        _ => json!(name),
    }
}

/// Asserts that both readers return the same for each address.
fn agree(what: &str, bytes: Vec<u8>, addresses: &[IpAddr]) {
    let file = File::new(&bytes);
    let (ours, theirs) = (file.open().unwrap(), Reader::from_source(bytes).unwrap());
    assert_eq!(ours.about().database_type, theirs.metadata().database_type);
    assert_eq!(ours.about().build_epoch, theirs.metadata().build_epoch);
    let mut found = 0;
    for address in addresses {
        let theirs = match address {
            IpAddr::V6(_) if theirs.metadata().ip_version == 4 => None,
            address => theirs.lookup(*address).unwrap().decode::<Value>().unwrap(),
        };
        found += usize::from(theirs.is_some());
        assert_eq!(value(&ours, *address).unwrap(), theirs, "{address} in {what}");
    }
    assert!(found > 0 || addresses.is_empty(), "{what}");
}

#[test]
fn files_of_every_shape_are_read_as_others_read_them() {
    for number in 0..12 {
        let (record_size, ip_version, shares) =
            ([24, 28, 32][number % 3], [4, 6][number / 3 % 2], number / 6 == 1);
        let shape = Shape { record_size: Some(record_size), ip_version, shares };
        let mut chance = Chance(number as u64);
        let (mut networks, mut addresses) = (Vec::new(), Vec::new());
        // Long texts first, so that pointers to later values are longer.
        for length in (0..12).map(|number| 65_000 + 300 * number) {
            let (name, edges) = network(IpAddr::V4(chance.ipv4()), 20);
            networks.push((name, json!("x".repeat(length))));
            addresses.extend(edges);
        }
        for number in 0..1_500 {
            let narrow = ip_version == 4 || number % 2 == 0;
            let (name, edges) = if narrow {
                network(IpAddr::V4(chance.ipv4()), 6 + chance.below(27) as u32)
            } else {
                network(IpAddr::V6(chance.ipv6()), 6 + chance.below(123) as u32)
            };
            networks.push((name, record(chance.below(400))));
            addresses.extend(edges);
        }
        addresses.extend((0..2_000).map(|_| IpAddr::V4(chance.ipv4())));
        addresses.extend((0..500).map(|_| IpAddr::V6(chance.ipv6())));
        agree(&format!("{shape:?}"), shaped(shape, "City", networks), &addresses);
    }
}

#[test]
fn the_high_bits_of_a_record_are_read() {
    for (record_size, ip_version) in [(28, 4), (28, 6), (32, 4), (32, 6)] {
        let shape = Shape { record_size: Some(record_size), ip_version, shares: false };
        // Values after this text have offsets of more than 24 bits.
        let mut networks = vec![("9.0.0.0/8".to_owned(), json!("x".repeat(16_800_000)))];
        networks.extend((10..200).map(|number| (format!("{number}.0.0.0/8"), record(number))));
        let addresses: Vec<_> = (10..210).map(|number| ip(&format!("{number}.1.2.3"))).collect();
        agree(&format!("{shape:?}"), shaped(shape, "City", networks), &addresses);
    }
}

#[test]
fn an_end_above_ipv4_is_that_of_every_ipv4_address() {
    for networks in [vec![("::/1", json!("all")), ("8000::/1", json!("rest"))], vec![("::/97", json!("low"))]]
    {
        let bytes = shaped(Shape::default(), "City", networks);
        agree("one network", bytes, &["1.2.3.4", "200.2.3.4", "2a02::1", "::1", "9000::"].map(ip));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_networks_are_read_as_others_read_them(
        drawn in proptest::collection::vec((any::<bool>(), any::<u128>(), 1..129_u32, any::<u16>()), 1..60),
        record_size in prop_oneof![Just(24), Just(28), Just(32)],
        shares in any::<bool>(),
    ) {
        let shape = Shape { record_size: Some(record_size), ip_version: 6, shares };
        let (mut networks, mut addresses) = (Vec::new(), Vec::new());
        for (narrow, bits, length, number) in drawn {
            let address = match narrow {
                true => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
                false => IpAddr::V6(Ipv6Addr::from_bits(bits)),
            };
            let (name, edges) = network(address, if narrow { length.min(32) } else { length });
            networks.push((name, record(number.into())));
            addresses.extend(edges);
        }
        agree("networks by chance", shaped(shape, "City", networks), &addresses);
    }
}
