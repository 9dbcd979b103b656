//! LWPs: the kernel threads that run user threads.
//!
//! An LWP is a loop: find something to do, do it, and when there is nothing, give the processor
//! back and sleep. It holds a processor (a [`Seat`]) or none; between two user threads it holds
//! nothing of either. This is the only file that starts kernel threads which run scripts.
//!
//! An LWP is made when a processor is idle, work waits and no LWP sleeps. The processor is claimed
//! first and the thread is made after, so that a refusal by the kernel leaves nothing behind but an
//! idle processor and work: both stay where they are, and the monitor tries again. An LWP that has
//! slept for long enough leaves, unless it is the last. All of that goes for the LWPs of the pool, which
//! run any thread; the LWP of a bound thread lives by other rules ([`super::bound`]).

use std::cell::Cell;
use std::io;
use std::time::Duration;

use super::find::Work;
use super::idle::Claim;
use super::ownership::Held;
use super::processor::{Core, Processor};
use super::report::Published;
use super::run::{Context, Outcome, Runnable, Time};
use super::{Scheduler, Shared};
use crate::atomics::{Condvar, Mutex, Ordering, Spot, sound, thread};

/// The shortest sleep of an LWP that waits for a timer: with a timer every few microseconds it would
/// do little else than lie down and get up.
const NAP: Duration = Duration::from_micros(200);
/// The same after it has fired [`MANY`] since it got up: each nap is a wake-up saved.
const LONG_NAP: Duration = Duration::from_micros(500);
const MANY: u32 = 16;

/// How long an LWP runs threads before it has another one watch the timers that were set meanwhile. A few
/// slices: less than the precision of a nap.
const NEWS: Duration = Duration::from_micros(100);

/// How many calls a thread may make in one slice while others wait for its processor.
const CALLS_PER_SLICE: u32 = 32;

crate::atomics::per_kernel_thread! {
    /// Does this kernel thread belong to a scheduler, whichever?
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// Is the calling kernel thread an LWP or a monitor?
pub(crate) fn is_ours() -> bool {
    IS_OURS.with(Cell::get)
}

/// The calling kernel thread belongs to a scheduler.
pub(super) fn mark_as_ours() {
    IS_OURS.with(|is| is.set(true));
}

/// What everybody may see of an LWP, whether or not it exists.
pub(super) struct LwpSlot {
    pub(super) post: Post,
    pub(super) published: Published,
    /// The kernel thread that has this number, or the last one that had it. Locked while it is
    /// being started, so that shutdown cannot overlook it.
    handle: Mutex<Option<thread::JoinHandle>>,
}

impl LwpSlot {
    pub(super) fn new() -> Self {
        Self { post: Post::new(), published: Published::new(), handle: Mutex::new(None) }
    }

    /// Waits for the kernel thread to be gone.
    pub(super) fn join(&self) {
        if let Some(handle) = self.take_handle() {
            handle.join();
        }
    }

    /// Makes it somebody else's business to join the kernel thread.
    pub(super) fn take_handle(&self) -> Option<thread::JoinHandle> {
        self.handle.lock().take()
    }
}

/// What was sent to a sleeping LWP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mail {
    /// A processor granted to it.
    pub(super) processor: Option<usize>,
    /// Something it should look at has changed.
    pub(super) poked: bool,
    /// It sleeps in the poller, where only a kick reaches it.
    in_poller: bool,
    /// It is to leave. For bound LWPs.
    pub(super) dismissed: bool,
    /// Nobody reads mail here any more. For bound LWPs.
    left: bool,
}

/// Where an LWP sleeps. Mail stays until it is read, so that it does not matter whether the LWP
/// already sleeps.
#[derive(Debug)]
pub(super) struct Post {
    mail: Mutex<Mail>,
    bell: Condvar,
}

impl Post {
    pub(super) fn new() -> Self {
        Self { mail: Mutex::new(Mail::default()), bell: Condvar::new() }
    }

    pub(super) fn grant(&self, processor: usize) -> Reached {
        self.send(|mail| {
            debug_assert!(mail.processor.is_none(), "two processors for one LWP");
            mail.processor = Some(processor);
        })
    }

    /// As [`Post::grant`], to an LWP that may have left. False if it has. Bound ones, to which it goes,
    /// never sleep in the poller.
    #[must_use]
    pub(super) fn offer(&self, processor: usize) -> bool {
        let mut mail = self.mail.lock();
        if mail.left && sound(Spot::PassLeft) {
            return false;
        }
        debug_assert!(mail.processor.is_none(), "two processors for one LWP");
        mail.processor = Some(processor);
        drop(mail);
        self.bell.notify_one();
        true
    }

