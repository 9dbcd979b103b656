//! Where work comes from.
//!
//! Four lines lead to a processor. Three are short and jump the fourth, for a reason each: threads
//! back from a call without a processor (the *returners*: they had one when they asked, and have
//! waited in the kernel since), *calls* that waited to be made (the kernel can work on them while
//! threads run), and the *next-slot* (what it needs is in the cache). The fourth is the *queue*, with
//! the injector behind it.
//!
//! 1. In four slices of a processor each line has its [`Turn`]: then it goes first. Apart from that
//!    returners and calls are served in each other's turns, the slot before the queue.
//! 2. Only the queue's own end is pushed to, so who is in it moves on with each thread it serves.
//! 3. After [`INJECTOR_EVERY`](super::processor::INJECTOR_EVERY) threads from the queue as many come
//!    from the injector to its end. So who is in the injector moves on as fast as the queue does.
//! 4. A queue longer than [`QUEUE_MAX`](super::processor::QUEUE_MAX) takes no more. What comes goes to
//!    the end of the injector; new threads go on the processor's *stack*.
//! 5. In the queue's turn, when that is empty, a batch comes from the injector.
//! 6. With all four lines empty the processor takes a batch from the injector, then what is due by
//!    the clock, then what it can steal.
//!
//! 7. As long as there is something in the stack, the slot and then its newest thread go before the
//!    queue, until they have used a slice's worth of fuel
//!    ([`STACK_FUEL`](super::processor::STACK_FUEL)); then the queue serves one thread, and the oldest of
//!    the stack goes to its end.
//!
//! So nobody waits for ever. With `N` threads that can run, on one processor, one of them in
//!
//! | where it is | runs after at most |
//! |---|---|
//! | the slot | 4 slices; or it is pushed out to the queue, once |
//! | returners, or calls that are admitted | 4 slices for each before it, and 4 |
//! | the queue | 4 slices for each before it, and 4: 4 `N` |
//! | the injector | 4 (`N` + [`WAIT_MAX`](super::processor::WAIT_MAX)) slices |
//!
//! and where nobody jumps, the fours are ones. Beside a stack a four is one slice and a slice's worth of
//! fuel, in at most 250 slices. `WAIT_MAX` is the wait for rule 3 and the length to
//! which a queue grows meanwhile. More processors take their parts of the returners, of the calls
//! and of the injector, and steal from queues when they have nothing else, so they only add.
//!
//! The timers are looked at when a slice has used its budget up, else one slice in eight; with a
//! virtual clock, at each look.

use std::collections::VecDeque;

use super::Shared;
use super::lwp::{Lwp, Seat};
use super::processor::{Core, Processor, Turn};
use super::run::{Handoff, Runnable, Time};
use super::slot::Filling;
use crate::atomics::{AtomicUsize, Mutex, Ordering, Spot, sound, thread};

/// The clock is read for the timers once in so many slices; one less than a power of two.
const TIMER_LOOK_MASK: u64 = 7;
/// Whether somebody should poll is asked once in so many slices; one less than a power of two.
const POLL_LOOK_MASK: u64 = 63;
/// How often a searcher goes round all processors before it gives up.
const ROUNDS: usize = if cfg!(loom) { 1 } else { 4 };
/// How often it pauses after the first round; after each further one twice as often.
const PAUSES: usize = if cfg!(loom) { 0 } else { 16 };
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
        self.work_waits_at(Processor::can_be_robbed) || self.timer_due()
    }

    /// The same, but for what an owner that runs will come to: what is in its queue, for which it looks for
    /// somebody itself, and timers.
    fn work_waits_alone(&self) -> bool {
        self.work_waits_at(|processor| !processor.is_running() && processor.can_be_robbed())
    }

    fn work_waits_at(&self, processor: impl Fn(&Processor<R>) -> bool) -> bool {
        !self.injector.is_empty()
            || !self.returners.is_empty()
            || !self.calls.is_empty() && self.admits_calls()
            || self.processors.iter().any(processor)
    }

    /// The earliest timer of all processors.
    pub(super) fn next_deadline(&self) -> Time {
        self.processors.iter().map(|p| p.timers.next()).min().unwrap_or(Time::NEVER)
    }

    pub(super) fn timer_due(&self) -> bool {
        let next = self.next_deadline();
        next != Time::NEVER && next <= self.clock.now()
    }

    /// A thread back from a call, or a call to be made; of the latter first if it is their turn.
    #[cold]
    fn next_in_lines(&self, turn: Turn) -> Option<Work<R>> {
        let returned = || {
            let thread = if self.returners.is_empty() { None } else { self.returners.pop() };
            thread.map(Work::run)
        };
        let call = || {
            let admitted = !self.calls.is_empty() && self.admits_calls();
            let (thread, handoff) = if admitted { self.calls.pop() } else { None }?;
            Some(Work { thread, call: Some(handoff) })
        };
        if turn == Turn::Calls { call().or_else(returned) } else { returned().or_else(call) }
    }

    /// Queues a thread from outside any processor.
    pub(super) fn submit(&self, thread: R) {
        let Some(thread) = self.send_home(thread) else { return };
        self.injector.push(thread);
        self.wake_rule();
        if sound(Spot::SubmitClosing) && self.closing() {
            // The queues may have been emptied before our push; nobody else will do it again.
            self.drop_injected();
        }
    }

    /// Makes a thread ready from outside any processor.
    pub(super) fn ready_outside(&self, thread: R) {
        self.totals.wakes.add_shared();
        self.submit(thread);
    }
}

