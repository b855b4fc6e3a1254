//! Writes `MaxMind` DB files, format 2.0, for tests and benchmarks: search tree, data, metadata.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Value, json};

/// Types of the data section.
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const INT32: u8 = 8;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;
const BOOL: u8 = 14;
const TEXT: u8 = 2;

/// Format options of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Bits of a record; `None` for 24, or 32 if 24 do not suffice.
    pub(crate) record_size: Option<usize>,
    /// 4, or 6 with IPv4 below `::/96`.
    pub(crate) ip_version: u16,
    /// Whether repeated texts, maps and arrays become pointers.
    pub(crate) shares: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { record_size: None, ip_version: 6, shares: false }
    }
}

/// Returns a file of type `database_type` with these networks, written as `81.2.69.0/24`.
pub(crate) fn database(
    database_type: &str,
    networks: impl IntoIterator<Item = (impl AsRef<str>, Value)>,
) -> Vec<u8> {
    shaped(Shape::default(), database_type, networks)
}

/// Like [`database`], in any shape. A network inside a previous one replaces it completely.
pub(crate) fn shaped(
    shape: Shape,
    database_type: &str,
    networks: impl IntoIterator<Item = (impl AsRef<str>, Value)>,
) -> Vec<u8> {
    let mut tree = Tree { nodes: vec![[Record::Empty; 2]] };
    let mut data = Data { bytes: Vec::new(), known: shape.shares.then(HashMap::new) };
    for (network, value) in networks {
        let (bits, length) = bits(network.as_ref(), shape.ip_version);
        tree.insert(bits, length, data.place(&value));
    }
    let fewest = if tree.nodes.len() + 16 + data.bytes.len() < 1 << 24 { 24 } else { 32 };
    let record_size = shape.record_size.unwrap_or(fewest);
    let mut file = tree.bytes(record_size);
    let about = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_767_225_600,
        "database_type": database_type, "description": {"en": "written by a test"}, "ip_version": shape.ip_version,
        "languages": ["en"], "node_count": tree.nodes.len(), "record_size": record_size,
    });
    let mut metadata = Data { bytes: Vec::new(), known: None };
    metadata.write("", &about);
    file.extend([0; 16]);
    file.extend(data.bytes);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(metadata.bytes);
    file
}

