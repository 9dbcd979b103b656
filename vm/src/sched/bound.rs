//! Bound threads: each has an LWP of its own, and runs on no other.
//!
//! A library of the host's may keep its state in the kernel thread that called it; and under the model
//! 1:1 all threads are bound. A bound thread is otherwise like any: it stands in the same queues, parks,
//! calls and yields the same way, and takes a processor like all others. Only whoever finds it does not
//! run it, but *passes* the processor, and with it the thread, to the thread's LWP.
//!
//! A bound LWP is outside of the pool: not on the stack of sleepers, not under the cap. It has a number
//! above the pool's. It counts among the live ones, whose end a shutdown waits for, and in a call among
//! the stranded ones, which are no stall; but it is not counted where the question is how many LWPs the
//! pool has left for its processors.
//!
//! # A bound LWP's life
//!
//! 1. [`Scheduler::bind`] counts it, gives it a number and starts its kernel thread. If the kernel
//!    refuses, all of that is undone, and the caller has an error: nobody else knows of the thread yet.
//! 2. The number goes into the thread, which is spawned like any other. A [`Binding`] that is dropped
//!    instead dismisses its LWP.
//! 3. The LWP sleeps at its post until it gets a processor. The thread to run lies in the processor's
//!    core, where whoever had it before has put it (`Core::handed`).
//! 4. It runs one slice. What it finds near then (returners, the processor's own queue, the injector)
//!    says where the processor goes: its own thread, it runs on; another bound thread, the processor is
//!    passed to that one's LWP; an unbound thread, to a sleeping or new LWP of the pool; nothing, to the
//!    idle list, by the park rule P1 to P4 of [`super::idle`]. Then it sleeps again. It never searches:
//!    when P3 finds work, a searcher of the pool is woken for it.
//! 5. Back from a call without a processor it queues the thread with the returners, and sleeps.
//! 6. It leaves when its thread has ended, when it is dismissed, and when the scheduler is closing. It
//!    joins the one that left before it, and so on back: a kernel thread that nobody has joined keeps its
//!    stack. Whoever joins the last one has joined them all.
//!
//! # Passing
//!
//! - A1 the thread is laid in the core. A2 the ownership word goes from Running to Granted, a release
//!   whose partner is the exchange by which the receiver adopts. A3 the processor's number is put in the
//!   receiver's mail, which stays until it is read.
//! - The processor is never idle meanwhile, so nothing looks like a stall; and one thread is in one place
//!   at a time, so one LWP never has mail from two.
//! - Nobody passes to an LWP that has left, but for one case: a scheduler is closing, the LWP has seen
//!   that and the passer has not. So leaving and A3 meet under the lock of the post: either the mail
//!   comes first, and the leaver takes it and gives the processor back; or it is refused, and the passer
//!   does so. Else the processor would be granted for ever, and what is in its queue never dropped.
//! - The LWP looks whether the scheduler is closing before each sleep; the closer sets that first and
//!   then dismisses all bound LWPs. A post that is opened for a new LWP after that has lost the
//!   dismissal, but its LWP starts after the opening, and sees that the scheduler is closing.
//!
//! A bound thread that becomes ready while a processor is idle is sent to its LWP with that processor at
//! once: going through a searcher of the pool costs another kernel wake-up.
//!
//! Rejected: a queue for each bound LWP (a bound thread that waits for a processor waits in line with all
//! others; two kinds of lines would need a rule between them); bound LWPs that search (each search costs
//! most where there are many of them, and the pool has searchers); a place for the thread in the mail
//! (the core passes from one holder to the next anyway).

use std::fmt;
use std::io;
use std::sync::OnceLock;

use super::find::Work;
use super::lwp::{Lwp, LwpSlot, Post, Seat};
use super::ownership::{Held, NOBODY};
use super::processor::Core;
use super::run::Runnable;
use super::{Scheduler, Shared};
use crate::atomics::{AtomicUsize, Mutex, Ordering, Spot, sound, thread};

/// The first chunk of slots has so many; each further one twice as many as the one before.
const FIRST_CHUNK: usize = 64;
/// Enough for a million, which is more than any kernel makes.
const CHUNKS: usize = 14;
const SLOTS: usize = FIRST_CHUNK * ((1 << CHUNKS) - 1);

