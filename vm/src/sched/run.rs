//! The seam between the scheduler and what it runs.
//!
//! The scheduler moves handles about; it never looks at what is behind one. [`Runnable`] is all it
//! asks of a user thread, [`Context`] all it lends to one while it runs.
//!
//! Invariants the implementor relies on:
//! - `run` and `call` of one thread are never in progress twice at once, and each begins after the
//!   one before has ended (with all its writes visible), whatever LWPs they run on.
//! - between two of them the scheduler touches the thread only through its [`ParkWord`].
//!
//! Invariants the scheduler relies on:
//! - a thread that returns [`Outcome::Parked`] has registered itself, before it returned, with
//!   somebody who will call `ready`; that call is made exactly once, by whoever won the claim of
//!   that wait. It may come before the scheduler has seen `Parked`; but only for a thread that returns that.
//! - `run`, `call`, `timer_fired`, `source_ready` and `waits` do not panic, and the last three neither
//!   block nor call the scheduler.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use super::Scheduler;
use super::chooser::Chooser;
use super::park::ParkWord;
use super::processor::{Core, Processor};

/// What the scheduler runs: a handle of one word, cheap to clone.
pub trait Runnable: Clone + Send + Sync + 'static {
    /// Runs the thread until it stops. One LWP at a time calls this, and it holds a processor.
    fn run(&self, cx: &mut Context<'_, Self>) -> Outcome;

    /// Performs the blocking call which the thread asked for by [`Outcome::Blocking`]. The LWP may
    /// lose its processor meanwhile, so this touches nothing but the call. `run` follows.
    fn call(&self);

    /// What tells the thread from others in listings: [`Scheduler::lwps`] gives it back.
    fn number(&self) -> u64;

    /// The word in which parks and wake-ups of this thread meet.
    fn park_word(&self) -> &ParkWord;

    /// The thread has parked, and this was the handle of the LWP that ran it. It may run elsewhere by
    /// now, and need not be there any more.
    fn let_go(self) {}

    /// The thread has ended, and this was the handle of the LWP that ran it.
    fn ended(self) {}

    /// The LWP that alone may run this thread, as [`Scheduler::bind`] gave it; `None` for a thread that
    /// any may run. Immutable.
    fn bound_to(&self) -> Option<usize>;

    /// The timer set with `token` is due: claims the wait that `token` names. True if this call won
    /// it; the scheduler then makes the thread ready.
    fn timer_fired(&self, token: u64) -> bool;

    /// The source that the thread waits for with `token` has changed: as [`Runnable::timer_fired`].
    fn source_ready(&self, token: u64) -> bool;

    /// Is the wait that `token` names still waiting? A timer of a wait that is over is no reason to
    /// wait, and is thrown away. Called under a lock: a plain look at an atomic.
    fn waits(&self, token: u64) -> bool;
}

/// Why a thread stopped running.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its slice is over; it can go on at once.
    Yielded,
    /// It waits for somebody to call `ready`.
    Parked,
    /// It wants [`Runnable::call`] done, and will go on after it.
    Blocking(Handoff),
    /// It will never run again.
    Done,
}

/// When the processor of an LWP that makes a call passes to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handoff {
    /// If the call turns out to be long: for calls that may block.
    Lazy,
    /// Before the call: for calls that block.
    Eager,
}

/// A point in time, in nanoseconds since the scheduler started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The start of the scheduler.
    pub const START: Self = Self(0);
    /// A time that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The time `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// The time `span` later; a time that never comes if that is beyond counting.
    fn add(self, span: Duration) -> Self {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(span))
    }
}

/// The LWP and the processor a thread runs on, lent to it for one slice.
pub struct Context<'a, R: Runnable> {
    pub(super) scheduler: &'a Scheduler<R>,
    pub(super) core: &'a mut Core<R>,
    pub(super) processor: &'a Processor<R>,
    pub(super) lwp: usize,
    pub(super) continues: bool,
}

impl<R: Runnable> Context<'_, R> {
    /// Adds a new thread to the run queue of this processor.
    pub fn spawn(&mut self, thread: R) {
        let shared = &*self.scheduler.shared;
        self.processor.counts.spawned.bump();
        shared.push_new(self.core, thread);
    }

    /// Makes a parked thread ready: it runs next on this processor, unless it is the
    /// turn of others. To be called by whoever won the claim of the thread's wait.
    #[inline(always)]
    pub fn ready(&mut self, thread: R) {
        self.scheduler.shared.ready_local(self.core, self.processor, thread);
    }

    /// Has [`Runnable::timer_fired`] called with `token` when `at` has come.
    pub fn timer(&mut self, at: Time, thread: R, token: u64) {
        if self.processor.timers.add(at, thread, token) {
            self.core.timer_news = true;
        }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.scheduler.now()
    }

    /// The thread has used so much fuel since it last said so: a virtual clock moves on by that. A
    /// thread that can go on for ever uses some in each slice, and says so at the end of it.
    #[inline]
    pub fn used(&mut self, fuel: u64) {
        self.core.used(fuel);
        self.scheduler.shared.clock.pass(fuel);
    }

    /// The number of the processor.
    pub fn processor(&self) -> usize {
        self.processor.number
    }

    /// How many processors there are.
    pub fn processors(&self) -> usize {
        self.scheduler.shared.processors.len()
    }

    /// The source of this processor's random choices.
    pub fn chooser(&mut self) -> &mut Chooser {
        &mut self.core.chooser
    }

    /// The scheduler, to be kept by what outlives the slice.
    #[cfg(test)]
    pub fn scheduler(&self) -> &Scheduler<R> {
        self.scheduler
    }

    /// Does this run go on with the slice that a call interrupted? Then what is left of the
    /// slice's budget applies, not a fresh one.
    pub fn continues(&self) -> bool {
        self.continues
    }
}

impl<R: Runnable> fmt::Debug for Context<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("processor", &self.processor.number)
            .field("lwp", &self.lwp)
            .finish_non_exhaustive()
    }
}