/// Returns a record in the format of city files.
pub(crate) fn city(city: &str, region: &str, country: (&str, &str), place: (f64, f64)) -> Value {
    json!({
        "city": {"geoname_id": 1, "names": {"de": "anders", "en": city}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "country": {"iso_code": country.0, "names": {"en": country.1}},
        "location": {"accuracy_radius": 10, "latitude": place.0, "longitude": place.1},
        "subdivisions": [{"iso_code": "X", "names": {"en": region}}, {"names": {"en": "smaller"}}],
    })
}

/// Returns a network's first bits and their number.
fn bits(network: &str, ip_version: u16) -> (u128, u32) {
    let (address, length) = network.split_once('/').expect("a network");
    let length: u32 = length.parse().expect("a length");
    match address.parse().expect("an address") {
        IpAddr::V4(address) if ip_version == 4 => (u128::from(address.to_bits()) << 96, length),
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

    /// Encodes the tree. A record is a node's number, the node count for "nothing", or, above that and the 16 bytes
    /// between tree and data, an offset in the data.
    fn bytes(&self, record_size: usize) -> Vec<u8> {
        let count = self.nodes.len();
        let number = |record: &Record| match record {
            Record::Empty => count,
            Record::Node(node) => *node,
            Record::Data(data) => count + 16 + data,
        };
        let mut bytes = Vec::with_capacity(count * record_size / 4);
        for [left, right] in &self.nodes {
            let (left, right) = ((number(left) as u32).to_be_bytes(), (number(right) as u32).to_be_bytes());
            bytes.extend_from_slice(&left[4 - record_size / 8..]);
            if record_size == 28 {
                bytes.push(left[0] << 4 | right[0]);
            }
            bytes.extend_from_slice(&right[4 - record_size / 8..]);
        }
        bytes
    }
}

/// The data section.
struct Data {
    bytes: Vec<u8>,
    /// Offsets of written values, by their JSON.
    known: Option<HashMap<String, usize>>,
}

impl Data {
    /// Returns the offset of a value; writes it if missing.
    fn place(&mut self, value: &Value) -> usize {
        let shared = matches!(value, Value::Object(_) | Value::Array(_) | Value::String(_));
        let Some(known) = self.known.as_mut().filter(|_| shared) else { return self.plain("", value) };
        if let Some(place) = known.get(&value.to_string()) {
            return *place;
        }
        let place = self.plain("", value);
        self.known.as_mut().expect("it shares").insert(value.to_string(), place);
        place
    }

    /// Writes a value, or a pointer to it; `name` is its field's name.
    fn write(&mut self, name: &str, value: &Value) {
        match self.known.as_ref().and_then(|known| known.get(&value.to_string())) {
            Some(place) => pointer(&mut self.bytes, *place),
            None if self.known.is_some() => _ = self.place(value),
            None => _ = self.plain(name, value),
        }
    }

    /// Writes a value and returns its offset; numbers of the metadata have their own types.
    fn plain(&mut self, name: &str, value: &Value) -> usize {
        let place = self.bytes.len();
        match value {
            Value::Object(fields) => {
                control(&mut self.bytes, MAP, fields.len());
                for (name, value) in fields {
                    self.write("", &Value::from(name.as_str()));
                    self.write(name, value);
                }
            }
            Value::Array(list) => {
                control(&mut self.bytes, ARRAY, list.len());
                list.iter().for_each(|value| self.write("", value));
            }
            Value::String(text) => {
                control(&mut self.bytes, TEXT, text.len());
                self.bytes.extend(text.as_bytes());
            }
            Value::Number(number) if number.is_f64() => {
                control(&mut self.bytes, DOUBLE, 8);
                self.bytes.extend(number.as_f64().unwrap_or_default().to_be_bytes());
            }
            Value::Number(number) => self.number(name, number.as_i64().expect("a number of 63 bits")),
            Value::Bool(value) => control(&mut self.bytes, BOOL, usize::from(*value)),
            Value::Null => unreachable!("the format has no such value"),
        }
        place
    }

    /// Writes a number without leading zeros, as the format allows.
    fn number(&mut self, name: &str, number: i64) {
        let kind = match (name, number) {
            ("build_epoch", _) => UINT64,
            ("node_count", _) => UINT32,
            (_, ..0) => INT32,
            (_, 0..0x1_0000) => UINT16,
            (_, 0x1_0000..0x1_0000_0000) => UINT32,
            _ => UINT64,
        };
        let bytes = if kind == INT32 {
            (number as i32).to_be_bytes().to_vec()
        } else {
            number.to_be_bytes().to_vec()
        };
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        control(&mut self.bytes, kind, bytes.len() - zeros);
        self.bytes.extend(&bytes[zeros..]);
    }
}

/// Writes a pointer with the fewest bytes, and some with the most.
fn pointer(out: &mut Vec<u8>, place: usize) {
    let (kind, number, bytes) = match place {
        _ if place % 5 == 4 => (3, place, 4),
        0..2_048 => (0, place, 1),
        2_048..526_336 => (1, place - 2_048, 2),
        526_336..134_744_064 => (2, place - 526_336, 3),
        _ => (3, place, 4),
    };
    let number = (number as u64).to_be_bytes();
    // The control byte holds the high bits of shorter pointers.
    let high = if kind == 3 { 0 } else { number[7 - bytes] };
    out.push(1 << 5 | kind << 3 | high);
    out.extend(&number[8 - bytes..]);
}

/// Writes type and size: types above 7 use another byte, sizes from 29 one to three more.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (short, longer) = match size {
        0..29 => (size as u8, Vec::new()),
        29..285 => (29, vec![(size - 29) as u8]),
        285..65_821 => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
        _ => (31, ((size - 65_821) as u32).to_be_bytes()[1..].to_vec()),
    };
    match kind {
        8.. => out.extend([short, kind - 7]),
        _ => out.push(kind << 5 | short),
    }
    out.extend(longer);
}