    pub(super) fn poke(&self) -> Reached {
        self.send(|mail| mail.poked = true)
    }

    fn send(&self, write: impl FnOnce(&mut Mail)) -> Reached {
        let mut mail = self.mail.lock();
        write(&mut mail);
        let in_poller = mail.in_poller && sound(Spot::PostKick);
        drop(mail);
        if in_poller {
            return Reached::InPoller;
        }
        self.bell.notify_one();
        Reached::Here
    }

    /// The LWP goes to sleep in the poller instead of here; false if there is mail already.
    pub(super) fn enter_poller(&self) -> bool {
        let mut mail = self.mail.lock();
        mail.in_poller = *mail == Mail::default();
        mail.in_poller
    }

    /// It is back, and takes what has come.
    pub(super) fn leave_poller(&self) -> Mail {
        std::mem::take(&mut *self.mail.lock())
    }

    /// Tells a bound LWP to leave.
    pub(super) fn dismiss(&self) {
        self.mail.lock().dismissed = true;
        self.bell.notify_one();
    }

    /// A bound LWP is about to be made.
    pub(super) fn open(&self) {
        *self.mail.lock() = Mail::default();
    }

    /// A bound LWP leaves: takes what has come, after which nothing comes.
    pub(super) fn close(&self) -> Option<usize> {
        let mut mail = self.mail.lock();
        mail.left = true;
        mail.processor.take()
    }

    /// Sleeps until there is mail, for about `limit` at most.
    pub(super) fn wait(&self, limit: Option<Duration>) -> Mail {
        let mut mail = self.mail.lock();
        if *mail == Mail::default() {
            mail = match limit {
                None => self.bell.wait(mail),
                Some(limit) => self.bell.wait_timeout(mail, limit),
            };
        }
        std::mem::take(&mut *mail)
    }
}

/// Where mail found its LWP.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// At its post.
    Here,
    /// In the poller: the sender kicks it.
    InPoller,
}

/// A processor, held.
pub(super) struct Seat<'a, R> {
    pub(super) at: &'a Processor<R>,
    pub(super) held: Held<'a, Core<R>>,
}

/// What became of a call.
pub(super) enum Called<'a, R> {
    /// It is done, and the LWP holds a processor: the thread goes on.
    Back(Seat<'a, R>),
    /// Too many calls are out: it waits in the queue of calls.
    Queued(Seat<'a, R>),
    /// It is done, and the thread has been queued, for the LWP has no processor.
    Lost,
}

/// One LWP, as it sees itself.
pub(super) struct Lwp<'a, R: Runnable> {
    pub(super) scheduler: &'a Scheduler<R>,
    pub(super) shared: &'a Shared<R>,
    pub(super) id: usize,
    /// Counted as searching in the idle word.
    pub(super) searching: bool,
    /// The thread it ran last has ended.
    pub(super) ended: bool,
    /// How many timers it has fired since it last lay down.
    pub(super) fired: u32,
}

impl<R: Runnable> Shared<R> {
    /// The wake rule; to be called after a push. See [`super::idle`].
    #[inline]
    pub(super) fn wake_rule(&self) {
        if self.idle.wake_wanted() {
            self.wake_one();
        }
    }

    /// Gives an idle processor to an LWP, which begins as a searcher.
    #[cold]
    pub(super) fn wake_one(&self) {
        if self.refusing.load(Ordering::Relaxed) && !self.idle.has_sleeper() {
            return;
        }
        let Some(claim) = self.idle.claim(self.poller.sleeper()) else { return };
        let granted = self.processors[claim.processor].owned.grant(claim.lwp);
        debug_assert!(granted, "a processor on the idle list is idle");
        self.rouse(claim);
    }

    /// Has the LWP of `claim`, to which the processor has been granted, take it.
    pub(super) fn rouse(&self, claim: Claim) {
        self.totals.lwp_wakes.add_shared();
        if claim.is_new {
            self.start(claim);
        } else {
            self.kick_if(self.lwps[claim.lwp].post.grant(claim.processor));
        }
    }

    /// Has an LWP that sleeps look around.
    pub(super) fn poke(&self, lwp: usize) {
        self.kick_if(self.lwps[lwp].post.poke());
    }

