//! The threads of a VM that have not ended.
//!
//! Shards keep the locks short and apart: a thread takes a seat in the shard of its number when it is
//! made and leaves it when it ends. The registry holds a reference, so what it lists is alive; a
//! thread that can never run again is only freed when the VM is shut down and clears the registry.
//!
//! A thread notes its seat in its record, so nothing is looked for when it ends. Who asks for one by
//! its number looks through a shard: that is for people.

use super::ThreadRef;
use crate::atomics::{AtomicU64, Mutex, Ordering};

const SHARDS: usize = 16;

/// All live threads of a VM.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    last_id: AtomicU64,
    shards: [Mutex<Shard>; SHARDS],
}

/// Aligned so that two who use different ones do not write to one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    seats: Vec<Option<ThreadRef>>,
    /// The empty ones.
    empty: Vec<u32>,
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

    fn shard(&self, id: u64) -> &Mutex<Shard> {
        &self.shards[id as usize % SHARDS]
    }

    /// Enters a new thread.
    #[inline(always)]
    pub(crate) fn insert(&self, thread: ThreadRef) {
        let mut shard = self.shard(thread.id()).lock();
        let seat = shard.empty.pop().unwrap_or_else(|| {
            shard.seats.push(None);
            u32::try_from(shard.seats.len() - 1).expect("threads are fewer than 2^36")
        });
        thread.set_seat(seat);
        shard.seats[seat as usize] = Some(thread);
    }

    /// Takes out a thread that has ended.
    pub(crate) fn remove(&self, thread: &ThreadRef) {
        let mut shard = self.shard(thread.id()).lock();
        let removed = shard
            .seats
            .get_mut(thread.seat() as usize)
            .and_then(|seat| seat.take_if(|seated| seated == thread));
        if removed.is_some() {
            shard.empty.push(thread.seat());
        }
        drop(shard);
        drop(removed);
    }

    /// The live thread of this number.
    pub(crate) fn get(&self, id: u64) -> Option<ThreadRef> {
        let shard = self.shard(id).lock();
        shard.seats.iter().flatten().find(|thread| thread.id() == id).cloned()
    }

    /// All live threads in the order of their creation.
    pub(crate) fn all(&self) -> Vec<ThreadRef> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().seats.iter().flatten().cloned());
        }
        all.sort_by_key(|thread| thread.id());
        all
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let taken = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            shard.seats.len() - shard.empty.len()
        };
        self.shards.iter().map(taken).sum()
    }

    /// Takes all out.
    pub(crate) fn clear(&self) -> Vec<ThreadRef> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = std::mem::take(&mut *shard.lock());
            all.extend(shard.seats.into_iter().flatten());
        }
        all
    }
}
