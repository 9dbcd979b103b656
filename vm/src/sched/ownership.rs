//! Who owns a processor.
//!
//! An [`Owned<T>`] is one atomic word and the `T` it guards. The word says who may touch the `T`,
//! and every way of becoming that one is an exchange which a single contender wins:
//!
//! ```text
//!          grant(n)             adopt by n              enter
//!   Idle ──────────► Granted(n) ──────────► Running(n) ──────► InCall(n, epoch+1)
//!    ▲                                       │  ▲                │         │
//!    ├────────────── release ────────────────┘  └──── leave ─────┘         │
//!    └────────────────────────────── take ─────────────────────────────────┘
//!   Running(n) ── pass to m ──► Granted(m)
//!   Running(n) ── stop ──► Stopped
//! ```
//!
//! 1. *Enter a call*: the owner stores InCall. A release: all it did to the `T` comes before.
//! 2. *Leave*: one exchange from InCall(n, e) to Running(n). Its acquire has no partner (whatever
//!    came before in this reign, this LWP did itself); it costs nothing where exchanges are
//!    ordered anyway and keeps the rule that Running is always acquired.
//! 3. *Take*: whoever has seen the same call twice tries InCall(o, e) to Idle. The acquire is the
//!    partner of the enter store, the release that of the next exchange. Leave and take contend for
//!    one word, so exactly one wins; a returner that loses has nothing left of the processor.
//! 4. *Release*, *grant*, *adopt*: Idle is stored with release; the exchange to Granted hands that
//!    order on; the exchange to Running acquires it.
//! 5. *Pass*: the owner stores Granted for another LWP. A release: partner of the exchange in adopt.
//!
//! The epoch counts calls. It tells two calls of one LWP apart, so that a sighting names a call and
//! a late taker cannot take the processor from a later, short one.
//!
//! Why the cell is sound: a `T` is reachable only through [`Held`]; a `Held` is made only by
//! winning an exchange into Running, from Granted or from InCall; the word leaves Running only by a
//! method that consumes the `Held`; and an [`Away`], the right to leave a call, is made only by
//! consuming a `Held` and is consumed by its use. None of that depends on what the caller passes
//! as an LWP's number.
//!
//! Rejected: a lock around the `T` (two more atomics per call, and an LWP in a call would have to
//! let go of it anyway); moving a box through the word (the same exchanges plus a pointer chase).

#![expect(unsafe_code, reason = "the ownership word is the lock of the cell beside it")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::atomics::{AtomicU64, Ordering, Spot, UnsafeCell, order, sound};

const IDLE: u64 = 0;
const GRANTED: u64 = 1;
const RUNNING: u64 = 2;
const IN_CALL: u64 = 3;
const STOPPED: u64 = 4;

const STATE_BITS: u32 = 3;
const LWP_BITS: u32 = 29;
const EPOCH_SHIFT: u32 = STATE_BITS + LWP_BITS;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
const LWP_MASK: u64 = (1 << LWP_BITS) - 1;

/// The number of no LWP.
pub(super) const NOBODY: usize = LWP_MASK as usize;

const fn word(state: u64, lwp: usize, epoch: u64) -> u64 {
    state | ((lwp as u64 & LWP_MASK) << STATE_BITS) | (epoch << EPOCH_SHIFT)
}

const fn epoch(word: u64) -> u64 {
    word >> EPOCH_SHIFT
}

const fn lwp(word: u64) -> usize {
    ((word >> STATE_BITS) & LWP_MASK) as usize
}

/// What the word said at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Nobody's.
    Idle,
    /// Promised to an LWP that is waking up.
    Granted(usize),
    /// An LWP runs threads with it.
    Running(usize),
    /// Its LWP is in a call that has not been seen to be long.
    InCall(Sighting),
    /// Never to run again.
    Stopped,
}

/// One call, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting(u64);

impl Sighting {
    /// The LWP that is in the call.
    pub(super) fn lwp(self) -> usize {
        lwp(self.0)
    }
}

/// A `T` whose owner is named by a word.
pub(super) struct Owned<T> {
    word: AtomicU64,
    inner: UnsafeCell<T>,
}

// SAFETY: the `T` is only reached by the one holder of a `Held` (see the module's essay), and it
// moves from one holder to the next through a release and an acquire of the word. That is sending
// a `T` between threads, never sharing it.
unsafe impl<T: Send> Sync for Owned<T> {}

impl<T> Owned<T> {
    /// An idle one.
    pub(super) fn new(inner: T) -> Self {
        Self { word: AtomicU64::new(word(IDLE, 0, 0)), inner: UnsafeCell::new(inner) }
    }