    fn kick_if(&self, reached: Reached) {
        match reached {
            Reached::Here => {}
            Reached::InPoller => self.poller.kick(),
        }
    }

    /// Makes the LWP of `claim`, whose processor has been granted to it.
    fn start(&self, claim: Claim) {
        let main = move |scheduler: &Scheduler<R>| Lwp::main(scheduler, claim.lwp, claim.processor);
        if self.launch(claim.lwp, main).is_err() {
            self.refusing.store(true, Ordering::Relaxed);
            if let Some(mut held) = self.processors[claim.processor].owned.adopt(claim.lwp) {
                self.take_back(&mut held);
                held.release();
            }
            self.idle.unclaim(claim);
            // A shutdown may wait for this LWP.
            self.someone_left();
            // Those who submitted while the claim counted as a searcher have woken nobody, and whoever
            // went idle while the processor was promised has seen no stall.
            self.monitor.ring_quiet();
        }
    }

    /// Starts the kernel thread of LWP `lwp`, which is not there.
    pub(super) fn launch(
        &self,
        lwp: usize,
        main: impl FnOnce(&Scheduler<R>) + Send + 'static,
    ) -> io::Result<()> {
        let mut handle = self.lwp(lwp).handle.lock();
        if let Some(former) = handle.take() {
            // It has given its number back, so it is on its way out.
            former.join();
        }
        let shared = self.me.upgrade().filter(|_| !self.refuses_by_order());
        let started = shared.ok_or(io::ErrorKind::WouldBlock.into()).and_then(|shared| {
            let scheduler = Scheduler { shared };
            let name = format!("lisle-lwp-{lwp}");
            thread::start(name, self.config.lwp_stack_bytes, move || main(&scheduler))
        });
        match started {
            Ok(new) => {
                *handle = Some(new);
                self.totals.lwps_started.add_shared();
                Ok(())
            }
            Err(refused) => {
                self.totals.lwps_refused.add_shared();
                Err(refused)
            }
        }
    }
}

impl<'a, R: Runnable> Lwp<'a, R> {
    fn main(scheduler: &'a Scheduler<R>, id: usize, processor: usize) {
        let mut lwp = Self::new(scheduler, id);
        let shared = lwp.shared;
        lwp.searching = true;
        lwp.published().searching(processor);
        let mut next = lwp.sit_down(processor);
        while let Some(seat) = next {
            if let Some(seat) = lwp.serve(seat) {
                lwp.give_back(seat);
            }
            next = lwp.rest();
        }
        lwp.published().gone();
        shared.someone_left();
    }

    /// What the calling kernel thread is from now on.
    pub(super) fn new(scheduler: &'a Scheduler<R>, id: usize) -> Self {
        mark_as_ours();
        thread::precise_timeouts();
        let shared = &*scheduler.shared;
        Self { scheduler, shared, id, searching: false, ended: false, fired: 0 }
    }

