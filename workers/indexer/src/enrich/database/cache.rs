//! A bounded cache of the last used blocks of a file.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blocks::Block;

/// Number of sets, as a power of 2. Each set has its own lock, so that threads seldom wait.
const SETS: u32 = 6;
/// Blocks per set; 2 MiB over all sets.
const WAYS: usize = 8;

/// A cache of `2^SETS * WAYS` blocks. Each set evicts its least recently used block.
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
        // Fibonacci hashing puts neighbours, and blocks at regular distances, into different sets.
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SETS);
        let set = &self.sets[usize::try_from(hash).unwrap_or_default()];
        set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the bytes of all cached blocks.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let sets = self.sets.iter().map(|set| set.lock().unwrap());
        sets.map(|set| set.iter().map(|kept| kept.block.len()).sum::<usize>()).sum()
    }
}

/// Maximum of [`Cache::bytes`].
#[cfg(test)]
pub(super) const MOST: usize = (1 << SETS) * WAYS * super::blocks::BLOCK;
