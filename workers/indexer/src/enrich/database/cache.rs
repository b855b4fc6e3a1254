//! The blocks of a file that were asked for last, as many as there is room for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blocks::Block;

/// A block has its place in one of so many sets, so that threads seldom wait for each other: 2 to the power of this.
const SETS: u32 = 6;
/// A set keeps so many blocks; all sets, 2 MiB.
const WAYS: usize = 8;

/// A cache of `2^SETS * WAYS` blocks. Of each set, the block that was not asked for the longest goes first.
pub(super) struct Cache {
    sets: Box<[Mutex<Vec<Kept>>]>,
}

struct Kept {
    number: u64,
    block: Block,
}

impl Default for Cache {
    fn default() -> Self {
        Self { sets: (0..1 << SETS).map(|_| Mutex::default()).collect() }
    }
}

impl Cache {
    pub(super) fn get(&self, number: u64) -> Option<Block> {
        let mut set = self.set(number);
        let place = set.iter().position(|kept| kept.number == number)?;
        set[..=place].rotate_right(1);
        Some(Block::clone(&set[0].block))
    }

    pub(super) fn insert(&self, number: u64, block: Block) {
        let mut set = self.set(number);
        // Two threads may have read the same block.
        if set.iter().any(|kept| kept.number == number) {
            return;
        }
        set.truncate(WAYS - 1);
        set.insert(0, Kept { number, block });
    }

    fn set(&self, number: u64) -> MutexGuard<'_, Vec<Kept>> {
        // Neighbours, and what lies at a round distance, come into different sets (Fibonacci hashing).
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SETS);
        let set = &self.sets[usize::try_from(hash).unwrap_or_default()];
        set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of all blocks that are kept.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let sets = self.sets.iter().map(|set| set.lock().unwrap());
        sets.map(|set| set.iter().map(|kept| kept.block.len()).sum::<usize>()).sum()
    }
}

/// The most that [`Cache::bytes`] can be.
#[cfg(test)]
pub(super) const MOST: usize = (1 << SETS) * WAYS * super::blocks::BLOCK;
