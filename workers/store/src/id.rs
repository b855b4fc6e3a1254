//! Document ids. Search engines refuse ids of more than 512 bytes, so longer ids are shortened.

/// Maximum bytes of an id that stays unchanged.
const LONGEST: usize = 400;
/// Bytes of a longer id that stay in front of its hash.
const KEPT: usize = 300;

/// Replaces an id that is too long by its start and a hash of the whole, stable across machines and releases. Returns
/// `None` if the id is short enough.
pub(crate) fn shortened(id: &str) -> Option<String> {
    if id.len() <= LONGEST {
        return None;
    }
    let mut end = KEPT;
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    Some(format!("{}:{:032x}", &id[..end], fnv(id.as_bytes())))
}

/// 128-bit FNV-1a.
fn fnv(bytes: &[u8]) -> u128 {
    let step =
        |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_id_is_shortened_and_that_once() {
        assert_eq!(shortened(&"x".repeat(400)), None);
        let (one, other) = (format!("{}a", "x".repeat(10_000)), format!("{}b", "x".repeat(10_000)));
        let short = shortened(&one).unwrap();
        assert!(short.len() == 333 && short.starts_with(&"x".repeat(300)), "{short}");
        assert_ne!(short, shortened(&other).unwrap());
        assert_eq!(shortened(&short), None);
        let wide = shortened(&"€".repeat(1_000)).unwrap();
        assert!(wide.len() <= 400 && wide.starts_with('€'), "{wide}");
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
