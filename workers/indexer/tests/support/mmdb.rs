//! Writes `MaxMind` DB files, format 2.0, for tests and benchmarks: an IPv6 search tree with records of 24 bits, or of 32
//! where they do not suffice, in which IPv4 lies below `::/96`, then the data, then what the file says of itself. No
//! record is shared.

use std::net::IpAddr;

use serde_json::{Value, json};

/// The types of the data section.
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;
const TEXT: u8 = 2;

/// A file of the type `database_type` that knows these networks, written as `81.2.69.0/24`.
pub(crate) fn database(
    database_type: &str,
    networks: impl IntoIterator<Item = (impl AsRef<str>, Value)>,
) -> Vec<u8> {
    let mut tree = Tree { nodes: vec![[Record::Empty; 2]] };
    let mut data = Vec::new();
    for (network, value) in networks {
        let (bits, length) = bits(network.as_ref());
        tree.insert(bits, length, data.len());
        write(&mut data, "", &value);
    }
    let record_size = if tree.nodes.len() + 16 + data.len() < 1 << 24 { 24 } else { 32 };
    let mut file = tree.bytes(record_size);
    let about = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_767_225_600,
        "database_type": database_type, "description": {"en": "written by a test"}, "ip_version": 6,
        "languages": ["en"], "node_count": tree.nodes.len(), "record_size": record_size,
    });
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    write(&mut file, "", &about);
    file
}

/// A record as the files of cities have them.
pub(crate) fn city(city: &str, region: &str, country: (&str, &str), place: (f64, f64)) -> Value {
    json!({
        "city": {"geoname_id": 1, "names": {"de": "anders", "en": city}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "country": {"iso_code": country.0, "names": {"en": country.1}},
        "location": {"accuracy_radius": 10, "latitude": place.0, "longitude": place.1},
        "subdivisions": [{"iso_code": "X", "names": {"en": region}}, {"names": {"en": "smaller"}}],
    })
}

/// The first bits of a network and how many they are.
fn bits(network: &str) -> (u128, u32) {
    let (address, length) = network.split_once('/').expect("a network");
    let length: u32 = length.parse().expect("a length");
    match address.parse().expect("an address") {
        IpAddr::V4(address) => (u128::from(address.to_bits()), length + 96),
        IpAddr::V6(address) => (address.to_bits(), length),
    }
}

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

struct Tree {
    nodes: Vec<[Record; 2]>,
}

impl Tree {
    fn insert(&mut self, bits: u128, length: u32, data: usize) {
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                self.nodes[node][side] = Record::Data(data);
                return;
            }
            node = match self.nodes[node][side] {
                Record::Node(next) => next,
                _ => {
                    self.nodes.push([Record::Empty; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = Record::Node(next);
                    next
                }
            };
        }
    }

    /// A record is the number of a node, the count of nodes for "nothing", or behind that and the 16 bytes between
    /// tree and data the place in the data.
    fn bytes(&self, record_size: usize) -> Vec<u8> {
        let count = self.nodes.len();
        let number = |record: &Record| match record {
            Record::Empty => count,
            Record::Node(node) => *node,
            Record::Data(data) => count + 16 + data,
        };
        let mut bytes = Vec::with_capacity(count * record_size / 4);
        for record in self.nodes.iter().flatten() {
            bytes.extend_from_slice(&(number(record) as u32).to_be_bytes()[4 - record_size / 8..]);
        }
        bytes
    }
}

/// Writes a value; `name` is that of its field, since numbers of the description have types of their own.
fn write(out: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            control(out, MAP, fields.len());
            for (name, value) in fields {
                write(out, "", &Value::from(name.as_str()));
                write(out, name, value);
            }
        }
        Value::Array(list) => {
            control(out, ARRAY, list.len());
            list.iter().for_each(|value| write(out, "", value));
        }
        Value::String(text) => {
            control(out, TEXT, text.len());
            out.extend(text.as_bytes());
        }
        Value::Number(number) if number.is_f64() => {
            control(out, DOUBLE, 8);
            out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
        }
        Value::Number(number) => {
            let bytes = number.as_u64().expect("a whole number from 0").to_be_bytes();
            let (kind, size) = match name {
                "build_epoch" => (UINT64, 8),
                "node_count" | "geoname_id" => (UINT32, 4),
                _ => (UINT16, 2),
            };
            control(out, kind, size);
            out.extend(&bytes[8 - size..]);
        }
        Value::Bool(_) | Value::Null => unreachable!("no such values are written"),
    }
}

/// Type and size: types above 7 stand in a byte of their own, sizes from 29 on in one or two.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (short, longer) = match size {
        0..29 => (size as u8, Vec::new()),
        29..285 => (29, vec![(size - 29) as u8]),
        _ => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
    };
    match kind {
        8.. => out.extend([short, kind - 7]),
        _ => out.push(kind << 5 | short),
    }
    out.extend(longer);
}
