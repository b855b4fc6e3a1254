//! The search tree (section "Binary Search Tree Section"): an address, bit by bit, to where its record lies in the data.

use std::net::IpAddr;

use super::SEPARATOR;
use super::about::About;
use super::blocks::Cursor;
use super::fault::Fault;

/// Bits of the network `::/96`, under which a tree of IPv6 knows IPv4.
const ABOVE_IPV4: u32 = 96;

/// What is to be known of the tree. A node is two records; a record says which node, or which data, is next.
pub(super) struct Tree {
    nodes: u64,
    size: Size,
    /// Whether it knows IPv6.
    wide: bool,
    /// The record at which an IPv4 address begins. It may already be an end.
    ipv4: u64,
}

/// The bits of a record.
#[derive(Clone, Copy)]
enum Size {
    Bits24,
    Bits28,
    Bits32,
}

impl Tree {
    /// `room` are the bytes that it can have.
    pub(super) fn open(about: &About, cursor: &mut Cursor<'_>, room: u64) -> Result<Self, Fault> {
        let size = match about.record_size {
            24 => Size::Bits24,
            28 => Size::Bits28,
            32 => Size::Bits32,
            _ => return Err(Fault::broken("its records are neither of 24, 28 nor 32 bits")),
        };
        let wide = match about.ip_version {
            4 => false,
            6 => true,
            _ => return Err(Fault::broken("its addresses are neither IPv4 nor IPv6")),
        };
        let mut tree = Self { nodes: about.node_count.into(), size, wide, ipv4: 0 };
        if tree.nodes == 0 || tree.bytes() > room {
            return Err(Fault::broken("its search tree is empty or larger than the file"));
        }
        if wide {
            tree.ipv4 = tree.walk(cursor, 0, 0, ABOVE_IPV4)?;
        }
        Ok(tree)
    }

    /// The bytes of the tree, which is the first that a file has.
    pub(super) fn bytes(&self) -> u64 {
        self.nodes * self.size.node()
    }

    /// Where in the data the record of an address begins; `None` when the tree has none.
    pub(super) fn find(&self, cursor: &mut Cursor<'_>, address: IpAddr) -> Result<Option<u64>, Fault> {
        let record = match address {
            IpAddr::V4(address) => self.walk(cursor, self.ipv4, u128::from(address.to_bits()) << 96, 32)?,
            IpAddr::V6(address) if self.wide => self.walk(cursor, 0, address.to_bits(), 128)?,
            IpAddr::V6(_) => return Ok(None),
        };
        if record == self.nodes {
            return Ok(None);
        }
        // The numbers from that of the nodes on count bytes: of the separator, which nothing points into, and the data.
        let place = record.checked_sub(self.nodes + SEPARATOR);
        place.map(Some).ok_or(Fault::broken("its search tree leads nowhere"))
    }

    /// Follows the first `length` bits as far as there are nodes.
    fn walk(&self, cursor: &mut Cursor<'_>, from: u64, bits: u128, length: u32) -> Result<u64, Fault> {
        let mut record = from;
        for depth in 0..length {
            if record >= self.nodes {
                break;
            }
            let right = bits >> (127 - depth) & 1 == 1;
            record = self.size.record(cursor, record, right)?;
        }
        Ok(record)
    }
}

impl Size {
    /// The bytes of a node.
    fn node(self) -> u64 {
        match self {
            Self::Bits24 => 6,
            Self::Bits28 => 7,
            Self::Bits32 => 8,
        }
    }

    fn record(self, cursor: &mut Cursor<'_>, node: u64, right: bool) -> Result<u64, Fault> {
        let at = node * self.node();
        let record = match self {
            Self::Bits24 => {
                let [a, b, c] = cursor.bytes(at + if right { 3 } else { 0 })?;
                u32::from_be_bytes([0, a, b, c])
            }
            // The byte in the middle has the highest four bits of both, those of the left one first.
            Self::Bits28 if right => {
                let [middle, a, b, c] = cursor.bytes(at + 3)?;
                u32::from_be_bytes([middle & 0xf, a, b, c])
            }
            Self::Bits28 => {
                let [a, b, c, middle] = cursor.bytes(at)?;
                u32::from_be_bytes([middle >> 4, a, b, c])
            }
            Self::Bits32 => u32::from_be_bytes(cursor.bytes(at + if right { 4 } else { 0 })?),
        };
        Ok(record.into())
    }
}
