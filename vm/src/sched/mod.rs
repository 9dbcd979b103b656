//! The scheduler: many user threads on few kernel threads.
//!
//! # The problem
//!
//! A script may have a million threads. Switching between two of them must cost tens of
//! nanoseconds, all CPUs must be used, a call that blocks in the kernel must not stop anybody but
//! its caller, and a machine with nothing to do must cost nothing. The scheduler knows none of
//! what it runs: it moves handles of [`Runnable`] about and calls them.
//!
//! # Words
//!
//! - A *thread* is a user thread, a [`Runnable`].
//! - A *processor* ([`processor`]) is the right to run threads, with a queue, a next-slot and
//!   timers. There are as many as threads may run at once.
//! - An *LWP* ([`lwp`]) is a kernel thread. It must hold a processor to run a thread. Those of the
//!   *pool* run any thread, a *bound* one ([`bound`]) runs one thread only.
//! - The *injector* is the queue for those who hold no processor; the *returners* ([`find::Line`])
//!   are threads back from a call whose processor is gone.
//! - The *monitor* ([`monitor`]) is the kernel thread that watches the LWPs.
//! - The *poller* ([`poller`]) knows which file descriptors are ready.
//! - A *handoff* is a processor passing from an LWP in a call to another one.
//!
//! # The life of a thread
//!
//! 1. `spawn` puts it in the run queue of the spawner's processor, when that is long on its stack, or
//!    from outside in the injector.
//! 2. An LWP finds it ([`find`]), calls [`Runnable::run`], and looks at the [`Outcome`]:
//!    *yielded*, it goes to the end of the queue; *done*, the handle is dropped.
//! 3. *Parked*: somebody else has the handle now. The race with a waker who is faster than the LWP
//!    is settled in one word per thread ([`park`]).
//! 4. *Ready*: whoever won the claim of its wait puts it in the next-slot ([`slot`]), or in the
//!    injector.
//! 5. *Blocking*: its LWP makes the call ([`call`]); the processor stays with the LWP if the call
//!    is short and passes to another one if it is long ([`ownership`], [`monitor`]).
//!
//! # Who wakes whom
//!
//! All of it rests on one handshake, the wake rule and the park rule of [`idle`]: who adds work
//! pushes, fences, and looks for somebody idle; who runs out of work goes idle, fences, and looks
//! for work. The monitor's sleep uses the same shape. These are the places with a
//! `fence(SeqCst)`; everything else is release and acquire on one word:
//!
//! | word | release | acquire |
//! |---|---|---|
//! | ownership of a processor | enter a call, release, grant, pass | leave, take, grant, adopt |
//! | park word | put down | take up |
//! | next-slot | fill, take | take, fill |
//! | queues | inside `crossbeam-deque` | inside `crossbeam-deque` |
//! | role of the poller | its holder lets go | the next takes it |
//!
//! Locks, each held for a few instructions and never while a thread's code, a call or a hook runs:
//! the idle lists; then, one at a time and never while holding another: a line (returners or
//! calls), a timer heap, a source of the poller or the table of these, an LWP's post, the monitor's
//! orders, the numbers of bound LWPs, who of these left last. An LWP's handle is locked while its
//! kernel thread is started, outside all of these.
//!
//! # What is promised
//!
//! - *Work conservation*: no LWP sleeps with an idle processor while a thread waits in a queue, but
//!   for the rest of the slice in which another thread has put it there, and the next one; behind short slices
//!   for some hundred microseconds ([`backlog`]). A thread in a next-slot
//!   whose owner runs waits for the end of each slice, unless a searcher comes by.
//! - *Fairness*: a thread that can run does so within a number of slices in proportion to how many
//!   can; see [`find`] for the order and the bound, `docs/scheduler.md` for what a slice is.
//! - *Virtual time* moves with what threads do ([`timer`]): none of them stops the clock.
//! - *No lost thread*: a refused kernel thread, a full house of calls and a shutdown leave every
//!   thread in a queue where it is found, or drop it.
//! - *Progress*: a processor always finds an LWP (see [`call`] for how many are set aside).
//! - *Bound threads* ([`bound`]) run on an LWP of their own and on no other.
//! - *Stalls* are reported once, promptly, and never falsely ([`stall`]).
//! - *The end* ([`shutdown`]) leaves no kernel thread.
//!
//! # Rejected
//!
//! - *One kernel thread per user thread*: some 90 us to make one, 9 us to switch.
//! - *One queue for all*: every switch would go through one contended line.
//! - *Handing a processor off before each call*: a kernel wake-up per call, where most calls are
//!   over in less time than that takes.
//! - *Waking on each push*: two kernel wake-ups per message in a pair of threads that talk.
//! - *Preempting by signals*: they make other people's system calls fail. What runs counts its own
//!   instructions and yields.
//! - *Running the last look under one lock*: correct, and a lock in every push.

