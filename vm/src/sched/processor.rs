//! A processor: the right to run threads, and what goes with it.
//!
//! It has two halves. [`Core`] is the owner's alone: the LWP that holds the processor reaches it
//! through the ownership word and touches it without any other synchronisation. The rest of
//! [`Processor`] is for everybody: the thieves' end of the queue, the next-slot, the timers, the
//! counters. Nothing but the owner ever pushes on the queue or fills the slot.
//!
//! A queue and the injector form one line as far as fairness goes ([`super::find`] has the bound):
//! a queue that is long takes no more, and what comes goes to the end of the injector; for as many
//! threads as a queue has served it gets as many from the injector, at its end. Rejected: giving
//! half of a long queue to the injector (the half that is about to run, again and again).
//!
//! *New threads beside a long queue* go on a stack, and the newest runs first. Where each thread starts
//! more of them, a queue would have all of a generation alive before the first of them ends: a tree of
//! a million would need the memory of a million. From the stack its branches are finished one
//! by one. What is in the queue meanwhile waits for no more than a slice's worth of fuel each time
//! ([`STACK_FUEL`]); then it has its turn, and the oldest of the stack goes to the queue's end.

use super::Shared;
use super::backlog::Backlog;
use super::chooser::Chooser;
use super::find::Work;
use super::ownership::{Owned, Ownership};
use super::queue::{Local, Thief};
use super::report::Counter;
use super::run::{Runnable, Time};
use super::slot::NextSlot;
use super::timer::Timers;

/// A queue longer than this takes no more.
pub(super) const QUEUE_MAX: usize = 256;
/// The length of a queue is looked at once in so many pushes; one less than a power of two.
pub(super) const LENGTH_LOOK_MASK: u32 = 63;
/// After so many threads from its queue a processor takes as many from the injector, or its share. A
/// prime, so that it does not fall into step with a program's own rhythm.
pub(super) const INJECTOR_EVERY: u32 = 61;
/// The most threads that the queue serves, beyond those that can run, before one in the injector
/// runs: the wait for the injector's turn, and what a queue grows to before it takes no more.
#[cfg(any(doc, all(test, not(loom))))]
pub(super) const WAIT_MAX: usize =
    2 * INJECTOR_EVERY as usize + QUEUE_MAX + LENGTH_LOOK_MASK as usize + 1;

/// What threads from the stack, and those that they make ready, may use before the queue has its turn.
/// As a slice of the interpreter.
pub(super) const STACK_FUEL: u64 = 10_000;
/// What a slice counts at least.
const SLICE_FUEL: u64 = 40;

/// What only the owner touches.
pub(super) struct Core<R> {
    pub(super) queue: Local<R>,
    /// New threads that the queue had no room for.
    pub(super) stack: Local<R>,
    /// The fuel used since the queue had its turn, as far as there was something in the stack.
    stack_used: u64,
    /// The choices of the threads that run here.
    pub(super) chooser: Chooser,
    /// The choices made in looking for work: how often that happens depends on time, and must not
    /// show in what the threads draw.
    pub(super) route: Chooser,
    /// How many threads the queue has served.
    served: u32,
    pushes: u32,
    /// The queue was too long when that was last looked at.
    long: bool,
    /// The slice before used its budget up, so time has passed that may be worth a look at the clock.
    pub(super) time_passed: bool,
    /// A timer was set that may be earlier than whoever watches the timers knows.
    pub(super) timer_news: bool,
    /// Since when that is so, from a look before a slice.
    pub(super) news_since: Option<Time>,
    backlog: Backlog,
    /// What the LWP that was given this processor is to run first, of whoever gave it.
    pub(super) handed: Option<Work<R>>,
}

/// Counters with one writer, the owner of the processor.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) slices: Counter,
    pub(super) spawned: Counter,
    pub(super) done: Counter,
    pub(super) parks: Counter,
    pub(super) wakes: Counter,
    pub(super) steals: Counter,
    pub(super) calls: Counter,
}

