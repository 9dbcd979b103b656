//! The next-slot: the thread a processor will run next.
//!
//! A thread that has just been made ready is likely to find its data, and its waker's, in this
//! processor's cache, so it goes into the slot instead of to the end of the queue. Only the owner
//! of the processor fills the slot; the owner and thieves empty it. One word says what the slot
//! holds and counts the fillings, so that a thief can tell whether what it sees is what it saw a
//! while ago.
//!
//! 1. *Fill*: nobody else touches what is EMPTY; FULL to BUSY by exchange. Write, store FULL with a new
//!    count. The store is a release.
//! 2. *Take*: FULL to BUSY by exchange, an acquire (partner of 1), read, store EMPTY. The store is
//!    a release: partner of the look in 1, so that the next filling comes after the reading.
//! 3. Nobody waits for BUSY: a taker goes away with nothing, a filler uses the run queue. A thief
//!    that the kernel stops between the two steps delays nobody.
//!
//! Rejected: a lock (two exchanges where one does), a plain field that is moved to the queue before
//! each call (a thread made ready by one that goes on computing could not be stolen).

#![expect(unsafe_code, reason = "the slot's word is the lock of the cell beside it")]

use crate::atomics::{AtomicU64, Ordering, Spot, UnsafeCell, order};

const EMPTY: u64 = 0;
const FULL: u64 = 1;
const BUSY: u64 = 2;
const STATE: u64 = 3;
const ONE: u64 = 4;

/// A place for one thread.
pub(super) struct NextSlot<T> {
    word: AtomicU64,
    item: UnsafeCell<Option<T>>,
}

/// One filling of a slot, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filling(u64);

// SAFETY: the cell is touched only between winning the exchange to BUSY and the store that ends
// it, so by one thread at a time and in the order of the word. That moves a `T` from one thread to
// another and never shares it.
unsafe impl<T: Send> Sync for NextSlot<T> {}

impl<T> NextSlot<T> {
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(EMPTY), item: UnsafeCell::new(None) }
    }

    /// Puts `item` in and returns what must go to the queue instead: what was in the slot, or
    /// `item` itself if a thief is busy with the slot. Step 1.
    pub(super) fn fill(&self, item: T) -> Option<T> {
        // Acquire: partner of the store that ended the taking before.
        let seen = self.word.load(order(Spot::SlotSeen, Ordering::Acquire));
        if seen & STATE != EMPTY && (seen & STATE == BUSY || !self.lock(seen, Ordering::Acquire)) {
            return Some(item);
        }
        // SAFETY: the word is EMPTY, or BUSY by our exchange, so the cell is ours until we store FULL.
        let old = self.item.with_mut(|cell| unsafe { (*cell).replace(item) });
        let full = ((seen & !STATE).wrapping_add(ONE)) | FULL;
        self.word.store(full, order(Spot::SlotFill, Ordering::Release));
        old
    }

    /// Takes what is there. Step 2.
    #[inline]
    pub(super) fn take(&self) -> Option<T> {
        // Relaxed: the exchange decides.
        let seen = self.word.load(Ordering::Relaxed);
        if seen & STATE == FULL { self.take_filling(Filling(seen)) } else { None }
    }

    /// Takes what is there if it is what `filling` saw.
    pub(super) fn take_filling(&self, filling: Filling) -> Option<T> {
        let Filling(seen) = filling;
        if !self.lock(seen, order(Spot::SlotTake, Ordering::Acquire)) {
            return None;
        }
        // SAFETY: the word is BUSY by our exchange, so the cell is ours until we store EMPTY.
        let item = self.item.with_mut(|cell| unsafe { (*cell).take() });
        self.word.store((seen & !STATE) | EMPTY, Ordering::Release);
        item
    }

    /// What is there, if anything.
    pub(super) fn look(&self) -> Option<Filling> {
        let seen = self.word.load(Ordering::Relaxed);
        (seen & STATE == FULL).then_some(Filling(seen))
    }

    fn lock(&self, seen: u64, argued: Ordering) -> bool {
        let busy = (seen & !STATE) | BUSY;
        self.word.compare_exchange(seen, busy, argued, Ordering::Relaxed).is_ok()
    }
}
