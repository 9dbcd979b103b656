//! The threads of a VM that have not ended.
//!
//! They sit in shards: those that a thread makes in that of the processor on which it runs, those that the
//! host makes in one of their own. So who makes threads, and ends them, is most often alone at a shard, whose
//! lock is for that ([`Biased`]).
//! The registry holds a reference, so what it lists is alive; a thread that can never run again is
//! only freed when the VM is shut down and clears the registry.
//!
//! A thread notes its seat in its record, so nothing is looked for when it ends. Who asks for one by
//! its number looks through all shards: that is for people.
//!
//! # The last one
//!
//! A shard counts its threads under its lock, those in the background apart. Of each kind exactly one thread
//! that ends is the *last*: when it has been taken out there is none in any shard.
//!
//! - Who takes the only one of its kind out of a shard does so with all shards locked, and counts.
//! - It need not if the host's shard has one of that kind, which it sees under the lock of its own shard:
//!   that one is then taken out by somebody who locks all shards, hence after this. While the main thread of
//!   a program lives nobody looks further.

#![expect(unsafe_code, reason = "who runs a thread holds its processor")]

use std::sync::atomic::Ordering::Relaxed;

use super::ThreadRef;
use crate::atomics::{AtomicU64, AtomicUsize, Biased, BiasedGuard, Spot, sound};

/// The first one is the host's.
const SHARDS: usize = if cfg!(loom) { 3 } else { 32 };

/// Whose shard a thread belongs to that the host makes.
pub(crate) const HOST: u8 = 0;

/// The shard of what is made on this processor.
pub(crate) fn shard_of(processor: usize) -> u8 {
    // There are few enough.
    (1 + processor % (SHARDS - 1)) as u8
}

/// Whoever runs a thread on a processor: it owns that processor's shard, if no other one has the same.
#[derive(Clone, Copy)]
pub(crate) struct Owner(Option<u8>);

impl Owner {
    /// Nobody in particular.
    pub(crate) const NONE: Self = Self(None);

    /// # Safety
    /// The caller holds the processor of this number, of so many, as long as it uses this.
    pub(crate) unsafe fn new(processor: usize, of: usize) -> Self {
        Self((of < SHARDS).then(|| shard_of(processor)))
    }
}

/// What is listed.
pub(crate) trait Listed: Clone + PartialEq {
    /// Its number.
    fn id(&self) -> u64;
    /// Does it not keep the program alive?
    fn background(&self) -> bool;
    /// Its shard.
    fn shard(&self) -> u8;
    /// Its seat there.
    fn seat(&self) -> u32;
    /// Gives it one.
    fn set_seat(&self, seat: u32);
}

/// All live threads of a VM.
pub(crate) struct Registry<T = ThreadRef> {
    last_id: AtomicU64,
    shards: [Shard<T>; SHARDS],
}

/// Aligned so that two who use different ones do not write to one cache line.
#[repr(align(128))]
struct Shard<T> {
    seats: Biased<Seats<T>>,
    /// How many are seated, and in the background. Written under the lock.
    live: [AtomicUsize; 2],
}

struct Seats<T> {
    all: Vec<Option<T>>,
    /// The empty ones.
    empty: Vec<u32>,
}

/// What came of taking a thread out.
#[derive(Debug)]
pub(crate) struct Removed<T> {
    /// The registry's reference, if it had one.
    pub(crate) thread: Option<T>,
    /// It was the last: of those in the background, or of the others.
    pub(crate) last: bool,
}

impl<T: Listed> Registry<T> {
    /// A number that no thread of this VM has had.
    pub(crate) fn next_id(&self) -> u64 {
        // Relaxed: only the number itself matters.
        self.last_id.fetch_add(1, Relaxed) + 1
    }

    /// How many threads this VM has made.
    pub(crate) fn made(&self) -> u64 {
        self.last_id.load(Relaxed)
    }

    fn shard(&self, thread: &T) -> &Shard<T> {
        &self.shards[usize::from(thread.shard()) % SHARDS]
    }

    /// Enters a new thread.
    #[inline(always)]
    pub(crate) fn insert(&self, thread: T, by: Owner) {
        let shard = self.shard(&thread);
        let mut seats = shard.lock(&thread, by);
        shard.count(&thread, |live| live + 1);
        let seat = seats.empty.pop().unwrap_or_else(|| {
            seats.all.push(None);
            u32::try_from(seats.all.len() - 1).expect("threads are fewer than 2^32")
        });
        thread.set_seat(seat);
        seats.all[seat as usize] = Some(thread);
    }

    /// Takes out a thread that has ended.
    #[inline(always)]
    pub(crate) fn remove(&self, thread: &T, by: Owner) -> Removed<T> {
        let shard = self.shard(thread);
        let mut seats = shard.lock(thread, by);
        let others = shard.live(thread) > 1
            || thread.shard() != HOST && self.shards[usize::from(HOST)].live(thread) != 0;
        if !others && sound(Spot::RegistryAll) {
            drop(seats);
            return self.remove_with_all(thread);
        }
        let thread = shard.take_out(&mut seats, thread);
        Removed { thread, last: !others }
    }

    /// The same, of the only one of its kind in its shard.
    #[cold]
    fn remove_with_all(&self, thread: &T) -> Removed<T> {
        let mut locked = self.lock_all();
        let shard = self.shard(thread);
        let removed = shard.take_out(&mut locked[usize::from(thread.shard()) % SHARDS], thread);
        let last = removed.is_some() && self.shards.iter().all(|shard| shard.live(thread) == 0);
        Removed { thread: removed, last }
    }