/// Who goes first when a processor's next thread is chosen. Each has its turn in four slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Threads back from a call.
    Returners,
    /// The next-slot.
    Slot,
    /// Calls that waited to be made.
    Calls,
    /// The run queue.
    Queue,
}

/// The right to run threads. Aligned so that two owners do not write to one cache line.
#[repr(align(128))]
pub(super) struct Processor<R> {
    /// Its place among all.
    pub(super) number: usize,
    pub(super) owned: Owned<Core<R>>,
    /// Filled by the owner, emptied by anyone.
    pub(super) slot: NextSlot<R>,
    /// Of the queue. Any LWP.
    pub(super) thief: Thief<R>,
    /// Of the stack. Any LWP.
    pub(super) stack_thief: Thief<R>,
    /// Any LWP, and the monitor.
    pub(super) timers: Timers<R>,
    pub(super) counts: Counts,
}

impl<R: Runnable> Processor<R> {
    pub(super) fn new(number: usize, mut chooser: Chooser) -> Self {
        let route = Chooser::new(chooser.next_u64());
        let (queue, stack) = (Local::queue(), Local::stack());
        let (thief, stack_thief) = (queue.thief(), stack.thief());
        let core = Core {
            queue,
            stack,
            stack_used: 0,
            chooser,
            route,
            served: 0,
            pushes: 0,
            long: false,
            time_passed: false,
            timer_news: false,
            news_since: None,
            backlog: Backlog::NONE,
            handed: None,
        };
        Self {
            number,
            owned: Owned::new(core),
            slot: NextSlot::new(),
            thief,
            stack_thief,
            timers: Timers::new(),
            counts: Counts::default(),
        }
    }

    /// A slice begins.
    pub(super) fn begin_slice(&self) {
        self.counts.slices.bump();
    }

    /// Is there a thread here that an LWP which holds another processor may take at once? A filled
    /// next-slot is its owner's to run as long as the owner does run threads.
    pub(super) fn can_be_robbed(&self) -> bool {
        !self.thief.is_empty()
            || !self.stack_thief.is_empty()
            || self.slot.look().is_some() && !self.is_running()
    }

    /// Does its owner run threads?
    pub(super) fn is_running(&self) -> bool {
        matches!(self.owned.look(), Ownership::Running(_))
    }

    /// Whose turn it is. Slices are counted, not looks: how often a processor looks in vain depends
    /// on time, and must not show in the order of what runs.
    #[inline]
    pub(super) fn turn(&self) -> Turn {
        match self.counts.slices.get() & 3 {
            0 => Turn::Returners,
            1 => Turn::Slot,
            2 => Turn::Calls,
            _ => Turn::Queue,
        }
    }
}

impl<R> Core<R> {
    /// Is there a thread in the queue or the stack?
    #[inline]
    pub(super) fn has_queued(&self) -> bool {
        self.queue.len() != 0 || self.stack.len() != 0
    }

    /// Now and then a push looks how long the queue is.
    #[inline]
    fn count_push(&mut self) {
        self.pushes = self.pushes.wrapping_add(1);
        if self.pushes & LENGTH_LOOK_MASK == 0 {
            self.long = self.queue.len() > QUEUE_MAX;
        }
    }

    /// A slice has used so much fuel.
    #[inline]
    pub(super) fn used(&mut self, fuel: u64) {
        self.stack_used = self.stack_used.saturating_add(fuel);
    }
}

impl<R: Runnable> Shared<R> {
    /// The next thread of the processor's own.
    #[inline(always)]
    pub(super) fn next_local(
        &self,
        core: &mut Core<R>,
        processor: &Processor<R>,
        turn: Turn,
    ) -> Option<R> {
        if core.stack.len() != 0
            && let Some(thread) = self.next_stacked(core, processor)
        {
            return Some(thread);
        }
        let slot = &processor.slot;
        if turn == Turn::Queue {
            self.next_queued(core).or_else(|| self.next_common(core)).or_else(|| slot.take())
        } else {
            slot.take().or_else(|| self.next_queued(core))
        }
    }

