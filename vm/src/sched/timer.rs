//! Time: the clock, and the timers of one processor.
//!
//! All time the scheduler and its threads see comes from one [`Clock`]. A virtual clock moves in two
//! ways only, so programs finish as soon as they can, and the same way each time:
//! - it *jumps* to the next live timer when nothing can run;
//! - it *passes* with the fuel that threads use, as they say at the end of their slices. So a thread
//!   that never blocks does not stop it, and a loop that waits for the clock ends.
//!
//! What the clock says does not change during a slice.
//!
//! Each processor has a heap of its own, under a lock which is nearly always free: its owner adds
//! and fires, but an LWP that searches and the monitor may fire what is overdue too, so that a
//! processor that is busy or in a call delays no timer. The earliest deadline is published beside
//! the lock for those who only want to know.
//!
//! Timers are not removed when their wait ends another way; they go stale. Stale ones are dropped
//! when they come to the top, and swept out when the heap has doubled since the last sweep, so a
//! heap is at most about twice its live timers.

use std::cmp::Reverse;
use std::time::Instant;

use dary_heap::QuaternaryHeap;

use super::run::{Runnable, Time};
use crate::atomics::{AtomicU64, Mutex, Ordering};

/// By how much a unit of fuel moves a virtual clock. About what one takes in a release build: a turn
/// of a loop with some arithmetic 9 ns, a call of a small function 5 ns.
pub(crate) const NANOS_PER_FUEL: u64 = 10;

/// The source of all time.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// The time, if it is virtual. Any LWP; never goes back.
    at: Option<AtomicU64>,
}

impl Clock {
    pub(super) fn new(is_virtual: bool) -> Self {
        Self { start: Instant::now(), at: is_virtual.then(|| AtomicU64::new(0)) }
    }

    pub(super) fn now(&self) -> Time {
        match &self.at {
            // Relaxed: a jump is made with nothing running, and a wake-up orders it; fuel is told by
            // the LWP that looks at the timers next.
            Some(at) => Time::from_nanos(at.load(Ordering::Relaxed)),
            None => self.wall(),
        }
    }

    /// The time that passes whatever the threads are told: for how long to wait, never for what
    /// to run.
    pub(super) fn wall(&self) -> Time {
        let nanos = self.start.elapsed().as_nanos();
        Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn is_virtual(&self) -> bool {
        self.at.is_some()
    }

    /// Moves a virtual clock to `at`, never back.
    pub(super) fn jump(&self, at: Time) {
        if let Some(now) = &self.at {
            now.fetch_max(at.as_nanos(), Ordering::Relaxed);
        }
    }

    /// Moves a virtual clock by what using `fuel` takes.
    #[inline]
    pub(super) fn pass(&self, fuel: u64) {
        if let Some(now) = &self.at {
            let span = fuel.saturating_mul(NANOS_PER_FUEL);
            let later = |now: u64| Some(now.saturating_add(span));
            let _ = now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        }
    }
}

struct Timer<R> {
    at: Time,
    /// Equal deadlines fire in the order they were set.
    order: u64,
    token: u64,
    thread: R,
}

impl<R> PartialEq for Timer<R> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<R> Eq for Timer<R> {}

impl<R> PartialOrd for Timer<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Timer<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

struct Heap<R> {
    timers: QuaternaryHeap<Reverse<Timer<R>>>,
    added: u64,
    sweep_at: usize,
}

/// The timers set on one processor.
pub(super) struct Timers<R> {
    heap: Mutex<Heap<R>>,
    /// The earliest deadline, or never. Written under the lock.
    next: AtomicU64,
}

const SWEEP_MIN: usize = 64;

impl<R: Runnable> Timers<R> {
    pub(super) fn new() -> Self {
        let heap = Heap { timers: QuaternaryHeap::new(), added: 0, sweep_at: SWEEP_MIN };
        Self { heap: Mutex::new(heap), next: AtomicU64::new(Time::NEVER.as_nanos()) }
    }

    /// Adds a timer. True if it is now the earliest here.
    pub(super) fn add(&self, at: Time, thread: R, token: u64) -> bool {
        let mut stale = Vec::new();
        let mut heap = self.heap.lock();
        if heap.timers.len() >= heap.sweep_at {
            let all = std::mem::take(&mut heap.timers).into_vec();
            let (live, dead) = all.into_iter().partition(|t| t.0.thread.waits(t.0.token));
            heap.timers = QuaternaryHeap::from(live);
            stale = dead;
            heap.sweep_at = SWEEP_MIN.max(heap.timers.len() * 2);
        }
        let order = heap.added;
        heap.added += 1;
        heap.timers.push(Reverse(Timer { at, order, token, thread }));
        let earliest = heap.timers.peek().is_some_and(|top| top.0.order == order);
        self.publish(&heap);
        drop(heap);
        // Handles are dropped without the lock: a last one may run anything.
        drop(stale);
        earliest
    }

    /// The earliest deadline set, whether or not its wait is still on.
    pub(super) fn next(&self) -> Time {
        Time::from_nanos(self.next.load(Ordering::Relaxed))
    }

    /// Removes one timer that is due.
    pub(super) fn pop_due(&self, now: Time) -> Option<(R, u64)> {
        if self.next() > now {
            return None;
        }
        let mut heap = self.heap.lock();
        if heap.timers.peek().is_none_or(|top| top.0.at > now) {
            return None;
        }
        let due = heap.timers.pop();
        self.publish(&heap);
        due.map(|Reverse(timer)| (timer.thread, timer.token))
    }

    /// The earliest deadline of a wait that is still on. Throws stale timers above it away.
    pub(super) fn next_live(&self) -> Time {
        let mut stale = Vec::new();
        let mut heap = self.heap.lock();
        let live = loop {
            match heap.timers.peek() {
                None => break Time::NEVER,
                Some(Reverse(top)) if top.thread.waits(top.token) => break top.at,
                Some(_) => stale.extend(heap.timers.pop()),
            }
        };
        self.publish(&heap);
        drop(heap);
        drop(stale);
        live
    }

    /// Removes all.
    pub(super) fn clear(&self) {
        let mut heap = self.heap.lock();
        let all = std::mem::take(&mut heap.timers);
        self.publish(&heap);
        drop(heap);
        drop(all);
    }

    fn publish(&self, heap: &Heap<R>) {
        let next = heap.timers.peek().map_or(Time::NEVER, |top| top.0.at);
        // Relaxed: readers that must not miss it come after a fence of their own.
        self.next.store(next.as_nanos(), Ordering::Relaxed);
    }
}
