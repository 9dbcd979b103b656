//! Readiness of file descriptors: threads that wait for one are parked, and hold no LWP.
//!
//! A [`Source`] is a descriptor that the kernel's poller watches ([`kernel`]: a file for each
//! system). It has two sides, for reading and for writing, and each side has a *tick*, which the
//! poller moves on whenever the kernel says that something has changed there, and a line of waiting
//! threads. Descriptors are watched on the edge: the kernel tells each change once, so a descriptor
//! that is ready and unwanted costs nothing.
//!
//! # Waiting
//!
//! 1. A thread *looks*: it reads the tick of the side.
//! 2. It tries its operation, which does not block. If that says that it would, then
//! 3. under the lock of the source: if the tick is not the one of step 1, something has come
//!    meanwhile, and it goes back to 1. Else it begins its wait, enters the line, and parks.
//! 4. The poller, under the same lock, moves the tick on and takes from the front of the line the
//!    first thread whose wait it can claim. So a change is either seen in step 3, or finds the thread in
//!    the line; never neither.
//! 5. One change may be news for several (three connections came, one event told of them; or one read
//!    took more than one of them wants), so a thread that has got something *passes on*, whether it
//!    was woken or came just then: it wakes the next in line. One that has got nothing, because
//!    somebody was faster, does not. So an event costs one wake-up for each thread that has
//!    something to do, and one, however many wait.
//!
//! A thread whose wait has ended another way (time, cancellation) *leaves*: its entry stays where it
//! is, stale, and is thrown away when it comes to the front or when half of the line is stale.
//!
//! # Trying in vain
//!
//! A read from a TCP socket that got less than it had room for has emptied it, and the kernel tells of
//! whatever comes after that read. So who keeps what it had been [told](Told) before such a read need
//! not try again while it is told the same: it goes on as if step 2 had said that it would block. Some
//! news are not used up by a read, nor told again: that the stream has ended or failed, which the next
//! read finds; and that there are urgent data, before which a read ends though more lies behind. Once
//! one of them has come for a source, nothing is told of it that could be the same.
//!
//! # Who polls
//!
//! One at a time, the holder of the *role* ([`Poller::try_hold`], an exchange on one word).
//!
//! - An LWP that lies down with nothing to do takes the role, if it is free and somebody waits, and
//!   sleeps in the kernel's poller instead of on its post, until an event, its mail (a *kick*), or
//!   the time it would have slept to anyway (see [`super::lwp`]).
//! - An LWP that always has something to do looks in passing, without waiting, once in a while.
//! - The monitor sees to it that somebody does when nobody has for a millisecond: it pokes an LWP
//!   that sleeps on its post, or polls itself. Whoever leaves the role, or enters a line while it is
//!   free, makes sure that the monitor does not sleep past that ([`Shared::cover_polling`]).
//!
//! # Counts
//!
//! A thread in a line is a reason not to be stalled: it has a hold ([`super::stall`]) from before it
//! is in the line until after it has been queued again, or has left by itself. `wanted` counts
//! everybody for whose sake somebody has to poll: also what is to be done once, which wakes no thread
//! and has no hold.
//!
//! Rejected: a kernel thread of its own for polling (two switches more for each event); waking all who
//! wait (with a thousand threads in `accept` each connection would wake a thousand); level-triggered
//! watching (a system call to arm before each wait and one to disarm after).

#[cfg(all(target_os = "linux", not(loom)))]
#[path = "epoll.rs"]
mod kernel;
#[cfg(loom)]
#[path = "model.rs"]
mod kernel;
#[cfg(all(not(target_os = "linux"), not(loom)))]
#[path = "none.rs"]
mod kernel;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use self::kernel::{Events, Kernel};
use super::run::{Runnable, Time};
use super::{Scheduler, Shared};
use crate::atomics::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering, Spot, fence_at, sound};

/// How long nobody may have polled before somebody must.
pub(super) const UNATTENDED: Duration = Duration::from_millis(1);
/// How long ago the last poll must be before a busy LWP looks in passing.
const PASSING: Duration = Duration::from_micros(50);
/// A line with fewer stale entries is not swept.
const STALE_MIN: usize = 16;

/// The key of the kick: no source has it.
const KICK: u64 = u64::MAX;
/// The role is held by the monitor, or in passing.
const OUTSIDE: usize = usize::MAX;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// There is something to read, or the end of it, or somebody to accept.
    Read,
    /// There is room to write, or a connection is there.
    Write,
}