/// The slots of bound LWPs, made when they are needed.
pub(super) struct BoundLwps {
    chunks: [OnceLock<Box<[LwpSlot]>>; CHUNKS],
    /// Numbers that were given back. Under its lock.
    free: Mutex<Vec<usize>>,
    /// How many slots there are. Changes under the lock of `free`.
    made: AtomicUsize,
    /// The kernel thread that was the last to leave. Under its lock.
    last_to_leave: Mutex<Option<thread::JoinHandle>>,
}

impl BoundLwps {
    pub(super) fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Vec::new()),
            made: AtomicUsize::new(0),
            last_to_leave: Mutex::new(None),
        }
    }

    /// Waits for the kernel threads that have left to be gone.
    pub(super) fn join(&self) {
        let last = self.last_to_leave.lock().take();
        if let Some(last) = last {
            last.join();
        }
    }

    /// All slots, in the order of their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = &LwpSlot> {
        // Acquire: partner of the release in `add`.
        let made = self.made.load(Ordering::Acquire);
        self.chunks.iter().filter_map(OnceLock::get).flatten().take(made)
    }

    fn slot(&self, at: usize) -> &LwpSlot {
        let (chunk, at) = Self::place(at);
        &self.chunks[chunk].get().expect("a number is given after its slot is made")[at]
    }

    /// The chunk of slot `at`, and where it is in that.
    fn place(at: usize) -> (usize, usize) {
        let chunk = (at / FIRST_CHUNK + 1).ilog2();
        (chunk as usize, at - FIRST_CHUNK * ((1 << chunk) - 1))
    }

    /// A slot nobody uses.
    fn add(&self) -> Option<usize> {
        let mut free = self.free.lock();
        if let Some(at) = free.pop() {
            return Some(at);
        }
        let at = self.made.load(Ordering::Relaxed);
        if at == SLOTS {
            return None;
        }
        let (chunk, _) = Self::place(at);
        self.chunks[chunk]
            .get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| LwpSlot::new()).collect());
        // Release: partner of the acquire in `all`, which then finds the chunk.
        self.made.store(at + 1, Ordering::Release);
        Some(at)
    }

    /// Nobody uses slot `at` any more.
    fn give_back(&self, at: usize) {
        self.free.lock().push(at);
    }
}

/// An LWP that waits for the thread that will be bound to it.
#[must_use]
pub struct Binding<'a, R: Runnable> {
    shared: &'a Shared<R>,
    lwp: usize,
}

impl<R: Runnable> Binding<'_, R> {
    /// The LWP's number, for the thread that [`Runnable::bound_to`] is asked of. The thread must be
    /// spawned: with its end the LWP leaves.
    pub fn into_lwp(self) -> usize {
        let lwp = self.lwp;
        std::mem::forget(self);
        lwp
    }
}

impl<R: Runnable> Drop for Binding<'_, R> {
    fn drop(&mut self) {
        self.shared.lwp(self.lwp).post.dismiss();
    }
}

impl<R: Runnable> fmt::Debug for Binding<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding").field("lwp", &self.lwp).finish_non_exhaustive()
    }
}

/// There is no LWP for a bound thread.
#[derive(Debug)]
pub enum BindError {
    /// The kernel gives no more threads.
    Refused {
        /// What it said.
        source: io::Error,
        /// How many LWPs there are.
        lwps: usize,
    },
    /// The scheduler is being shut down.
    Closing,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { source, lwps } => {
                write!(
                    f,
                    "the kernel refuses more threads than the {lwps} LWPs there are: {source}"
                )
            }
            Self::Closing => f.write_str("the scheduler is being shut down"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Closing => None,
        }
    }
}

