//! The park word: where a thread's going to sleep meets its being woken.
//!
//! One per user thread, written only here. States and who moves them:
//!
//! ```text
//!            start (LWP)            park (LWP)
//!   READY ───────────────► RUNNING ────────────► PARKED
//!     ▲ ▲                   │   │                   │
//!     │ └──── stop (LWP) ───┘   │ ready (waker)     │ ready (waker)
//!     │                         ▼                   │
//!     ├───── park (LWP) ───── WOKEN                 │
//!     └─────────────────────────────────────────────┘
//! ```
//!
//! The race it settles: the thread registers itself with whatever will wake it while it still runs,
//! so a waker can be faster than the LWP that takes note of the park.
//!
//! 1. The LWP moves READY to RUNNING and runs the thread, which registers its wait and returns.
//! 2. The LWP tries RUNNING to PARKED. That exchange is a release: all that the thread did in its
//!    slice comes before it. From then on the LWP must not touch the thread.
//! 3. A waker that finds PARKED moves it to READY and now has the only right to queue the thread.
//!    That exchange is an acquire (partner of 2) and, through the run queue's own order, hands the
//!    thread's state to the LWP that runs it next.
//! 4. A waker that finds RUNNING moves it to WOKEN and does nothing more. That exchange is a
//!    release, because the waker may have left a value for the thread; the failing exchange of 2,
//!    an acquire, is its partner. The LWP then queues the thread itself.
//!
//! There is at most one waker per wait (whoever won the claim of it), so `ready` in any other state
//! is a bug of the caller; it is reported in debug builds and does nothing in others.

use crate::atomics::{AtomicU8, Ordering, Spot, order, sound};

const READY: u8 = 0;
const RUNNING: u8 = 1;
const PARKED: u8 = 2;
const WOKEN: u8 = 3;

/// The state of a user thread as the scheduler sees it.
#[derive(Debug)]
pub struct ParkWord(AtomicU8);

/// What [`ParkWord::park`] came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Park {
    /// The thread is parked, and no longer the caller's to touch.
    Parked,
    /// It was made ready meanwhile: the caller queues it.
    Woken,
}

/// What [`ParkWord::ready`] came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// The thread was parked: the caller queues it.
    Queue,
    /// It is still running: its LWP will see the wake-up.
    Noted,
}

impl ParkWord {
    /// The word of a thread that has not run yet.
    pub fn new() -> Self {
        Self(AtomicU8::new(READY))
    }

    /// The thread begins to run.
    pub(super) fn start(&self) {
        debug_assert_eq!(self.0.load(Ordering::Relaxed), READY, "a queued thread is ready");
        // Relaxed: nobody else writes a ready thread's word, and whoever wakes it learnt of the
        // wait through something the thread published later.
        self.0.store(RUNNING, Ordering::Relaxed);
    }

    /// The thread stops running but stays runnable.
    pub(super) fn stop(&self) {
        debug_assert_eq!(self.0.load(Ordering::Relaxed), RUNNING, "woken without a wait");
        // Relaxed: the queue it goes to publishes the thread.
        self.0.store(READY, Ordering::Relaxed);
    }

    /// The thread said that it waits. Steps 2 and 4.
    pub(super) fn park(&self) -> Park {
        let noted = self.0.compare_exchange(
            RUNNING,
            PARKED,
            // Release: partner of the acquire in `ready`.
            order(Spot::Park, Ordering::Release),
            // Acquire: partner of the release in `ready` that noted the wake-up.
            order(Spot::ParkWoken, Ordering::Acquire),
        );
        match noted {
            Ok(_) => Park::Parked,
            Err(state) => {
                debug_assert_eq!(state, WOKEN, "a running thread is running or woken");
                self.0.store(READY, Ordering::Relaxed);
                Park::Woken
            }
        }
    }

    /// The wait is over. Steps 3 and 4.
    pub(super) fn ready(&self) -> Ready {
        let argued = order(Spot::Ready, Ordering::AcqRel);
        let mut seen = PARKED;
        loop {
            let next = if seen == PARKED { READY } else { WOKEN };
            match self.0.compare_exchange(seen, next, argued, Ordering::Relaxed) {
                Ok(PARKED) => return Ready::Queue,
                Ok(_) => return Ready::Noted,
                Err(state @ (RUNNING | PARKED)) => seen = state,
                Err(state) => {
                    debug_assert!(!sound(Spot::Ready), "ready in state {state}: woken twice");
                    return Ready::Noted;
                }
            }
        }
    }

    /// Is the thread parked at this moment?
    #[cfg(test)]
    pub fn is_parked(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PARKED
    }
}

impl Default for ParkWord {
    fn default() -> Self {
        Self::new()
    }
}