impl<'a, R: Runnable> Lwp<'a, R> {
    /// The next thing to do, or `None` if there is nothing anywhere.
    #[inline(always)]
    pub(super) fn find(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let work = if seat.held.handed.is_some() {
            seat.held.handed.take()
        } else {
            self.find_near(seat).or_else(|| self.find_far(seat))
        };
        if self.searching && work.is_some() {
            self.found(seat);
        }
        work
    }

    #[inline(always)]
    pub(super) fn find_near(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let shared = self.shared;
        let processor = seat.at;
        let core = &mut *seat.held;
        let turn = processor.turn();
        if shared.clock.is_virtual() {
            // Whoever moves the clock fires all: nobody else is sure to look.
            self.fire_all(core, processor);
        } else if (core.time_passed || processor.counts.slices.get() & TIMER_LOOK_MASK == 0)
            && processor.timers.next() != Time::NEVER
        {
            self.fire(core, processor, processor);
        }
        core.time_passed = false;
        if processor.counts.slices.get() & POLL_LOOK_MASK == 0 && shared.poller.is_unheld() {
            shared.poll_in_passing(|thread| {
                processor.counts.wakes.bump();
                shared.push_local(core, thread);
            });
        }
        if matches!(turn, Turn::Returners | Turn::Calls)
            && (!shared.returners.is_empty() || !shared.calls.is_empty())
            && let Some(work) = shared.next_in_lines(turn)
        {
            return Some(work);
        }
        shared.next_local(core, processor, turn).map(Work::run)
    }

    /// What waits for any processor.
    #[cold]
    pub(super) fn find_common(&mut self, seat: &mut Seat<'a, R>) -> Option<Work<R>> {
        let shared = self.shared;
        if let Some(work) = shared.next_in_lines(Turn::Returners) {
            return Some(work);
        }
        if let Some(thread) = shared.injector.pop_batch(&mut seat.held.queue) {
            return Some(Work::run(thread));
        }
        if self.fire_all(&mut seat.held, seat.at)
            && let Some(thread) = shared.next_local(&mut seat.held, seat.at, Turn::Queue)
        {
            return Some(Work::run(thread));
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
            self.published().searching(seat.at.number);
        }
        for round in 0..ROUNDS {
            if shared.closing() {
                return None;
            }
            if let Some(thread) = self.rob(seat, round + 1 == ROUNDS) {
                seat.at.counts.steals.bump();
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
            // A hint: the last look before the LWP sleeps misses nothing.
            if shared.idle.nobody_runs() {
                return None;
            }
            for _ in 0..PAUSES << round {
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
        for victim in (first..count).chain(0..first).filter(|&v| v != seat.at.number) {
            let processor = &shared.processors[victim];
            let queue = &mut seat.held.queue;
            let stolen = processor.thief.steal(queue);
            if let Some(thread) = stolen.or_else(|| processor.stack_thief.steal(queue)) {
                return Some(thread);
            }
            if let Some(seen) = processor.slot.look() {
                if !processor.is_running()
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
        self.published().running(seat.at.number);
        if self.shared.idle.stop_searching() && self.shared.work_waits_alone() {
            self.shared.wake_one();
        }
    }

    /// Makes ready what all due timers wait for. False if none was due.
    fn fire_all(&mut self, core: &mut Core<R>, processor: &Processor<R>) -> bool {
        let due = self.shared.timer_due();
        if due {
            for of in &self.shared.processors {
                self.fire(core, processor, of);
            }
        }
        due
    }

    /// Makes ready what the due timers of processor `of` wait for.
    fn fire(&mut self, core: &mut Core<R>, processor: &Processor<R>, of: &Processor<R>) {
        let shared = self.shared;
        let now = shared.clock.now();
        while let Some((thread, token)) = of.timers.pop_due(now) {
            self.fired += 1;
            if thread.timer_fired(token) {
                processor.counts.wakes.bump();
                // To the queue, not the slot: threads woken by time come in the order of time.
                shared.push_local(core, thread);
            }
        }
    }
}