    pub(super) fn published(&self) -> &'a Published {
        &self.shared.lwp(self.id).published
    }

    /// Takes the processor this LWP was granted.
    pub(super) fn sit_down(&mut self, processor: usize) -> Option<Seat<'a, R>> {
        let held = self.shared.processors[processor].owned.adopt(self.id);
        debug_assert!(held.is_some(), "a granted processor waits for its LWP");
        held.map(|held| Seat { at: &self.shared.processors[processor], held })
    }

    /// Before anything that may last: sees to it that the timers set so far are watched.
    #[inline]
    pub(super) fn tell_timers(&self, seat: &mut Seat<'a, R>) {
        if seat.held.timer_news {
            seat.held.timer_news = false;
            seat.held.news_since = None;
            self.shared.cover_timers();
        }
    }

    /// The same before a slice, after which this LWP looks at its timers itself: it wakes nobody for what it
    /// will be back for in time.
    #[cold]
    fn tell_timers_late(&self, seat: &mut Seat<'a, R>) {
        let now = self.shared.clock.wall();
        let since = *seat.held.news_since.get_or_insert(now);
        if now.since(since) >= NEWS {
            self.tell_timers(seat);
        }
    }

    /// Runs threads as long as there are any and the end has not begun. `None` if the processor was lost on
    /// the way. The seat stays where it is while threads park: it is on the way of all that a switch does.
    fn serve(&mut self, mut seat: Seat<'a, R>) -> Option<Seat<'a, R>> {
        let shared = self.shared;
        while !shared.closing()
            && let Some(work) = self.find(&mut seat)
        {
            shared.share(&mut seat.held);
            if seat.held.timer_news {
                self.tell_timers_late(&mut seat);
            }
            if let Some(home) = work.thread.bound_to() {
                seat = self.send(seat, home, work)?;
            } else if work.call.is_some() {
                seat = self.work(seat, work)?;
            } else {
                let thread = work.thread;
                if !thread.park_word().take_up() {
                    self.put_off(&mut seat, thread);
                    continue;
                }
                match self.begin(&mut seat, &thread) {
                    Outcome::Parked => Self::park(&seat, thread),
                    Outcome::Done => self.end(&seat, thread),
                    outcome => seat = self.conclude(seat, thread, outcome)?,
                }
            }
        }
        Some(seat)
    }

    /// Runs a thread until it stops, through any number of calls. `None` if the processor was lost
    /// on the way.
    pub(super) fn work(&mut self, mut seat: Seat<'a, R>, work: Work<R>) -> Option<Seat<'a, R>> {
        let Work { thread, call } = work;
        if let Some(handoff) = call {
            match self.call(seat, &thread, handoff, true) {
                Called::Back(back) => seat = back,
                Called::Queued(seat) => return Some(seat),
                Called::Lost => return None,
            }
            seat.at.begin_slice();
            let outcome = self.run(&mut seat, &thread, false);
            return self.conclude(seat, thread, outcome);
        }
        if !thread.park_word().take_up() {
            self.put_off(&mut seat, thread);
            return Some(seat);
        }
        let outcome = self.begin(&mut seat, &thread);
        self.conclude(seat, thread, outcome)
    }

    /// Another LWP has not put the thread down yet, and the kernel holds that up.
    #[cold]
    fn put_off(&self, seat: &mut Seat<'a, R>, thread: R) {
        self.shared.push_local(&mut seat.held, thread);
        thread::yield_now();
    }

    /// A slice of a thread that was taken up, or what comes of it before its first call.
    #[inline(always)]
    fn begin(&self, seat: &mut Seat<'a, R>, thread: &R) -> Outcome {
        seat.at.begin_slice();
        self.run(seat, thread, false)
    }

    #[inline(always)]
    fn run(&self, seat: &mut Seat<'a, R>, thread: &R, continues: bool) -> Outcome {
        thread.run(&mut Context {
            scheduler: self.scheduler,
            core: &mut seat.held,
            processor: seat.at,
            lwp: self.id,
            continues,
        })
    }

    /// The thread has said that it waits.
    #[inline(always)]
    fn park(seat: &Seat<'a, R>, thread: R) {
        seat.at.counts.parks.bump();
        // From here on it may be running elsewhere.
        thread.park_word().put_down();
        thread.let_go();
    }

    /// The thread has ended.
    #[inline(always)]
    fn end(&mut self, seat: &Seat<'a, R>, thread: R) {
        seat.at.counts.done.bump();
        thread.ended();
        self.ended = true;
    }

    /// Goes on by how a slice has ended, or been interrupted for a call.
    fn conclude(
        &mut self,
        mut seat: Seat<'a, R>,
        thread: R,
        mut outcome: Outcome,
    ) -> Option<Seat<'a, R>> {
        let shared = self.shared;
        let mut calls = 0;
        loop {
            match outcome {
                Outcome::Yielded => {
                    thread.park_word().put_down();
                    shared.push_yielded(&mut seat.held, thread);
                    return Some(seat);
                }
                Outcome::Parked => {
                    Self::park(&seat, thread);
                    return Some(seat);
                }
                Outcome::Blocking(handoff) => {
                    calls += 1;
                    match self.call(seat, &thread, handoff, false) {
                        Called::Back(back) => seat = back,
                        Called::Queued(seat) => return Some(seat),
                        Called::Lost => return None,
                    }
                    if calls >= CALLS_PER_SLICE {
                        thread.park_word().put_down();
                        shared.push_yielded(&mut seat.held, thread);
                        return Some(seat);
                    }
                    outcome = self.run(&mut seat, &thread, true);
                }
                Outcome::Done => {
                    self.end(&seat, thread);
                    return Some(seat);
                }
            }
        }
    }

    /// Gives the processor up for want of work. P1 and P2 of the park rule.
    pub(super) fn give_back(&mut self, seat: Seat<'a, R>) {
        self.published().idle();
        seat.held.release();
        self.shared.idle.lie_down(self.id, Some(seat.at.number), self.searching, false);
        self.searching = false;
    }

    /// Lies on the stack of sleepers until there is a processor for it; `None` if the LWP is to
    /// leave. P3 and P4 of the park rule.
    fn rest(&mut self) -> Option<Seat<'a, R>> {
        let shared = self.shared;
        self.published().idle();
        if sound(Spot::IdleScan)
            && !shared.closing()
            && shared.work_waits()
            && let Some(processor) = shared.idle.get_up(self.id, true)
        {
            return self.stand_up(processor);
        }
        if shared.check_quiet().must_look()
            && let Some(processor) = shared.idle.get_up(self.id, true)
        {
            return self.stand_up(processor);
        }
        let exit_at = shared.clock.wall() + shared.config.idle_exit;
        let nap = if std::mem::take(&mut self.fired) >= MANY { LONG_NAP } else { NAP };
        let mut may_keep = !shared.clock.is_virtual();
        loop {
            if shared.closing() && shared.idle.retire(self.id, true) {
                return None;
            }
            let now = shared.clock.wall();
            let deadline = if may_keep { self.keep_time() } else { Time::NEVER };
            if deadline <= now {
                if let Some(processor) = shared.idle.get_up(self.id, false) {
                    return self.stand_up(processor);
                }
                // All processors are held; their owners and the monitor look after the timers.
                shared.idle.stop_keeping(self.id);
                shared.ring_for_timer(deadline);
                may_keep = false;
            } else if exit_at <= now && shared.idle.retire(self.id, false) {
                return None;
            }
            let until = if deadline > now { deadline.min(exit_at) } else { exit_at };
            // One that is too old to stay but the last of all sleeps until there is something.
            let limit = (until > now).then(|| until.since(now).max(nap));
            let (mail, news) = self.sleep(limit);
            if news
                && mail.processor.is_none()
                && let Some(processor) = shared.idle.get_up(self.id, false)
            {
                return self.stand_up(processor);
            }
            if let Some(processor) = mail.processor {
                self.searching = true;
                self.published().searching(processor);
                let mut seat = self.sit_down(processor);
                if let Some(seat) = &mut seat {
                    (seat.held.timer_news, seat.held.news_since) = (true, None);
                }
                return seat;
            }
            may_keep |= mail.poked && !shared.clock.is_virtual();
        }
    }

    /// Sleeps until there is mail, for about `limit` at most: in the poller if somebody waits for
    /// descriptors and nobody polls. True with the mail if threads have become ready there, which are in
    /// the injector now.
    fn sleep(&self, limit: Option<Duration>) -> (Mail, bool) {
        let shared = self.shared;
        let post = &shared.lwps[self.id].post;
        let Some(role) = shared.poller.try_hold(Some(self.id)) else {
            return (post.wait(limit), false);
        };
        let mut woken = 0;
        if post.enter_poller() {
            woken = role.poll(shared, limit, |thread| {
                shared.totals.wakes.add_shared();
                if let Some(thread) = shared.send_home(thread) {
                    shared.injector.push(thread);
                }
            });
        }
        let mail = post.leave_poller();
        drop(role);
        shared.cover_polling();
        (mail, woken != 0)
    }

    /// The deadline this LWP has to get up for, or never if another one does or there is none.
    ///
    /// Who sets a timer asks under the lock of the lists what the keeper knows, and pokes nobody if
    /// that is early enough. So what was read before the lock is read again after it.
    pub(super) fn keep_time(&self) -> Time {
        let shared = self.shared;
        let mut next = shared.next_deadline();
        loop {
            let kept = if next == Time::NEVER {
                shared.idle.stop_keeping(self.id);
                false
            } else {
                shared.idle.keep(self.id, next)
            };
            let again = shared.next_deadline();
            if again >= next || !sound(Spot::KeeperAgain) {
                return if kept { next } else { Time::NEVER };
            }
            next = again;
        }
    }

    /// Takes a processor from the idle list for itself, which [`super::idle::Idle::get_up`] said it
    /// may.
    fn stand_up(&mut self, processor: usize) -> Option<Seat<'a, R>> {
        self.searching = true;
        self.published().searching(processor);
        let granted = self.shared.processors[processor].owned.grant(self.id);
        debug_assert!(granted, "a processor on the idle list is idle");
        let mut seat = self.sit_down(processor);
        if let Some(seat) = &mut seat {
            (seat.held.timer_news, seat.held.news_since) = (true, None);
        }
        seat
    }
}
