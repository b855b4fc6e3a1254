//! Addressable randomness: a value is a function of its position, so nothing needs to be stored.

/// Mixes a key and a position into 64 well-distributed bits.
pub(crate) fn mix(key: u64, position: u64) -> u64 {
    let mut z = key ^ position.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hashes bytes with a key.
pub(crate) fn hash(key: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(mix(key, bytes.len() as u64), |state, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(state, u64::from_le_bytes(word))
    })
}

/// Maps 64 bits to [0, 1).
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns true for a share `rate` of all positions.
pub(crate) fn chance(key: u64, position: u64, rate: f64) -> bool {
    unit(mix(key, position)) < rate
}

/// Picks an item of a non-empty list.
pub(crate) fn pick<T: Copy>(items: &[T], bits: u64) -> T {
    items[(bits % items.len() as u64) as usize]
}
