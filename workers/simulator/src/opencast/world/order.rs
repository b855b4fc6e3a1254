//! Permutations without memory, for the order of rows.

use crate::world::mix;

/// Maps `place` by a permutation of `0..count` chosen by `key`.
pub(in super::super) fn permuted(place: u64, count: u64, key: u64) -> u64 {
    // A Feistel network over an even number of bits; images outside the range are mapped again until they are inside.
    let half = (u64::BITS - count.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u64 << half) - 1;
    let mut image = place;
    loop {
        let (mut left, mut right) = (image >> half, image & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(mix(key, round), right) & mask));
        }
        image = left << half | right;
        if image < count {
            return image;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_taken_once_and_the_key_decides_by_whom() {
        for count in [1, 2, 3, 16, 17, 1_000] {
            let images = |key| (0..count).map(|place| permuted(place, count, key)).collect::<Vec<_>>();
            let mut sorted = images(5);
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..count), "{count}");
            assert_eq!(images(5), images(5));
            assert!(count < 16 || images(5) != images(6));
        }
    }
}