impl Interest {
    const fn side(self) -> usize {
        match self {
            Self::Read => 0,
            Self::Write => 1,
        }
    }
}

/// What the kernel said about one source.
#[derive(Clone, Copy, Debug)]
struct Event {
    key: u64,
    readable: bool,
    writable: bool,
    /// There are news that a read does not use up.
    lasting: bool,
}

impl Event {
    /// Which sides have changed.
    const fn sides(&self) -> [bool; 2] {
        [self.readable, self.writable]
    }
}

/// The poller of a scheduler.
pub(super) struct Poller<R> {
    /// Made when the first source is watched. Under its lock until then; immutable after.
    kernel: std::sync::OnceLock<Kernel>,
    making: Mutex<()>,
    sources: Mutex<Table<R>>,
    /// How many threads, and others, wait for events.
    wanted: AtomicUsize,
    /// Who polls: 0 for nobody, [`OUTSIDE`] for one without a number, or an LWP's number and 1.
    held: AtomicUsize,
    /// When somebody last had, in nanoseconds of the wall clock.
    last: AtomicU64,
}

/// Sources by their keys.
struct Table<R> {
    places: Vec<Option<Arc<Inner<R>>>>,
    free: Vec<usize>,
    /// Makes the keys of two sources in one place differ.
    added: u64,
}

/// A descriptor that is watched.
pub struct Source<R: Runnable> {
    inner: Arc<Inner<R>>,
    shared: Arc<Shared<R>>,
}

struct Inner<R> {
    key: u64,
    descriptor: RawFd,
    /// Any LWP, under the lock.
    state: Mutex<State<R>>,
}

struct State<R> {
    sides: [Side<R>; 2],
    /// News came that a read does not use up.
    lasting: bool,
    closed: bool,
}

struct Side<R> {
    tick: u64,
    line: VecDeque<Entry<R>>,
    /// How many entries of the line are of waits that are over.
    stale: usize,
}

enum Entry<R> {
    /// The wait of a thread that this token names.
    Thread(R, u64),
    /// Something to do, once.
    Once(Box<dyn FnOnce() + Send>),
}

/// What step 1 has seen.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    side: usize,
    tick: u64,
}

/// What the kernel has told of one side: while it is the same, nothing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told(u64);

/// What step 3 came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enlisted {
    /// The thread is in the line and parks now.
    Waiting,
    /// Something has come: it looks and tries again.
    Again,
    /// The source is closed.
    Closed,
    /// The wait did not begin.
    Noticed,
}

/// The role of the one who polls.
pub(super) struct Role<'a, R: Runnable> {
    poller: &'a Poller<R>,
    kernel: &'a Kernel,
}

impl<R: Runnable> Drop for Role<'_, R> {
    fn drop(&mut self) {
        // Release: partner of the acquire in `try_hold`, for the sake of `last` only.
        self.poller.held.store(0, Ordering::Release);
    }
}

impl<R: Runnable> Poller<R> {
    pub(super) fn new() -> Self {
        Self {
            kernel: std::sync::OnceLock::new(),
            making: Mutex::new(()),
            sources: Mutex::new(Table { places: Vec::new(), free: Vec::new(), added: 0 }),
            wanted: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        }
    }