    /// The word at this moment.
    pub(super) fn look(&self) -> Ownership {
        // Relaxed: a look decides nothing, the exchanges do.
        let seen = self.word.load(Ordering::Relaxed);
        match seen & STATE_MASK {
            IDLE => Ownership::Idle,
            GRANTED => Ownership::Granted(lwp(seen)),
            RUNNING => Ownership::Running(lwp(seen)),
            IN_CALL => Ownership::InCall(Sighting(seen)),
            _ => Ownership::Stopped,
        }
    }

    /// Promises an idle one to LWP `to`. False if it is not idle.
    pub(super) fn grant(&self, to: usize) -> bool {
        let seen = self.word.load(Ordering::Relaxed);
        // Acquire and release: hands on what the last owner released, and what the granter has
        // done, to the adopter.
        seen & STATE_MASK == IDLE
            && self
                .word
                .compare_exchange(
                    seen,
                    word(GRANTED, to, epoch(seen)),
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// LWP `me` takes what it was granted.
    pub(super) fn adopt(&self, me: usize) -> Option<Held<'_, T>> {
        let seen = self.word.load(Ordering::Relaxed);
        if seen & STATE_MASK != GRANTED || lwp(seen) != me {
            return None;
        }
        self.win(seen, me, order(Spot::Adopt, Ordering::Acquire))
    }

    /// Takes it from an LWP that is still in the call of `sighting`; it is idle then. Step 3.
    pub(super) fn take(&self, sighting: Sighting) -> bool {
        let free = word(IDLE, 0, epoch(sighting.0));
        if !sound(Spot::TakeCall) {
            self.word.store(free, Ordering::Release);
            return true;
        }
        let argued = Ordering::AcqRel;
        self.word.compare_exchange(sighting.0, free, argued, Ordering::Relaxed).is_ok()
    }

    fn win(&self, from: u64, me: usize, argued: Ordering) -> Option<Held<'_, T>> {
        let running = word(RUNNING, me, epoch(from));
        match self.word.compare_exchange(from, running, argued, Ordering::Relaxed) {
            Ok(_) => Some(Held { owned: self, running, exclusive: PhantomData }),
            Err(_) => None,
        }
    }
}

impl<T> fmt::Debug for Owned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.look().fmt(f)
    }
}

/// The right to touch the `T`. One exists at a time.
#[must_use]
pub(super) struct Held<'a, T> {
    owned: &'a Owned<T>,
    /// The word as this holder set it; nobody changes it while the `Held` lives.
    running: u64,
    /// Shared between threads only if the `T` may be.
    exclusive: PhantomData<&'a mut T>,
}

impl<'a, T> Held<'a, T> {
    /// Gives it up for a call. Step 1.
    pub(super) fn enter(self) -> Away<'a, T> {
        let in_call = word(IN_CALL, lwp(self.running), epoch(self.running).wrapping_add(1));
        self.owned.word.store(in_call, order(Spot::EnterCall, Ordering::Release));
        Away { owned: self.owned, in_call }
    }

    /// Gives it up for good. Step 4.
    pub(super) fn release(self) {
        let free = word(IDLE, 0, epoch(self.running));
        self.owned.word.store(free, order(Spot::Release, Ordering::Release));
    }

    /// Gives it to LWP `to`, which is to adopt it. Step 5.
    pub(super) fn pass(self, to: usize) -> &'a Owned<T> {
        let granted = word(GRANTED, to, epoch(self.running));
        self.owned.word.store(granted, order(Spot::Pass, Ordering::Release));
        self.owned
    }

    /// Gives it up for ever.
    pub(super) fn stop(self) {
        self.owned.word.store(word(STOPPED, 0, 0), Ordering::Release);
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the word says Running and names this `Held`, the only one, so nobody else has a
        // reference to the content; `&self` keeps this one from handing out a mutable one.
        self.owned.inner.with(|inner| unsafe { &*inner })
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` makes this the only reference from this `Held`.
        self.owned.inner.with_mut(|inner| unsafe { &mut *inner })
    }
}

/// The right to try to come back from a call.
#[must_use]
pub(super) struct Away<'a, T> {
    owned: &'a Owned<T>,
    in_call: u64,
}

impl<'a, T> Away<'a, T> {
    /// Comes back; `None` if it was taken meanwhile. Step 2.
    pub(super) fn leave(self) -> Option<Held<'a, T>> {
        let me = lwp(self.in_call);
        if !sound(Spot::LeaveCall) {
            // Any call of this LWP will do, as if there were no epoch and no exchange.
            let running = word(RUNNING, me, epoch(self.in_call));
            self.owned.word.store(running, Ordering::Relaxed);
            return Some(Held { owned: self.owned, running, exclusive: PhantomData });
        }
        self.owned.win(self.in_call, me, Ordering::Acquire)
    }
}