impl<R: Runnable> Scheduler<R> {
    /// Makes an LWP for one thread. Step 1.
    pub fn bind(&self) -> Result<Binding<'_, R>, BindError> {
        let shared = &*self.shared;
        if !shared.idle.admit_bound() {
            return Err(BindError::Closing);
        }
        let made = thread::has_room(shared.config.lwp_stack_bytes).and_then(|()| {
            let no_slot = || io::Error::other("there is no number left for another one");
            let at = shared.bound.add().ok_or_else(no_slot)?;
            let lwp = shared.lwps.len() + at;
            let slot = shared.lwp(lwp);
            slot.post.open();
            // Listed from now on.
            slot.published.idle();
            let main = move |scheduler: &Self| Lwp::main_bound(scheduler, lwp);
            if let Err(refused) = shared.launch(lwp, main) {
                slot.published.gone();
                shared.bound.give_back(at);
                return Err(refused);
            }
            Ok(lwp)
        });
        made.map(|lwp| Binding { shared, lwp }).map_err(|source| {
            let lwps = shared.idle.retire_bound();
            // A shutdown may wait for this LWP.
            shared.someone_left();
            BindError::Refused { source, lwps }
        })
    }
}

/// Passes `processor` to LWP `to`: A2 and A3. Gives it back if that LWP has left.
pub(super) fn pass<'a, T>(
    held: Held<'a, T>,
    processor: usize,
    to: usize,
    post: &Post,
) -> Option<Held<'a, T>> {
    let owned = held.pass(to);
    if post.offer(processor) { None } else { owned.adopt(to) }
}

/// Sleeps until there is a processor; `None` if the LWP is to leave. It then closes its post, and may
/// find a processor there all the same.
pub(super) fn attend(post: &Post, closing: impl Fn() -> bool) -> Option<usize> {
    loop {
        if closing() && sound(Spot::BoundClosing) {
            return None;
        }
        let mail = post.wait(None);
        if mail.processor.is_some() {
            return mail.processor;
        }
        if mail.dismissed {
            return None;
        }
    }
}

impl<R: Runnable> Shared<R> {
    /// Does this number stand for a bound LWP?
    pub(super) fn is_bound(&self, lwp: usize) -> bool {
        lwp >= self.lwps.len() && lwp != NOBODY
    }

    /// The slot of an LWP of any kind.
    #[inline]
    pub(super) fn lwp(&self, number: usize) -> &LwpSlot {
        match self.lwps.get(number) {
            Some(slot) => slot,
            None => self.bound.slot(number - self.lwps.len()),
        }
    }

    /// Sends a thread that has become ready to its LWP if it is bound and a processor is idle; else gives
    /// it back, to be queued.
    #[inline]
    pub(super) fn send_home(&self, thread: R) -> Option<R> {
        match thread.bound_to() {
            Some(home) if self.idle.counts().idle != 0 => self.send_with_idle(thread, home),
            Some(_) | None => Some(thread),
        }
    }

    #[cold]
    fn send_with_idle(&self, thread: R, home: usize) -> Option<R> {
        let Some(processor) = self.idle.take() else { return Some(thread) };
        let owned = &self.processors[processor].owned;
        let granted = owned.grant(home);
        debug_assert!(granted, "a processor on the idle list is idle");
        // In its name, to lay the thread in the core.
        let Some(mut held) = owned.adopt(home) else { return Some(thread) };
        held.handed = Some(Work::run(thread));
        let mut held = self.pass(held, processor, home)?;
        let work = held.handed.take();
        held.release();
        // The LWP has left, so the scheduler is closing, and may have closed without this processor.
        self.empty(processor);
        work.map(|work| work.thread)
    }

    fn pass<'a>(
        &self,
        held: Held<'a, Core<R>>,
        processor: usize,
        home: usize,
    ) -> Option<Held<'a, Core<R>>> {
        self.totals.passes.add_shared();
        pass(held, processor, home, &self.lwp(home).post)
    }

    /// Puts what was handed over and will not be run where it is found, or dropped.
    pub(super) fn take_back(&self, core: &mut Core<R>) {
        match core.handed.take() {
            Some(Work { thread, call: None }) => core.queue.push(thread),
            Some(Work { thread, call: Some(handoff) }) => self.calls.push((thread, handoff)),
            None => {}
        }
    }
}

impl<'a, R: Runnable> Lwp<'a, R> {
    pub(super) fn is_bound(&self) -> bool {
        self.shared.is_bound(self.id)
    }

