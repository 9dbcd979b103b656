//! The park word: where a thread's going to sleep meets its being woken.
//!
//! A thread registers itself with whatever will wake it while an LWP still runs it, so a waker can be
//! faster than the LWP. It queues the thread all the same; whoever takes that from the queue waits
//! until the other LWP has put it down. One word for each user thread, written only here:
//!
//! ```text
//!             take_up (LWP)
//!   DOWN ─────────────────────► IN_HAND
//!     ▲                            │
//!     └────── put_down (LWP) ──────┘
//! ```
//!
//! 1. An LWP puts a thread down when that has registered its wait and returned, or before it queues it
//!    itself. The store is a release: all that the thread did in its slice comes before it. From then on
//!    the LWP must not touch the thread.
//! 2. There is one waker for each wait (whoever won the claim of it), and it queues the thread once,
//!    whatever the word says. So a thread is in one queue at most, and one LWP at a time may take it up.
//! 3. An LWP that takes a thread up finds DOWN by a load, an acquire (partner of 1), and stores IN_HAND.
//!    Nobody else writes the word meanwhile, by 2, so no exchange is needed.
//! 4. If it finds IN_HAND the thread is about to be put down: between its registration and that there is
//!    nothing that waits. Only the kernel may delay the other LWP, so this one looks a few times, and
//!    then queues the thread again and runs others.
//!
//! What a waker leaves for the thread reaches it through the run queue's own order.
//!
//! Rejected: a third state for a thread that is woken before it is down, which the waker leaves for the
//! LWP to queue. It takes an exchange on either side, of each wait; and those, of all that a switch does,
//! cost the most.

use crate::atomics::{AtomicBool, Ordering, Spot, order, thread};

/// How often an LWP looks whether a thread has been put down.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 100 };

/// Has an LWP the user thread in hand?
#[derive(Debug)]
pub struct ParkWord(AtomicBool);

impl ParkWord {
    /// The word of a thread that has not run yet.
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The thread is about to run. False when another LWP has still to put it down. Steps 3 and 4.
    #[inline(always)]
    pub(super) fn take_up(&self) -> bool {
        if self.in_hand() && !self.comes_down() {
            return false;
        }
        // Relaxed: nobody reads it before the thread is queued again, which publishes it.
        self.0.store(true, Ordering::Relaxed);
        true
    }

    /// The thread stops running. Step 1.
    #[inline(always)]
    pub(super) fn put_down(&self) {
        debug_assert!(self.0.load(Ordering::Relaxed), "what is put down was in hand");
        // Release: partner of the acquire in `in_hand`.
        self.0.store(false, order(Spot::Park, Ordering::Release));
    }

    fn in_hand(&self) -> bool {
        // Acquire: partner of the release in `put_down`.
        self.0.load(order(Spot::TakeUp, Ordering::Acquire))
    }

    #[cold]
    fn comes_down(&self) -> bool {
        (0..LOOKS).any(|_| {
            thread::spin();
            !self.in_hand()
        })
    }
}

impl Default for ParkWord {
    fn default() -> Self {
        Self::new()
    }
}
