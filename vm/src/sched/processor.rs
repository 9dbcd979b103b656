//! A processor: the right to run threads, and what goes with it.
//!
//! It has two halves. [`Core`] is the owner's alone: the LWP that holds the processor reaches it
//! through the ownership word and touches it without any other synchronisation. The rest of
//! [`Processor`] is for everybody: the thieves' end of the queue, the next-slot, the timers, the
//! counters. Nothing but the owner ever pushes on the queue or fills the slot.

use super::Shared;
use super::chooser::Chooser;
use super::find::Work;
use super::ownership::{Owned, Ownership};
use super::park::Ready;
use super::queue::{Local, Thief};
use super::report::Counter;
use super::run::Runnable;
use super::slot::NextSlot;
use super::timer::Timers;

/// How many threads in a row may run from the next-slot before the queue has its turn.
const JUMPS_MAX: u8 = 3;
/// A queue longer than this gives half to the injector.
const QUEUE_MAX: usize = 256;
/// The length of a queue is looked at once in so many pushes; one less than a power of two.
const LENGTH_LOOK_MASK: u32 = 63;

/// What only the owner touches.
pub(super) struct Core<R> {
    pub(super) queue: Local<R>,
    /// The choices of the threads that run here.
    pub(super) chooser: Chooser,
    /// The choices made in looking for work: how often that happens depends on time, and must not
    /// show in what the threads draw.
    pub(super) route: Chooser,
    /// Counts the times work was looked for; rules "every so often".
    pub(super) tick: u32,
    jumps: u8,
    pushes: u32,
    /// A timer was set that may be earlier than whoever watches the timers knows.
    pub(super) timer_news: bool,
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

/// The right to run threads. Aligned so that two owners do not write to one cache line.
#[repr(align(128))]
pub(super) struct Processor<R> {
    pub(super) owned: Owned<Core<R>>,
    /// Filled by the owner, emptied by anyone.
    pub(super) slot: NextSlot<R>,
    /// Any LWP.
    pub(super) thief: Thief<R>,
    /// Any LWP, and the monitor.
    pub(super) timers: Timers<R>,
    pub(super) counts: Counts,
}

impl<R: Runnable> Processor<R> {
    pub(super) fn new(mut chooser: Chooser) -> Self {
        let route = Chooser::new(chooser.next_u64());
        let queue = Local::new();
        let thief = queue.thief();
        let core = Core {
            queue,
            chooser,
            route,
            tick: 0,
            jumps: 0,
            pushes: 0,
            timer_news: false,
            handed: None,
        };
        Self {
            owned: Owned::new(core),
            slot: NextSlot::new(),
            thief,
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
            || self.slot.look().is_some() && !matches!(self.owned.look(), Ownership::Running(_))
    }

    /// The next thread of this processor's own.
    #[inline]
    pub(super) fn next_local(&self, core: &mut Core<R>) -> Option<R> {
        if core.jumps < JUMPS_MAX
            && let Some(thread) = self.slot.take()
        {
            core.jumps += 1;
            return Some(thread);
        }
        core.jumps = 0;
        core.queue.pop().or_else(|| self.slot.take())
    }
}

impl<R: Runnable> Shared<R> {
    /// Queues a thread on the processor of `core`, and wakes an LWP for it if one idles.
    #[inline]
    pub(super) fn push_local(&self, core: &mut Core<R>, thread: R) {
        let Some(thread) = self.send_home(thread) else { return };
        core.queue.push(thread);
        core.pushes = core.pushes.wrapping_add(1);
        if core.pushes & LENGTH_LOOK_MASK == 0 {
            self.spill(core);
        }
        self.wake_rule();
    }

    /// Queues a thread that gave up the rest of its slice. Its LWP is about to look at this queue,
    /// so a wake-up that is missed here costs a slice of parallelism at most and the fence of the
    /// wake rule can be spared; and nobody is woken for a thread that is alone.
    #[inline]
    pub(super) fn push_yielded(&self, core: &mut Core<R>, thread: R) {
        core.queue.push(thread);
        if self.idle.counts().wants_wake() && core.queue.len() > 1 {
            self.wake_rule();
        }
    }

    /// Makes a thread ready on the processor of `core`.
    #[inline]
    pub(super) fn ready_local(&self, core: &mut Core<R>, processor: usize, thread: R) {
        match thread.park_word().ready() {
            Ready::Noted => {}
            Ready::Queue => {
                let processor = &self.processors[processor];
                processor.counts.wakes.bump();
                // The first thread in an empty slot wakes nobody: most often its waker parks next,
                // and it runs here with what it needs in the cache.
                if let Some(other) = processor.slot.fill(thread) {
                    self.push_local(core, other);
                }
            }
        }
    }

    #[cold]
    fn spill(&self, core: &mut Core<R>) {
        let length = core.queue.len();
        if length <= QUEUE_MAX {
            return;
        }
        for _ in 0..length / 2 {
            let Some(thread) = core.queue.pop() else { break };
            self.injector.push(thread);
        }
    }
}