pub mod chooser;
pub mod park;
pub mod run;

mod backlog;
mod bound;
mod call;
mod config;
mod find;
mod idle;
mod lwp;
mod monitor;
mod ownership;
mod poller;
mod processor;
mod queue;
mod report;
mod shutdown;
mod slot;
mod stall;
mod timer;

#[cfg(test)]
#[cfg(loom)]
mod models;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

use std::fmt;

pub use self::bound::BindError;
pub use self::chooser::Chooser;
pub use self::config::{Config, Hooks, StartError};
pub(crate) use self::lwp::is_ours;
pub use self::park::ParkWord;
pub use self::poller::{Enlisted, Interest, Source, Told};
pub use self::report::{LwpInfo, LwpState};
pub use self::run::{Context, Handoff, Outcome, Runnable, Time};

use self::bound::BoundLwps;
use self::find::Line;
use self::idle::Idle;
use self::lwp::LwpSlot;
use self::monitor::Monitor;
use self::poller::Poller;
use self::processor::Processor;
use self::queue::Injector;
use self::report::Totals;
use self::stall::Holds;
use self::timer::Clock;
#[cfg(test)]
#[cfg(not(loom))]
pub(crate) use self::timer::NANOS_PER_FUEL;
use crate::atomics::{Arc, AtomicBool, Condvar, Mutex, Weak, prepare, thread};

/// A scheduler. Clones are handles to the same one.
///
/// Dropping handles stops nothing: [`Scheduler::shutdown`] does.
pub struct Scheduler<R: Runnable> {
    shared: Arc<Shared<R>>,
}

/// What all LWPs, the monitor and the host share.
struct Shared<R: Runnable> {
    /// Immutable after the start, like everything here without a note.
    config: Config,
    hooks: Box<dyn Hooks>,
    clock: Clock,
    processors: Box<[Processor<R>]>,
    /// The pool.
    lwps: Box<[LwpSlot]>,
    /// Own protocol.
    bound: BoundLwps,
    monitor: Monitor,
    /// Own protocol.
    poller: Poller<R>,
    /// How many LWPs may be stranded before calls have to wait.
    calls_max: usize,
    /// For LWPs that are made later.
    me: Weak<Self>,
    /// Own protocol.
    idle: Idle,
    /// Anybody.
    injector: Injector<R>,
    /// Threads back from a call without a processor. Under its lock.
    returners: Line<R>,
    /// Calls that were not admitted yet. Under its lock.
    calls: Line<(R, Handoff)>,
    /// Own protocol.
    holds: Holds,
    totals: Totals,
    /// The kernel refused an LWP a moment ago. A hint: set by whoever was refused, cleared by the
    /// monitor.
    refusing: AtomicBool,
    /// Set once, by shutdown.
    closing: AtomicBool,
    /// With `left`: LWPs leave, shutdown waits.
    leaving: Mutex<()>,
    left: Condvar,
    /// Has the end been reached? Locked while a shutdown is going on.
    ended: Mutex<bool>,
    /// Makes the kernel refuse LWPs.
    #[cfg(test)]
    refuse: AtomicBool,
}

