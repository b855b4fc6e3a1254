//! The search tree (section "Binary Search Tree Section"): maps an address, bit by bit, to its record's offset.

use std::net::IpAddr;

use super::SEPARATOR;
use super::about::About;
use super::blocks::Cursor;
use super::fault::Fault;

/// Bits of the network `::/96`, which contains IPv4 in an IPv6 tree.
const ABOVE_IPV4: u32 = 96;

/// The search tree. A node has two records, each naming the next node or the data.
pub(super) struct Tree {
    nodes: u64,
    size: Size,
    /// True if it contains IPv6.
    wide: bool,
    /// Record at which IPv4 addresses start; it may be a leaf.
    ipv4: u64,
}

/// Bits per record.
#[derive(Clone, Copy)]
enum Size {
    Bits24,
    Bits28,
    Bits32,
}

impl Tree {
    /// Opens the tree, which has at most `room` bytes.
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

    /// Returns the bytes of the tree, which is at the start of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.nodes * self.size.node()
    }

    /// Returns the data offset of an address's record; `None` without one.
    pub(super) fn find(&self, cursor: &mut Cursor<'_>, address: IpAddr) -> Result<Option<u64>, Fault> {
        let record = match address {
            IpAddr::V4(address) => self.walk(cursor, self.ipv4, u128::from(address.to_bits()) << 96, 32)?,
            IpAddr::V6(address) if self.wide => self.walk(cursor, 0, address.to_bits(), 128)?,
            IpAddr::V6(_) => return Ok(None),
        };
        if record == self.nodes {
            return Ok(None);
        }
        // Numbers above the node count are bytes: first of the separator, which is no target, then of the data.
        let place = record.checked_sub(self.nodes + SEPARATOR);
        place.map(Some).ok_or(Fault::broken("its search tree leads nowhere"))
    }

    /// Follows the first `length` bits until a leaf.
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
    /// Returns the bytes of a node.
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
            // The middle byte has the high four bits of both records, the left one's first.
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
