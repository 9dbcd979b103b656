//! Where work comes from.
//!
//! An LWP that holds a processor looks, in this order: threads back from a call without a processor
//! (they had the processor when they asked for the call, and have waited in the kernel since),
//! calls that waited for their turn, the injector every so often, the processor's own slot and
//! queue, the injector again, and at last what it can steal. Nobody waits for ever in that order:
//! returners stand back one look in four, calls are queued only when too many are out, the injector
//! has its turn every [`INJECTOR_EVERY`] looks, the slot jumps at most three times in a row.

use std::collections::VecDeque;

use super::Shared;
use super::lwp::{Lwp, Seat};
use super::ownership::Ownership;
use super::park::Ready;
use super::processor::Core;
use super::run::{Handoff, Runnable, Time};
use super::slot::Filling;
use crate::atomics::{AtomicUsize, Mutex, Ordering, thread};

/// A prime, so that it does not fall into step with a program's own rhythm.
const INJECTOR_EVERY: u32 = 61;
/// The clock is read for the timers once in so many looks; one less than a power of two.
const TIMER_LOOK_MASK: u32 = 7;
/// Whether somebody should poll is asked once in so many looks; one less than a power of two.
const POLL_LOOK_MASK: u32 = 63;
/// Returners go first but for one look in so many, or threads that call all the time would keep the
/// queues waiting for ever; one less than a power of two.
const QUEUE_TURN_MASK: u32 = 3;
/// How often a searcher goes round all processors before it gives up.
const ROUNDS: usize = 4;
/// How long a thread must have been in a next-slot whose owner runs before a thief may have it.
/// Longer than a park and a switch, so that it is rarely stolen from an owner about to run it.
const SLOT_AGE_NANOS: u64 = 3_000;

/// What an LWP found to do. Not an enum: its payload would be copied piece by piece on the way out
/// of each function, which costs more than the rest of a switch.
pub(super) struct Work<R> {
    pub(super) thread: R,
    /// The call the thread has asked for and that comes first.
    pub(super) call: Option<Handoff>,
}

impl<R> Work<R> {
    #[inline(always)]
    pub(super) fn run(thread: R) -> Self {
        Self { thread, call: None }
    }
}

/// A short queue under a lock, whose length can be looked at.
#[derive(Debug)]
pub(super) struct Line<T> {
    list: Mutex<VecDeque<T>>,
    length: AtomicUsize,
}

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        Self { list: Mutex::new(VecDeque::new()), length: AtomicUsize::new(0) }
    }

    pub(super) fn push(&self, item: T) {
        let mut list = self.list.lock();
        list.push_back(item);
        self.length.store(list.len(), Ordering::Relaxed);
    }

    pub(super) fn pop(&self) -> Option<T> {
        let mut list = self.list.lock();
        let item = list.pop_front();
        self.length.store(list.len(), Ordering::Relaxed);
        item
    }

    /// Relaxed: whoever must not miss an item looks after a fence.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Relaxed) == 0
    }
}

impl<R: Runnable> Shared<R> {
    /// Is there anything an idle processor could be used for? To be asked after a fence.
    pub(super) fn work_waits(&self) -> bool {
        !self.injector.is_empty()
            || !self.returners.is_empty()
            || !self.calls.is_empty() && self.admits_calls()
            || self.processors.iter().any(|processor| processor.can_be_robbed())
            || self.timer_due()
    }

    /// The earliest timer of all processors.
    pub(super) fn next_deadline(&self) -> Time {
        self.processors.iter().map(|p| p.timers.next()).min().unwrap_or(Time::NEVER)
    }

    pub(super) fn timer_due(&self) -> bool {
        let next = self.next_deadline();
        next != Time::NEVER && next <= self.clock.now()
    }

    /// Queues a thread from outside any processor.
    pub(super) fn submit(&self, thread: R) {
        let Some(thread) = self.send_home(thread) else { return };
        self.injector.push(thread);
        self.wake_rule();
        if self.closing() {
            // The queues may have been emptied before our push; nobody else will do it again.
            self.drop_injected();
        }
    }

    /// Makes a thread ready from outside any processor.
    pub(super) fn ready_outside(&self, thread: R) {
        match thread.park_word().ready() {
            Ready::Noted => {}
            Ready::Queue => {
                self.totals.wakes.add_shared();
                self.submit(thread);
            }
        }
    }
}

impl<'a, R: Runnable> Lwp<'a, R> {
    /// The next thing to do, or `None` if there is nothing anywhere.
    #[inline]
    pub(super) fn find(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let handed = seat.held.handed.take();
        let work = handed.or_else(|| self.find_near(seat)).or_else(|| self.find_far(seat));
        if self.searching && work.is_some() {
            self.found(seat);
        }
        work
    }

