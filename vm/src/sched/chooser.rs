//! Every random choice of the scheduler, and of what runs on it, is made here.
//!
//! One chooser per processor, owned with it, all derived from one seed: two runs with the same seed
//! draw the same numbers. SplitMix64 (Steele, Lea and Flood, 2014): one addition and three
//! multiplications per number, full period, no state to seed badly.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A seeded source of choices.
#[derive(Clone, Debug)]
pub struct Chooser(u64);

impl Chooser {
    /// The chooser that `seed` stands for.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed nobody chose.
    pub(super) fn fresh_seed() -> u64 {
        RandomState::new().build_hasher().finish()
    }

    /// The chooser of processor `id` under `seed`: neighbours get unrelated streams.
    pub(super) fn of_processor(seed: u64, id: usize) -> Self {
        let mut mixer = Self(seed ^ (id as u64).wrapping_mul(0xa076_1d64_78bd_642f));
        Self(mixer.next_u64())
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0. The bias of at most `n` in 2^64 does not matter here.
    pub fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.next_u64()) * n as u128;
        (wide >> 64) as usize
    }
}
