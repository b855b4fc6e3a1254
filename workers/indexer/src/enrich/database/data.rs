//! Reads the values of a data section (section "Output Data Section") sequentially, within the bounds of the section
//! and of a record's size. Independent of the values' meaning.

use std::borrow::Cow;

use super::blocks::Cursor;
use super::fault::Fault;

/// Maximum values per record, including skipped ones: pointers can make a small file a large record.
const VALUES: u32 = 16_384;
/// Maximum bytes of all texts read of a record.
const TEXTS: usize = 1 << 20;

/// Position of a data section in the file. Pointers are relative to its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// Header of the next value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Head {
    /// The value is at this offset.
    Pointer(u64),
    Value(DataType, usize),
}

/// Type of a value. Its size is in bytes, unless noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    Text,
    Double,
    Bytes,
    /// Maximum bytes: 2, 4, 8 or 16.
    Unsigned(usize),
    Signed,
    /// Size in pairs.
    Map,
    /// Size in values.
    Array,
    /// The size is the value.
    Bool,
    Float,
}

/// A position in the data, and the limits left for this record.
pub(super) struct Data<'c, 'b> {
    cursor: &'c mut Cursor<'b>,
    section: Section,
    at: u64,
    values: u32,
    texts: usize,
}

impl<'c, 'b> Data<'c, 'b> {
    /// Starts at `place`, relative to the section's start.
    pub(super) fn new(cursor: &'c mut Cursor<'b>, section: Section, place: u64) -> Result<Self, Fault> {
        let mut data = Self { cursor, section, at: section.begin, values: VALUES, texts: TEXTS };
        data.go(place)?;
        Ok(data)
    }

    /// Moves to `place`, relative to the section's start, and returns the previous position.
    pub(super) fn go(&mut self, place: u64) -> Result<Back, Fault> {
        let at = self.section.begin.saturating_add(place);
        if at >= self.section.end {
            return Err(Fault::broken("it points behind its end"));
        }
        Ok(Back(std::mem::replace(&mut self.at, at)))
    }

    /// Returns to the position of a pointer.
    pub(super) fn back(&mut self, back: Back) {
        self.at = back.0;
    }

    /// Reads the control bytes of the next value (section "Data Field Format").
    pub(super) fn head(&mut self) -> Result<Head, Fault> {
        self.values = self.values.checked_sub(1).ok_or(Fault::broken("a record is too large"))?;
        let control = self.byte()?;
        let kind = match control >> 5 {
            // Extended type: the next byte plus 7. Types up to 7 are never extended.
            0 => self.byte()?.checked_add(7).filter(|kind| *kind > 7).unwrap_or_default(),
            1 => return self.pointer(control),
            kind => kind,
        };
        let kind = match kind {
            2 => DataType::Text,
            3 => DataType::Double,
            4 => DataType::Bytes,
            5 => DataType::Unsigned(2),
            6 => DataType::Unsigned(4),
            7 => DataType::Map,
            8 => DataType::Signed,
            9 => DataType::Unsigned(8),
            10 => DataType::Unsigned(16),
            11 => DataType::Array,
            14 => DataType::Bool,
            15 => DataType::Float,
            // 12 and 13 do not occur in files, and higher ones are undefined.
            _ => return Err(Fault::broken("a value is of no known type")),
        };
        // Sizes from 29 are in the next bytes, minus the maximum of shorter encodings.
        let size = match control & 0x1f {
            29 => 29 + self.number(1)?,
            30 => 285 + self.number(2)?,
            31 => 65_821 + self.number(3)?,
            size => size.into(),
        };
        Ok(Head::Value(kind, size as usize))
    }

    /// Reads a pointer: bits 3 and 4 are its size, the three bits below are the high bits (section "Pointer").
    fn pointer(&mut self, control: u8) -> Result<Head, Fault> {
        let high = u64::from(control & 0x7);
        let place = match control >> 3 & 0x3 {
            0 => high << 8 | self.number(1)? as u64,
            1 => 2_048 + (high << 16 | self.number(2)? as u64),
            2 => 526_336 + (high << 24 | self.number(3)? as u64),
            _ => self.number(4)? as u64,
        };
        Ok(Head::Pointer(place))
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let at = self.take(1)?;
        let [byte] = self.cursor.bytes(at)?;
        Ok(byte)
    }

    /// Reads a number of `size` bytes, 16 at most. Leading zeros may be omitted, so it may be shorter than its type.
    pub(super) fn number(&mut self, size: usize) -> Result<u128, Fault> {
        let mut at = self.take(size)?;
        let (end, mut number) = (self.at, 0);
        while at < end {
            let piece = self.cursor.piece(at, (end - at) as usize)?;
            number = piece.iter().fold(number, |number, byte| number << 8 | u128::from(*byte));
            at += piece.len() as u64;
        }
        Ok(number)
    }

    /// Returns the next `size` bytes. Bytes across blocks are collected as they are read, so that a false size
    /// allocates no memory.
    pub(super) fn bytes(&mut self, size: usize) -> Result<Cow<'_, [u8]>, Fault> {
        let mut at = self.take(size)?;
        self.texts =
            self.texts.checked_sub(size).ok_or(Fault::broken("the texts of a record are too large"))?;
        if size == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        if Cursor::is_piece(at, size) {
            return Ok(Cow::Borrowed(self.cursor.piece(at, size)?));
        }
        let mut bytes = Vec::new();
        while at < self.at {
            let piece = self.cursor.piece(at, (self.at - at) as usize)?;
            bytes.extend_from_slice(piece);
            at += piece.len() as u64;
        }
        Ok(Cow::Owned(bytes))
    }

    /// Skips values without interpreting them or following their pointers.
    pub(super) fn skip(&mut self, values: usize) -> Result<(), Fault> {
        let mut left = values;
        while left > 0 {
            left -= 1;
            match self.head()? {
                Head::Pointer(_) | Head::Value(DataType::Bool, _) => {}
                Head::Value(DataType::Map, pairs) => left = left.saturating_add(pairs.saturating_mul(2)),
                Head::Value(DataType::Array, values) => left = left.saturating_add(values),
                Head::Value(_, size) => _ = self.take(size)?,
            }
        }
        Ok(())
    }

    /// Skips `size` bytes and returns their start.
    fn take(&mut self, size: usize) -> Result<u64, Fault> {
        let end = self.at.saturating_add(size as u64);
        if end > self.section.end {
            return Err(Fault::broken("a value is larger than the file"));
        }
        Ok(std::mem::replace(&mut self.at, end))
    }
}

/// Position of a followed pointer.
#[derive(Debug)]
pub(super) struct Back(u64);