    #[inline]
    pub(super) fn find_near(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let shared = self.shared;
        let processor = &shared.processors[seat.processor];
        let core = &mut *seat.held;
        core.tick = core.tick.wrapping_add(1);
        if core.tick & TIMER_LOOK_MASK == 0 && processor.timers.next() != Time::NEVER {
            self.fire(core, seat.processor, seat.processor);
        }
        if core.tick & POLL_LOOK_MASK == 0 && shared.poller.is_unheld() {
            shared.poll_in_passing(|thread| {
                if thread.park_word().ready() == Ready::Queue {
                    processor.counts.wakes.bump();
                    shared.push_local(core, thread);
                }
            });
        }
        if !shared.returners.is_empty()
            && core.tick & QUEUE_TURN_MASK != 0
            && let Some(thread) = shared.returners.pop()
        {
            return Some(Work::run(thread));
        }
        if !shared.calls.is_empty()
            && shared.admits_calls()
            && let Some((thread, handoff)) = shared.calls.pop()
        {
            return Some(Work { thread, call: Some(handoff) });
        }
        if core.tick.is_multiple_of(INJECTOR_EVERY)
            && let Some(thread) = shared.injector.pop()
        {
            return Some(Work::run(thread));
        }
        processor.next_local(core).map(Work::run)
    }

    /// What waits for any processor.
    #[cold]
    pub(super) fn find_common(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let shared = self.shared;
        if !shared.returners.is_empty()
            && let Some(thread) = shared.returners.pop()
        {
            return Some(Work::run(thread));
        }
        if let Some(thread) = shared.injector.pop_batch(&mut seat.held.queue) {
            return Some(Work::run(thread));
        }
        if shared.timer_due() {
            for of in 0..shared.processors.len() {
                self.fire(&mut seat.held, seat.processor, of);
            }
            if let Some(thread) = shared.processors[seat.processor].next_local(&mut seat.held) {
                return Some(Work::run(thread));
            }
        }
        None
    }

    #[cold]
    fn find_far(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let shared = self.shared;
        if let Some(work) = self.find_common(seat) {
            return Some(work);
        }
        if !self.searching {
            if !shared.idle.start_searching() {
                return None;
            }
            self.searching = true;
            self.published().searching(seat.processor);
        }
        for round in 0..ROUNDS {
            if shared.closing() {
                return None;
            }
            if let Some(thread) = self.rob(seat, round + 1 == ROUNDS) {
                shared.processors[seat.processor].counts.steals.bump();
                return Some(Work::run(thread));
            }
            if let Some(thread) = shared.injector.pop_batch(&mut seat.held.queue) {
                return Some(Work::run(thread));
            }
            if !shared.returners.is_empty()
                && let Some(thread) = shared.returners.pop()
            {
                return Some(Work::run(thread));
            }
            for _ in 0..16 << round {
                thread::spin();
            }
        }
        None
    }

    /// Goes round the other processors once, from a random one on.
    fn rob(&mut self, seat: &mut Seat<'a, R>, last_round: bool) -> Option<R> {
        let shared = self.shared;
        let count = shared.processors.len();
        let first = seat.held.route.below(count);
        let mut filling: Option<(usize, Filling)> = None;
        for victim in (first..count).chain(0..first).filter(|&v| v != seat.processor) {
            let processor = &shared.processors[victim];
            if let Some(thread) = processor.thief.steal(&mut seat.held.queue) {
                return Some(thread);
            }
            if let Some(seen) = processor.slot.look() {
                if !matches!(processor.owned.look(), Ownership::Running(_))
                    && let Some(thread) = processor.slot.take_filling(seen)
                {
                    return Some(thread);
                }
                filling = Some((victim, seen));
            }
        }
        // What is left is the next thread of an owner that runs: it gets a moment.
        let (victim, seen) = filling.filter(|_| last_round)?;
        let slot = &shared.processors[victim].slot;
        let from = shared.clock.wall();
        while slot.look() == Some(seen) {
            if shared.clock.wall().since(from).as_nanos() >= u128::from(SLOT_AGE_NANOS) {
                return slot.take_filling(seen);
            }
            thread::spin();
        }
        None
    }

    /// A searcher has found something: it owes a look for more to those who saw it search.
    fn found(&mut self, seat: &Seat<'a, R>) {
        self.searching = false;
        self.published().running(seat.processor);
        if self.shared.idle.stop_searching() && self.shared.work_waits() {
            self.shared.wake_one();
        }
    }

    /// Makes ready what the due timers of processor `of` wait for.
    fn fire(&self, core: &mut Core<R>, processor: usize, of: usize) {
        let shared = self.shared;
        let now = shared.clock.now();
        while let Some((thread, token)) = shared.processors[of].timers.pop_due(now) {
            if thread.timer_fired(token) && thread.park_word().ready() == Ready::Queue {
                shared.processors[processor].counts.wakes.bump();
                // To the queue, not the slot: threads woken by time come in the order of time.
                shared.push_local(core, thread);
            }
        }
    }
}