    fn lock_all(&self) -> [BiasedGuard<'_, Seats<T>>; SHARDS] {
        // In the order of their numbers, and nobody else locks two.
        self.shards.each_ref().map(|shard| shard.seats.lock())
    }

    /// The live thread of this number.
    pub(crate) fn get(&self, id: u64) -> Option<T> {
        self.shards.iter().find_map(|shard| {
            let seats = shard.seats.lock();
            seats.all.iter().flatten().find(|thread| thread.id() == id).cloned()
        })
    }

    /// All live threads in the order of their creation.
    pub(crate) fn all(&self) -> Vec<T> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(shard.seats.lock().all.iter().flatten().cloned());
        }
        all.sort_by_key(T::id);
        all
    }

    /// How many there are at this moment.
    pub(crate) fn len(&self) -> usize {
        let _locked = self.lock_all();
        self.shards.iter().flat_map(|shard| &shard.live).map(|live| live.load(Relaxed)).sum()
    }

    /// Takes all out.
    pub(crate) fn clear(&self) -> Vec<T> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut seats = shard.seats.lock();
            shard.live.iter().for_each(|live| live.store(0, Relaxed));
            all.extend(std::mem::take(&mut *seats).all.into_iter().flatten());
        }
        all
    }
}

impl<T: Listed> Shard<T> {
    #[inline(always)]
    fn lock(&self, thread: &T, by: Owner) -> BiasedGuard<'_, Seats<T>> {
        if by.0 == Some(thread.shard()) {
            // SAFETY: by the promise to `Owner::new`.
            unsafe { self.seats.lock_own() }
        } else {
            self.seats.lock()
        }
    }

    /// How many of the kind of this one there are.
    fn live(&self, thread: &T) -> usize {
        // Relaxed: the locks order. Who reads it without the shard's is told by the module's text.
        self.live[usize::from(thread.background())].load(Relaxed)
    }

    /// Under the lock.
    fn count(&self, thread: &T, next: impl FnOnce(usize) -> usize) {
        let live = &self.live[usize::from(thread.background())];
        live.store(next(live.load(Relaxed)), Relaxed);
    }

    fn take_out(&self, seats: &mut Seats<T>, thread: &T) -> Option<T> {
        let seat = seats.all.get_mut(thread.seat() as usize)?;
        let removed = seat.take_if(|seated| seated == thread)?;
        seats.empty.push(thread.seat());
        self.count(thread, |live| live - 1);
        Some(removed)
    }
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { last_id: AtomicU64::new(0), shards: std::array::from_fn(|_| Shard::default()) }
    }
}

impl<T> Default for Shard<T> {
    fn default() -> Self {
        let live = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Self { seats: Biased::new(Seats::default()), live }
    }
}

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self { all: Vec::new(), empty: Vec::new() }
    }
}

#[cfg(all(test, loom))]
mod models {
    //! Threads that start and end each other: exactly one of them is the last.

    use std::sync::Arc;

    use super::*;
    use crate::models::{check, must_fail};

    #[derive(Clone)]
    struct Thread(Arc<(u8, AtomicU64)>);

    impl PartialEq for Thread {
        fn eq(&self, other: &Self) -> bool {
            Arc::ptr_eq(&self.0, &other.0)
        }
    }

    impl Thread {
        fn new(shard: u8) -> Self {
            Self(Arc::new((shard, AtomicU64::new(0))))
        }
    }

    impl Listed for Thread {
        fn id(&self) -> u64 {
            0
        }

        fn background(&self) -> bool {
            false
        }

        fn shard(&self) -> u8 {
            self.0.0
        }

        fn seat(&self) -> u32 {
            self.0.1.load(Relaxed) as u32
        }

        fn set_seat(&self, seat: u32) {
            self.0.1.store(u64::from(seat), Relaxed);
        }
    }

    fn start(registry: &Registry<Thread>, shard: u8, by: Owner) -> Thread {
        let thread = Thread::new(shard);
        registry.insert(thread.clone(), by);
        thread
    }

    fn end(registry: &Registry<Thread>, thread: &Thread, by: Owner) -> usize {
        let removed = registry.remove(thread, by);
        assert!(removed.thread.is_some());
        usize::from(removed.last)
    }

    /// The main thread starts another one and ends; that starts a third on another processor and
    /// ends, while the third ends.
    fn three_end() {
        check(|| {
            let registry = Arc::new(Registry::<Thread>::default());
            let main = start(&registry, HOST, Owner::NONE);
            let second = start(&registry, 1, Owner::NONE);
            let theirs = registry.clone();
            let other = loom::thread::spawn(move || {
                // SAFETY: nobody else has processor 1.
                let owner = unsafe { Owner::new(1, 2) };
                let third = start(&theirs, 2, owner);
                let last = end(&theirs, &second, owner);
                last + end(&theirs, &third, owner)
            });
            let last = end(&registry, &main, Owner::NONE);
            assert_eq!(last + other.join().unwrap(), 1);
            assert_eq!(registry.len(), 0);
        });
    }

    #[test]
    fn one_is_the_last_model() {
        three_end();
    }

    #[test]
    fn last_mutant_model() {
        must_fail(Spot::RegistryAll, three_end);
    }
}