impl<R: Runnable> Scheduler<R> {
    /// Starts a scheduler: the monitor and one LWP; further LWPs are made when there is work for
    /// them.
    pub fn new(config: Config, hooks: Box<dyn Hooks>) -> Result<Self, StartError> {
        prepare();
        let scheduler = Self::unstarted(config, hooks);
        let watched = scheduler.clone();
        let monitor = thread::start("lisle-monitor".to_owned(), 0, move || watched.monitor_main())
            .map_err(|source| StartError { source })?;
        scheduler.shared.monitor.set_handle(monitor);
        scheduler.shared.wake_one();
        if scheduler.shared.totals.lwps_refused.get() != 0 {
            scheduler.shutdown();
            return Err(StartError { source: std::io::ErrorKind::WouldBlock.into() });
        }
        Ok(scheduler)
    }

    /// A scheduler without kernel threads yet.
    fn unstarted(config: Config, hooks: Box<dyn Hooks>) -> Self {
        let config = config.settled();
        let seed = config.seed.unwrap_or_else(Chooser::fresh_seed);
        let calls_max = config.max_lwps - config.processors * call::LWPS_PER_PROCESSOR;
        let shared = Arc::new_cyclic(|me| Shared {
            hooks,
            clock: Clock::new(config.virtual_time),
            processors: (0..config.processors)
                .map(|id| Processor::new(id, Chooser::of_processor(seed, id)))
                .collect(),
            lwps: (0..config.max_lwps).map(|_| LwpSlot::new()).collect(),
            bound: BoundLwps::new(),
            monitor: Monitor::new(),
            poller: Poller::new(),
            calls_max,
            me: me.clone(),
            idle: Idle::new(config.processors, config.max_lwps),
            injector: Injector::new(),
            returners: Line::new(),
            calls: Line::new(),
            holds: Holds::new(),
            totals: Totals::default(),
            refusing: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            leaving: Mutex::new(()),
            left: Condvar::new(),
            ended: Mutex::new(false),
            #[cfg(test)]
            refuse: AtomicBool::new(false),
            config,
        });
        Self { shared }
    }

    /// Adds a new thread, from any kernel thread. Dropped if the scheduler is being shut down.
    pub fn spawn(&self, thread: R) {
        // In between it counts as alive and is in no queue: that must not look like a stall.
        self.shared.holds.begin();
        // Counted first: a thread that has ended must have been added.
        self.shared.totals.injected.add_shared();
        self.shared.submit(thread);
        self.shared.end_hold();
    }

    /// Makes a parked thread ready, from any kernel thread. To be called by whoever won the claim
    /// of the thread's wait.
    pub fn ready(&self, thread: R) {
        self.shared.ready_outside(thread);
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.shared.clock.now()
    }

    /// As long as the hold lives, there is no stall: something outside may wake a thread.
    pub fn hold(&self) -> Hold {
        self.shared.holds.begin();
        Hold { holder: self.shared.clone() }
    }

    /// Does a hold exist at this moment?
    pub fn is_held(&self) -> bool {
        self.shared.holds.any()
    }

    /// Plays the kernel that is out of threads from now on.
    #[cfg(test)]
    pub fn refuse_lwps(&self) {
        self.shared.refuse.store(true, crate::atomics::Ordering::Relaxed);
    }

    /// How many threads run at once at most.
    pub fn processors(&self) -> usize {
        self.shared.processors.len()
    }
}

impl<R: Runnable> Clone for Scheduler<R> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<R: Runnable> fmt::Debug for Scheduler<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl<R: Runnable> Shared<R> {
    /// A test plays the kernel that is out of threads.
    fn refuses_by_order(&self) -> bool {
        #[cfg(test)]
        let refuses = self.refuse.load(crate::atomics::Ordering::Relaxed);
        #[cfg(not(test))]
        let refuses = false;
        refuses
    }
}

/// Somebody outside the scheduler may still wake a thread.
#[must_use]
pub struct Hold {
    holder: Arc<dyn Holder>,
}

trait Holder: Send + Sync {
    fn let_go(&self);
}

impl<R: Runnable> Holder for Shared<R> {
    fn let_go(&self) {
        self.end_hold();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holder.let_go();
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}