    /// Does anybody wait for events while nobody polls? Ordered after nothing.
    #[inline]
    pub(super) fn is_unheld(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) != 0 && self.held.load(Ordering::Relaxed) == 0
    }

    /// Has nobody polled for so long before `now`, although somebody waits?
    pub(super) fn is_overdue(&self, now: Time, span: Duration) -> bool {
        self.is_unheld() && Time::from_nanos(self.last.load(Ordering::Relaxed)) + span <= now
    }

    /// Somebody has to poll.
    fn want(&self) {
        self.wanted.fetch_add(1, Ordering::Relaxed);
    }

    fn unwant(&self) {
        self.wanted.fetch_sub(1, Ordering::Relaxed);
    }

    /// The LWP that sleeps in the poller.
    pub(super) fn sleeper(&self) -> Option<usize> {
        match self.held.load(Ordering::Relaxed) {
            0 | OUTSIDE => None,
            held => Some(held - 1),
        }
    }

    /// Takes the role for an LWP or for somebody else, if anybody waits and nobody has it.
    pub(super) fn try_hold(&self, lwp: Option<usize>) -> Option<Role<'_, R>> {
        if !self.is_unheld() {
            return None;
        }
        let kernel = self.kernel.get()?;
        let holder = lwp.map_or(OUTSIDE, |lwp| lwp + 1);
        // Acquire: partner of the release by the last holder.
        self.held.compare_exchange(0, holder, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Role { poller: self, kernel })
    }

    /// Lets go of all who wait, at the end of the scheduler.
    pub(super) fn clear(&self) {
        let sources: Vec<_> = self.sources.lock().places.iter().flatten().cloned().collect();
        for source in sources {
            let lines =
                source.state.lock().sides.each_mut().map(|side| std::mem::take(&mut side.line));
            drop(lines);
        }
    }

    /// Has whoever sleeps in the poller wake up.
    pub(super) fn kick(&self) {
        if let Some(kernel) = self.kernel.get() {
            kernel.kick();
        }
    }

    /// The kernel's side of the poller, made if need be.
    fn kernel(&self) -> io::Result<&Kernel> {
        if self.kernel.get().is_none() {
            let _making = self.making.lock();
            if self.kernel.get().is_none() {
                let made = Kernel::new(KICK)?;
                // Set once: under the lock.
                let _ = self.kernel.set(made);
            }
        }
        self.kernel.get().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn source(&self, key: u64) -> Option<Arc<Inner<R>>> {
        let table = self.sources.lock();
        let source = table.places.get(Table::<R>::place(key))?.as_ref()?;
        (source.key == key).then(|| source.clone())
    }
}

impl<R> Table<R> {
    /// The low half of a key is the place, the high one tells apart who had it.
    const fn place(key: u64) -> usize {
        (key & 0xffff_ffff) as usize
    }
}

impl<R: Runnable> Role<'_, R> {
    /// Waits for events, for about `limit` at most, and does what they lead to: threads whose waits
    /// have ended go to `wake`, to be made ready. How many these were.
    pub(super) fn poll(
        &self,
        shared: &Shared<R>,
        limit: Option<Duration>,
        mut wake: impl FnMut(R),
    ) -> usize {
        let mut events = Events::new();
        self.kernel.wait(&mut events, limit);
        // Relaxed: when, not what.
        self.poller.last.store(shared.clock.wall().as_nanos(), Ordering::Relaxed);
        let mut woken = 0;
        for event in events.iter() {
            if event.key == KICK {
                self.kernel.take_kick();
                continue;
            }
            let Some(source) = self.poller.source(event.key) else { continue };
            source.tell(event);
            for (side, ready) in event.sides().into_iter().enumerate() {
                if ready {
                    woken += usize::from(shared.wake_next(&source, side, &mut wake));
                }
            }
        }
        woken
    }
}

impl<R> Inner<R> {
    fn new(key: u64, descriptor: RawFd) -> Self {
        let side = || Side { tick: 0, line: VecDeque::new(), stale: 0 };
        let state = State { sides: [side(), side()], lasting: false, closed: false };
        Self { key, descriptor, state: Mutex::new(state) }
    }

    /// Step 1.
    fn look(&self, interest: Interest) -> Look {
        let side = interest.side();
        Look { side, tick: self.state.lock().sides[side].tick }
    }

    /// Step 3. `begin` begins the wait of a thread and gives its token.
    fn enlist(&self, look: Look, begin: impl FnOnce() -> Option<(R, u64)>) -> Enlisted {
        let mut state = self.state.lock();
        if state.closed {
            return Enlisted::Closed;
        }
        if state.sides[look.side].tick != look.tick && sound(Spot::SourceTick) {
            return Enlisted::Again;
        }
        match begin() {
            Some((thread, token)) => {
                state.sides[look.side].line.push_back(Entry::Thread(thread, token));
                Enlisted::Waiting
            }
            None => Enlisted::Noticed,
        }
    }

    /// What the kernel has told of a side; `None` when what it told is not used up by a read.
    fn told(&self, interest: Interest) -> Option<Told> {
        let state = self.state.lock();
        let lasting = state.lasting && sound(Spot::SourceLasting);
        (!lasting).then(|| Told(state.sides[interest.side()].tick))
    }

