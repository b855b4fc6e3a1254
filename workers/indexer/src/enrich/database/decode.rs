//! Decodes values of a data section with `serde`; skips fields that the target type lacks.

use std::str;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::data::{Data, DataType, Head};
use super::fault::Fault;

/// Maximum nesting of maps and arrays; existing files have five levels.
const DEEPEST: usize = 32;

/// Decodes the value at the position of `data`.
pub(super) fn decode<T: DeserializeOwned>(data: Data<'_, '_>) -> Result<T, Fault> {
    T::deserialize(&mut Decoder { data, depth: 0 })
}

struct Decoder<'c, 'b> {
    data: Data<'c, 'b>,
    depth: usize,
}

impl<'de> Deserializer<'de> for &mut Decoder<'_, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.value(|decoder, kind, size| decoder.visit(kind, size, visitor))
    }

    /// Always `Some`, because the format has no null.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.data.skip(1)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

impl Decoder<'_, '_> {
    /// Passes the next value, or the one it points to, to `taken`. A pointer to a pointer is an error, so that chains
    /// are finite.
    fn value<T>(
        &mut self,
        taken: impl FnOnce(&mut Self, DataType, usize) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let place = match self.data.head()? {
            Head::Value(kind, size) => return taken(self, kind, size),
            Head::Pointer(place) => place,
        };
        let back = self.data.go(place)?;
        let Head::Value(kind, size) = self.data.head()? else {
            return Err(Fault::broken("a pointer points to a pointer"));
        };
        let value = taken(self, kind, size)?;
        self.data.back(back);
        Ok(value)
    }

    fn visit<'de, V: Visitor<'de>>(
        &mut self,
        kind: DataType,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let fits = |right: bool| right.then_some(()).ok_or(Fault::broken("a number has a wrong size"));
        match kind {
            DataType::Text => visitor.visit_str(text(&self.data.bytes(size)?)?),
            DataType::Bytes => visitor.visit_bytes(&self.data.bytes(size)?),
            DataType::Bool => fits(size <= 1).and_then(|()| visitor.visit_bool(size == 1)),
            DataType::Double => {
                fits(size == 8)?;
                visitor.visit_f64(f64::from_bits(self.data.number(size)? as u64))
            }
            DataType::Float => {
                fits(size == 4)?;
                visitor.visit_f32(f32::from_bits(self.data.number(size)? as u32))
            }
            DataType::Signed => {
                fits(size <= 4)?;
                visitor.visit_i32((self.data.number(size)? as u32).cast_signed())
            }
            DataType::Unsigned(most) => {
                fits(size <= most)?;
                let number = self.data.number(size)?;
                if most > 8 { visitor.visit_u128(number) } else { visitor.visit_u64(number as u64) }
            }
            DataType::Map => self.within(|decoder| {
                let mut pairs = Rest { decoder, left: size };
                let value = visitor.visit_map(&mut pairs)?;
                let left = pairs.left.saturating_mul(2);
                decoder.data.skip(left).map(|()| value)
            }),
            DataType::Array => self.within(|decoder| {
                let mut values = Rest { decoder, left: size };
                let value = visitor.visit_seq(&mut values)?;
                let left = values.left;
                decoder.data.skip(left).map(|()| value)
            }),
        }
    }

    /// Runs `taken` one nesting level deeper.
    fn within<T>(&mut self, taken: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            return Err(Fault::broken("a record is too deep"));
        }
        self.depth += 1;
        let value = taken(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).map_err(|_| Fault::broken("a text is not UTF-8"))
}

/// The remaining entries of a map or an array. Reports no size hint, because a reader would allocate for it.
struct Rest<'d, 'c, 'b> {
    decoder: &'d mut Decoder<'c, 'b>,
    left: usize,
}

impl<'de> MapAccess<'de> for Rest<'_, '_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let key = self.decoder.value(|decoder, kind, size| {
            // serde would accept a number as a field's index.
            if kind != DataType::Text {
                return Err(Fault::broken("a key is no text"));
            }
            let key = decoder.data.bytes(size)?;
            let key: StrDeserializer<'_, Fault> = text(&key)?.into_deserializer();
            seed.deserialize(key)
        })?;
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.decoder)
    }
}

impl<'de> SeqAccess<'de> for Rest<'_, '_, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }
}
