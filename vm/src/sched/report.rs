//! What the scheduler publishes about itself.
//!
//! Everything here is read without asking anybody: counters and states are stored where they change
//! and read as they are. A listing of a machine that is stuck works as well as one of a machine
//! that is not; in return the numbers of one listing need not be of one instant.

use std::time::Duration;

use super::run::{Runnable, Time};
use super::{Scheduler, Shared};
use crate::atomics::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// A count with one writer at a time.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Only the owner of what is counted calls this, so a load and a store suffice.
    #[inline]
    pub(super) fn bump(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Adds one, whoever else does.
    pub(super) fn add_shared(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters that anybody writes, all of rare events.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) injected: Counter,
    pub(super) wakes: Counter,
    pub(super) handoffs: Counter,
    pub(super) passes: Counter,
    pub(super) eager: Counter,
    pub(super) calls_queued: Counter,
    pub(super) lwp_wakes: Counter,
    pub(super) lwps_started: Counter,
    pub(super) lwps_refused: Counter,
    pub(super) looks: Counter,
    pub(super) stalls: Counter,
}

/// Counts since the scheduler started, except where it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Threads added.
    pub spawned: u64,
    /// Threads that ended.
    pub done: u64,
    /// Slices begun.
    pub slices: u64,
    /// Times an LWP took threads from another processor.
    pub steals: u64,
    /// Times a thread parked.
    pub parks: u64,
    /// Times a parked thread was made ready.
    pub wakes: u64,
    /// Calls made, lazy and eager.
    pub calls: u64,
    /// Processors taken from an LWP in a lazy call.
    pub handoffs: u64,
    /// Processors passed to the LWP of a bound thread.
    pub passes: u64,
    /// Calls before which the processor was given away.
    pub eager: u64,
    /// Calls that had to wait because too many were out.
    pub calls_queued: u64,
    /// Times a sleeping LWP was woken, or a new one made, for a processor.
    pub lwp_wakes: u64,
    /// LWPs made.
    pub lwps_started: u64,
    /// Times the kernel refused an LWP.
    pub lwps_refused: u64,
    /// LWPs that exist now.
    pub lwps: u64,
    /// Times the monitor looked around.
    pub monitor_looks: u64,
    /// Stalls reported.
    pub stalls: u64,
    /// Most processors held at once.
    pub max_running: u64,
}

/// What an LWP is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LwpState {
    /// It runs threads.
    Running,
    /// It is in a call a thread asked for.
    InCall {
        /// The [number](Runnable::number) of that thread.
        thread: u64,
        /// Since when. A short call counts from when it was first looked at.
        time: Duration,
    },
    /// It holds a processor and looks for work.
    Searching,
    /// It sleeps.
    Idle,
    /// It is back from a call and its processor is gone.
    WaitingForProcessor,
}

/// One LWP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LwpInfo {
    /// Its number, as in the name of its kernel thread.
    pub id: usize,
    /// What it is doing.
    pub state: LwpState,
    /// The processor it holds.
    pub processor: Option<usize>,
    /// It runs one thread only, which runs nowhere else.
    pub bound: bool,
}

const GONE: u32 = 0;
const RUNNING: u32 = 1;
const IN_CALL: u32 = 2;
const SEARCHING: u32 = 3;
const IDLE: u32 = 4;
const WAITING: u32 = 5;

/// `Published::since` of a call nobody has looked at yet.
const UNSEEN: u64 = u64::MAX;
/// `Published::processor` of an LWP without one.
const NONE: usize = usize::MAX;

/// The state an LWP publishes: written by the LWP, except `since` and a processor that is taken.
#[derive(Debug)]
pub(super) struct Published {
    state: AtomicU32,
    processor: AtomicUsize,
    caller: AtomicU64,
    since: AtomicU64,
}

