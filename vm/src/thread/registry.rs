//! The threads of a VM that have not ended.
//!
//! Shards keep the locks short and apart: a thread enters the shard of its number when it is made
//! and leaves it when it ends. The registry holds a reference, so what it lists is alive; a thread
//! that can never run again is only freed when the VM is shut down and clears the registry.

use std::collections::HashMap;

use super::ThreadRef;
use crate::atomics::{AtomicU64, Mutex, Ordering};

const SHARDS: usize = 16;

/// All live threads of a VM.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    last_id: AtomicU64,
    shards: [Mutex<HashMap<u64, ThreadRef, IdHash>>; SHARDS],
}

impl Registry {
    /// A number that no thread of this VM has had.
    pub(crate) fn next_id(&self) -> u64 {
        // Relaxed: only the number itself matters.
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many threads this VM has made.
    pub(crate) fn made(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }

    fn shard(&self, id: u64) -> &Mutex<HashMap<u64, ThreadRef, IdHash>> {
        &self.shards[id as usize % SHARDS]
    }

    /// Enters a new thread.
    pub(crate) fn insert(&self, thread: ThreadRef) {
        self.shard(thread.id()).lock().insert(thread.id(), thread);
    }

    /// Takes out a thread that has ended.
    pub(crate) fn remove(&self, id: u64) {
        let removed = self.shard(id).lock().remove(&id);
        drop(removed);
    }

    /// The live thread of this number.
    pub(crate) fn get(&self, id: u64) -> Option<ThreadRef> {
        self.shard(id).lock().get(&id).cloned()
    }

    /// All live threads in the order of their creation.
    pub(crate) fn all(&self) -> Vec<ThreadRef> {
        let mut all: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>())
            .collect();
        all.sort_by_key(|thread| thread.id());
        all
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Takes all out.
    pub(crate) fn clear(&self) -> Vec<ThreadRef> {
        self.shards
            .iter()
            .flat_map(|shard| std::mem::take(&mut *shard.lock()).into_values())
            .collect()
    }
}

/// Thread numbers are given in order, so the number without its shard bits is a good hash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHash(u64);

impl std::hash::BuildHasher for IdHash {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl std::hash::Hasher for IdHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only thread numbers are hashed");
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (id / SHARDS as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