    /// Step 4: something has come.
    fn tell(&self, event: Event) {
        let mut state = self.state.lock();
        state.lasting |= event.lasting;
        for (side, ready) in state.sides.iter_mut().zip(event.sides()) {
            side.tick += u64::from(ready);
        }
    }

    /// Steps 4 and 5: takes the first in line.
    fn next(&self, side: usize) -> Option<Entry<R>> {
        self.state.lock().sides[side].line.pop_front()
    }
}

impl<R: Runnable> Shared<R> {
    /// Ends the wait of the first in line and gives its thread to `wake`, to be made ready. True if
    /// there was one.
    fn wake_next(&self, source: &Inner<R>, side: usize, wake: impl FnOnce(R)) -> bool {
        loop {
            match source.next(side) {
                None => return false,
                Some(Entry::Once(f)) => {
                    f();
                    self.poller.unwant();
                    return false;
                }
                Some(Entry::Thread(thread, token)) if thread.source_ready(token) => {
                    wake(thread);
                    // The thread is queued before it stops being a reason to wait.
                    self.unwant();
                    return true;
                }
                Some(Entry::Thread(..)) => {
                    // It leaves, or has left, by itself.
                    let mut state = source.state.lock();
                    state.sides[side].stale = state.sides[side].stale.saturating_sub(1);
                }
            }
        }
    }

    /// A thread is about to enter a line.
    fn want(&self) {
        self.holds.begin();
        self.poller.want();
    }

    /// It is in none any more, and runs or is queued.
    fn unwant(&self) {
        self.poller.unwant();
        self.end_hold();
    }

    /// Whoever has left the role, or has entered a line while it was free: sees to it that the
    /// monitor does not sleep for long.
    pub(super) fn cover_polling(&self) {
        // Partner: the fence between the monitor's announcing its sleep and its last look.
        fence_at(Spot::CallFence);
        if self.poller.is_unheld() {
            self.ring_for(self.clock.wall() + UNATTENDED);
        }
    }

    /// Polls without waiting, for the monitor; threads go to the injector.
    pub(super) fn poll_outside(&self) {
        if let Some(role) = self.poller.try_hold(None) {
            role.poll(self, Some(Duration::ZERO), |thread| self.ready_outside(thread));
        }
    }

    /// Polls in passing, for an LWP that is busy with a processor.
    #[cold]
    pub(super) fn poll_in_passing(&self, wake: impl FnMut(R)) {
        if self.poller.is_overdue(self.clock.wall(), PASSING)
            && let Some(role) = self.poller.try_hold(None)
        {
            role.poll(self, Some(Duration::ZERO), wake);
            drop(role);
            self.cover_polling();
        }
    }
}

impl<R: Runnable> Scheduler<R> {
    /// Has a descriptor watched. It stays open until the source is closed or dropped. An error is the
    /// kernel's, for a descriptor that cannot be watched (a file on a disk always is ready) among
    /// others.
    pub fn watch(&self, descriptor: RawFd) -> io::Result<Source<R>> {
        let poller = &self.shared.poller;
        let kernel = poller.kernel()?;
        let inner = {
            let mut table = poller.sources.lock();
            let place = table.free.pop().unwrap_or_else(|| {
                table.places.push(None);
                table.places.len() - 1
            });
            table.added += 1;
            let key = table.added << 32 | place as u64;
            let inner = Arc::new(Inner::new(key, descriptor));
            table.places[place] = Some(inner.clone());
            inner
        };
        let source = Source { inner, shared: self.shared.clone() };
        match kernel.add(descriptor, source.inner.key) {
            Ok(()) => Ok(source),
            Err(error) => {
                // It is dropped, which takes it out of the table. What the kernel watches under this
                // number is another source's: two for one descriptor are refused.
                source.inner.state.lock().closed = true;
                Err(error)
            }
        }
    }
}

impl<R: Runnable> Source<R> {
    /// Step 1.
    pub fn look(&self, interest: Interest) -> Look {
        self.inner.look(interest)
    }

    /// What the kernel has told of a side, for who wants to try nothing in vain.
    pub fn told(&self, interest: Interest) -> Option<Told> {
        self.inner.told(interest)
    }

    /// Step 3. `begin` begins the wait of a thread and gives its token.
    pub fn wait(&self, look: Look, begin: impl FnOnce() -> Option<(R, u64)>) -> Enlisted {
        // Before it is in the line: whoever takes it out ends this.
        self.shared.want();
        let enlisted = self.inner.enlist(look, begin);
        if enlisted == Enlisted::Waiting {
            self.shared.cover_polling();
        } else {
            self.shared.unwant();
        }
        enlisted
    }