impl Published {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU32::new(GONE),
            processor: AtomicUsize::new(NONE),
            caller: AtomicU64::new(0),
            since: AtomicU64::new(UNSEEN),
        }
    }

    // Relaxed throughout: each field is read for its own sake.

    pub(super) fn gone(&self) {
        self.set(GONE, None);
    }

    #[inline]
    pub(super) fn running(&self, processor: usize) {
        self.set(RUNNING, Some(processor));
    }

    /// In a call; the clock is not read for it, the first to look notes the time.
    #[inline]
    pub(super) fn in_call(&self, caller: u64, processor: Option<usize>) {
        self.caller.store(caller, Ordering::Relaxed);
        self.since.store(UNSEEN, Ordering::Relaxed);
        self.set(IN_CALL, processor);
    }

    pub(super) fn searching(&self, processor: usize) {
        self.set(SEARCHING, Some(processor));
    }

    pub(super) fn idle(&self) {
        self.set(IDLE, None);
    }

    pub(super) fn waiting(&self) {
        self.set(WAITING, None);
    }

    /// The call this LWP is in was seen at `now`.
    pub(super) fn seen(&self, now: Time) {
        // An exchange, so that the first time stays. It may hit a later call than the one that was
        // seen; then that one has begun before `now` too.
        let _ = self.since.compare_exchange(
            UNSEEN,
            now.as_nanos(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// The processor was taken.
    pub(super) fn robbed(&self) {
        self.processor.store(NONE, Ordering::Relaxed);
    }

    #[inline]
    fn set(&self, state: u32, processor: Option<usize>) {
        self.processor.store(processor.unwrap_or(NONE), Ordering::Relaxed);
        self.state.store(state, Ordering::Relaxed);
    }
}

impl<R: Runnable> Shared<R> {
    /// Threads that have been added and have not ended. Exact when no processor is held.
    pub(super) fn alive(&self) -> u64 {
        let spawned = self.totals.injected.get() + self.sum(|counts| &counts.spawned);
        spawned.saturating_sub(self.sum(|counts| &counts.done))
    }

    fn sum(&self, of: impl Fn(&super::processor::Counts) -> &Counter) -> u64 {
        self.processors.iter().map(|processor| of(&processor.counts).get()).sum()
    }
}

impl<R: Runnable> Scheduler<R> {
    /// All LWPs that exist, by number. Never waits for one of them.
    pub fn lwps(&self) -> Vec<LwpInfo> {
        let shared = &*self.shared;
        let now = self.now();
        let mut list = Vec::new();
        for (id, lwp) in shared.lwps.iter().chain(shared.bound.all()).enumerate() {
            let published = &lwp.published;
            let processor = published.processor.load(Ordering::Relaxed);
            let state = match published.state.load(Ordering::Relaxed) {
                RUNNING => LwpState::Running,
                IN_CALL => {
                    published.seen(now);
                    let since = Time::from_nanos(published.since.load(Ordering::Relaxed));
                    let thread = published.caller.load(Ordering::Relaxed);
                    LwpState::InCall { thread, time: now.since(since) }
                }
                SEARCHING => LwpState::Searching,
                IDLE => LwpState::Idle,
                WAITING => LwpState::WaitingForProcessor,
                _ => continue,
            };
            let processor = (processor != NONE).then_some(processor);
            list.push(LwpInfo { id, state, processor, bound: shared.is_bound(id) });
        }
        list
    }

    /// The counts at this moment.
    pub fn stats(&self) -> Stats {
        let shared = &*self.shared;
        let totals = &shared.totals;
        let (lwps, fewest_idle) = {
            let lists = shared.idle.lock();
            (lists.live, lists.fewest_idle)
        };
        Stats {
            spawned: totals.injected.get() + shared.sum(|c| &c.spawned),
            done: shared.sum(|c| &c.done),
            slices: shared.sum(|c| &c.slices),
            steals: shared.sum(|c| &c.steals),
            parks: shared.sum(|c| &c.parks),
            wakes: totals.wakes.get() + shared.sum(|c| &c.wakes),
            calls: shared.sum(|c| &c.calls),
            handoffs: totals.handoffs.get(),
            passes: totals.passes.get(),
            eager: totals.eager.get(),
            calls_queued: totals.calls_queued.get(),
            lwp_wakes: totals.lwp_wakes.get(),
            lwps_started: totals.lwps_started.get(),
            lwps_refused: totals.lwps_refused.get(),
            lwps: lwps as u64,
            monitor_looks: totals.looks.get(),
            stalls: totals.stalls.get(),
            max_running: (shared.processors.len() - fewest_idle) as u64,
        }
    }
}