    /// Passes the processor, and the thread in `work`, to the LWP the thread is bound to; lies down
    /// without one. The processor comes back if that LWP has left.
    #[cold]
    pub(super) fn send(
        &mut self,
        mut seat: Seat<'a, R>,
        home: usize,
        work: Work<R>,
    ) -> Option<Seat<'a, R>> {
        let at = seat.at;
        seat.held.handed = Some(work);
        self.published().idle();
        let Some(mut held) = self.shared.pass(seat.held, at.number, home) else {
            self.shared.idle.lie_down(self.id, None, self.searching, false);
            self.searching = false;
            return None;
        };
        self.shared.take_back(&mut held);
        Some(Seat { at, held })
    }

    /// The life of a bound LWP. Steps 3 to 6.
    fn main_bound(scheduler: &'a Scheduler<R>, id: usize) {
        let mut lwp = Self::new(scheduler, id);
        let shared = lwp.shared;
        let post = &shared.lwp(id).post;
        while !lwp.ended
            && let Some(processor) = attend(post, || shared.closing())
        {
            let mut next = lwp.sit_down(processor);
            while let Some(mut seat) = next {
                lwp.published().running(seat.at.number);
                next = match seat.held.handed.take_if(|_| !shared.closing()) {
                    Some(work) => {
                        lwp.tell_timers(&mut seat);
                        lwp.work(seat, work).and_then(|seat| lwp.pass_on(seat))
                    }
                    None => lwp.set_aside(seat),
                };
            }
            lwp.published().idle();
        }
        if let Some(processor) = post.close()
            && let Some(seat) = lwp.sit_down(processor)
        {
            lwp.set_aside(seat);
        }
        lwp.published().gone();
        let me = shared.lwp(id).take_handle();
        let before = std::mem::replace(&mut *shared.bound.last_to_leave.lock(), me);
        shared.bound.give_back(id - shared.lwps.len());
        shared.idle.retire_bound();
        shared.someone_left();
        if let Some(before) = before {
            before.join();
        }
    }

    /// A slice is over: finds out who is to have the processor. Step 4.
    fn pass_on(&mut self, mut seat: Seat<'a, R>) -> Option<Seat<'a, R>> {
        let shared = self.shared;
        self.tell_timers(&mut seat);
        if shared.closing() {
            return self.set_aside(seat);
        }
        let Some(work) = self.find_near(&mut seat).or_else(|| self.find_common(&mut seat)) else {
            return self.set_aside(seat);
        };
        shared.share(&mut seat.held);
        let home = work.thread.bound_to();
        seat.held.handed = Some(work);
        if home == Some(self.id) {
            return Some(seat);
        }
        self.published().idle();
        let at = seat.at;
        let back = match home {
            Some(home) => shared.pass(seat.held, at.number, home),
            None => shared.pass_to_pool(seat.held, at.number),
        };
        self.set_aside(Seat { at, held: back? })
    }

    /// Leaves the processor to whoever comes. P1 to P4 of the park rule, but that another one gets up.
    fn set_aside(&mut self, mut seat: Seat<'a, R>) -> Option<Seat<'a, R>> {
        let shared = self.shared;
        self.published().idle();
        shared.take_back(&mut seat.held);
        seat.held.release();
        shared.idle.put_back(seat.at.number);
        let works = !shared.closing() && shared.work_waits();
        if works || shared.check_quiet().must_look() {
            shared.wake_one();
        }
        None
    }
}

impl<R: Runnable> Shared<R> {
    /// Passes a processor, with an unbound thread in it, to an LWP of the pool. Gives it back if there is
    /// none for it.
    fn pass_to_pool<'a>(
        &self,
        held: Held<'a, Core<R>>,
        processor: usize,
    ) -> Option<Held<'a, Core<R>>> {
        if self.refusing.load(Ordering::Relaxed) && !self.idle.has_sleeper() {
            return Some(held);
        }
        let Some(claim) = self.idle.staff(processor, self.poller.sleeper()) else {
            return Some(held);
        };
        held.pass(claim.lwp);
        self.rouse(claim);
        None
    }
}