    /// The next thread while there is something in the stack; `None` when it is the queue's turn.
    #[cold]
    fn next_stacked(&self, core: &mut Core<R>, processor: &Processor<R>) -> Option<R> {
        if core.stack_used < STACK_FUEL {
            core.used(SLICE_FUEL);
            return processor.slot.take().or_else(|| core.stack.pop());
        }
        core.stack_used = 0;
        let next = self.next_queued(core);
        if let Some(oldest) = processor.stack_thief.steal_one() {
            core.queue.push(oldest);
        }
        next
    }

    #[inline]
    fn next_queued(&self, core: &mut Core<R>) -> Option<R> {
        let thread = core.queue.pop()?;
        core.served = core.served.wrapping_add(1);
        if core.served.is_multiple_of(INJECTOR_EVERY) && !self.injector.is_empty() {
            self.take_share(core);
        }
        Some(thread)
    }

    /// In its turn an empty queue takes from the injector, or threads that hand over to each other through
    /// the slot would keep that waiting for ever.
    #[inline]
    fn next_common(&self, core: &mut Core<R>) -> Option<R> {
        if self.injector.is_empty() {
            return None;
        }
        // In between the rest is in neither queue, and whoever looks then lies down: the owner's next look is
        // for that.
        self.injector.pop_batch(&mut core.queue)
    }

    /// Moves the processor's share of the injector to the end of its queue.
    #[cold]
    fn take_share(&self, core: &mut Core<R>) {
        let share = self.injector.len() / self.processors.len() + 1;
        for _ in 0..share.min(INJECTOR_EVERY as usize) {
            let Some(thread) = self.injector.pop() else { break };
            // In between it is in neither queue, as in `next_common`.
            core.queue.push(thread);
        }
    }

    /// Queues a thread on the processor of `core`, or in the injector if the queue is long.
    #[inline]
    fn enqueue(&self, core: &mut Core<R>, thread: R) {
        if core.long {
            self.injector.push(thread);
        } else {
            core.queue.push(thread);
        }
        core.count_push();
    }

    /// Queues a new thread, or lays it on the stack.
    #[inline]
    pub(super) fn push_new(&self, core: &mut Core<R>, thread: R) {
        let Some(thread) = self.send_home(thread) else { return };
        if core.long {
            core.stack.push(thread);
        } else {
            core.queue.push(thread);
        }
        core.count_push();
    }

    /// Queues a thread. Nobody is woken for it yet: see [`Shared::share`].
    #[inline]
    pub(super) fn push_local(&self, core: &mut Core<R>, thread: R) {
        if let Some(thread) = self.send_home(thread) {
            self.enqueue(core, thread);
        }
    }

    /// Queues a thread that gave up the rest of its slice.
    #[inline]
    pub(super) fn push_yielded(&self, core: &mut Core<R>, thread: R) {
        self.enqueue(core, thread);
        core.time_passed = true;
    }

    /// The late wake rule: see [`super::idle`]. To be called when the owner has its next thread.
    #[inline(always)]
    pub(super) fn share(&self, core: &mut Core<R>) {
        if !self.idle.counts().wants_wake() || !core.has_queued() {
            core.backlog.ends();
            return;
        }
        if core.backlog.grows(|| self.clock.wall()) {
            self.wake_one();
        }
    }

    /// Makes a thread ready on the processor of `core`.
    #[inline(always)]
    pub(super) fn ready_local(&self, core: &mut Core<R>, processor: &Processor<R>, thread: R) {
        processor.counts.wakes.bump();
        // Most often its waker parks next, and it runs here with what it needs in the cache.
        if let Some(other) = processor.slot.fill(thread) {
            self.push_local(core, other);
        }
    }
}