    /// A thread that waited has got something: there may be something for the next one too, which
    /// `wake` is to make ready. Step 5.
    pub fn pass_on(&self, interest: Interest, wake: impl FnOnce(R)) {
        self.shared.wake_next(&self.inner, interest.side(), wake);
    }

    /// Something has changed that the kernel knows nothing of: all who wait look again.
    pub fn changed(&self, interest: Interest) {
        let line = {
            let mut state = self.inner.state.lock();
            let side = &mut state.sides[interest.side()];
            side.tick += 1;
            side.stale = 0;
            std::mem::take(&mut side.line)
        };
        self.end_waits(line, |f| f());
    }

    /// A thread's wait has ended another way.
    pub fn leave(&self, interest: Interest) {
        let swept = {
            let mut state = self.inner.state.lock();
            let side = &mut state.sides[interest.side()];
            side.stale += 1;
            if side.stale >= STALE_MIN && side.stale * 2 >= side.line.len() {
                side.stale = 0;
                let line = std::mem::take(&mut side.line);
                let (live, stale): (VecDeque<_>, _) =
                    line.into_iter().partition(|entry| match entry {
                        Entry::Thread(thread, token) => thread.waits(*token),
                        Entry::Once(_) => true,
                    });
                side.line = live;
                stale
            } else {
                VecDeque::new()
            }
        };
        // Handles are dropped without the lock: a last one may run anything.
        drop(swept);
        self.shared.unwant();
    }

    /// Has `f` called once, by whoever polls, at the next change on a side; or now, if there was one
    /// since the source was made. It is quick, and never called if the scheduler ends before.
    pub fn once(&self, interest: Interest, f: impl FnOnce() + Send + 'static) {
        // No hold: it makes no thread ready.
        self.shared.poller.want();
        let now = {
            let mut state = self.inner.state.lock();
            // Under the lock: either the end of the scheduler clears what is put into the line here,
            // or this sees that it has come.
            if self.shared.closing() || state.closed {
                drop(state);
                self.shared.poller.unwant();
                return;
            }
            let side = &mut state.sides[interest.side()];
            if side.tick == 0 {
                side.line.push_back(Entry::Once(Box::new(f)));
                None
            } else {
                Some(f)
            }
        };
        match now {
            None => self.shared.cover_polling(),
            Some(f) => {
                f();
                self.shared.poller.unwant();
            }
        }
    }

    /// Ends the watching: those who wait are woken, and find it closed. False if it was.
    pub fn close(&self) -> bool {
        let lines = {
            let mut state = self.inner.state.lock();
            if std::mem::replace(&mut state.closed, true) {
                return false;
            }
            state.sides.each_mut().map(|side| std::mem::take(&mut side.line))
        };
        // While the descriptor is still this source's: its number may be another one's soon.
        if let Some(kernel) = self.shared.poller.kernel.get() {
            kernel.remove(self.inner.descriptor);
        }
        self.end_waits(lines.into_iter().flatten(), drop);
        true
    }

    /// Makes threads ready that were in a line, and does with the others what `once` says.
    fn end_waits(
        &self,
        line: impl IntoIterator<Item = Entry<R>>,
        once: impl Fn(Box<dyn FnOnce() + Send>),
    ) {
        for entry in line {
            match entry {
                Entry::Once(f) => {
                    once(f);
                    self.shared.poller.unwant();
                }
                Entry::Thread(thread, token) => {
                    // One whose wait has ended another way leaves by itself.
                    if thread.source_ready(token) {
                        self.shared.ready_outside(thread);
                        self.shared.unwant();
                    }
                }
            }
        }
    }

    /// Is it closed?
    pub fn is_closed(&self) -> bool {
        self.inner.state.lock().closed
    }
}

impl<R: Runnable> Drop for Source<R> {
    fn drop(&mut self) {
        self.close();
        let mut table = self.shared.poller.sources.lock();
        let place = Table::<R>::place(self.inner.key);
        let gone = table.places[place].take();
        table.free.push(place);
        drop(table);
        drop(gone);
    }
}

impl<R: Runnable> std::fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("descriptor", &self.inner.descriptor).finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
pub(super) mod models;
