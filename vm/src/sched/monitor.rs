//! The monitor: the kernel thread that watches the LWPs.
//!
//! It takes processors from LWPs whose calls turn out to be long, fires timers that nobody else got
//! to, has descriptors polled when nobody else does, tries again when the kernel refused an LWP, and decides stalls which come about outside any
//! LWP. It never runs a thread.
//!
//! *Looking.* While a processor is in a call and work waits, it looks every [`LOOK`]. A call it
//! sees twice has lasted long enough, and its processor is taken if work waits. If none does, it is
//! taken at the third sighting all the same: an idle processor is found by the wake rule, one in a
//! call only by the monitor, so this is what lets the monitor sleep while calls last. Looks that
//! take nothing grow rarer, down to one per [`LOOK_MAX`].
//!
//! *Sleeping.* After [`QUIET_LOOKS`] looks without a call it sleeps, until a timer that it must
//! cover at the latest, and costs nothing. The first call after that wakes it; because it stays
//! awake for a while, calls in a row do not pay for a wake-up each. The handshake is the one of
//! the idle word:
//! - the LWP: M1 store InCall, M2 `fence(SeqCst)`, M3 read whether the monitor sleeps; if so, ring;
//! - the monitor: S1 announce the sleep, S2 `fence(SeqCst)`, S3 look for a processor in a call; if
//!   there is one, do not sleep.
//!
//! Whichever fence comes second sees the other's store. Ringing takes the lock under which S1 to
//! the wait happen, so a ring is not lost between S3 and the wait.
//!
//! *Timers.* An LWP that sleeps with nothing to do watches the timers (the keeper). The monitor
//! covers for it when it is woken to run something, and for processors whose owners are busy for
//! long: it plans to wake [`TIMER_GRACE`] after the earliest deadline and fires what is overdue.
//! Whoever sets an earlier timer and goes on running rings it (`cover_timers`), again with the
//! store, fence and read of M1 to M3.
//!
//! *Descriptors.* While threads wait for descriptors and nobody polls, it wakes a millisecond later
//! at the latest; if nobody has polled by then, it sends an LWP that sleeps, or else polls itself.

use std::time::Duration;

use super::ownership::{Ownership, Sighting};
use super::run::{Runnable, Time};
use super::slot::Filling;
use super::{Scheduler, Shared};
use crate::atomics::{
    AtomicU64, Condvar, Mutex, MutexGuard, Ordering, Spot, fence, fence_at, thread,
};

/// The time between two looks while something may have to be taken.
const LOOK: Duration = Duration::from_micros(20);
/// The longest time between two looks.
const LOOK_MAX: Duration = Duration::from_millis(1);
/// How many looks that take nothing it takes for looks to grow rarer.
const BARREN_LOOKS: u32 = 50;
/// How many looks without any call it takes to go to sleep.
const QUIET_LOOKS: u32 = 5;
/// Sightings of one call before its processor is taken although no work waits.
const SIGHTINGS_WITHOUT_WORK: u32 = 3;
/// How late a timer may be before the monitor sees to it itself.
const TIMER_GRACE: Duration = Duration::from_millis(1);

/// `Monitor::sleeps_until` while it does not sleep.
const AWAKE: u64 = 0;

/// What others see of the monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    /// When it means to wake up, or [`AWAKE`]. Written by the monitor, under the lock.
    sleeps_until: AtomicU64,
    orders: Mutex<Orders>,
    bell: Condvar,
    handle: Mutex<Option<thread::JoinHandle>>,
}

/// What it was asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    look: bool,
    check_quiet: bool,
    leave: bool,
}

impl Monitor {
    pub(super) fn new() -> Self {
        Self {
            sleeps_until: AtomicU64::new(AWAKE),
            orders: Mutex::new(Orders::default()),
            bell: Condvar::new(),
            handle: Mutex::new(None),
        }
    }

    /// M2 and M3. True if the caller, who has just entered a call, must ring.
    #[inline]
    pub(super) fn note_call(&self) -> bool {
        fence_at(Spot::CallFence);
        self.sleeps_until.load(Ordering::Relaxed) != AWAKE
    }

    /// Has it look around now.
    #[cold]
    pub(super) fn ring(&self) {
        self.order(|orders| orders.look = true);
    }

    /// Has it find out whether anything can ever run again.
    pub(super) fn ring_quiet(&self) {
        self.order(|orders| orders.check_quiet = true);
    }

    /// Has it leave, and waits until it has.
    pub(super) fn leave(&self) {
        self.order(|orders| orders.leave = true);
        if let Some(handle) = self.handle.lock().take() {
            handle.join();
        }
    }

    pub(super) fn set_handle(&self, handle: thread::JoinHandle) {
        *self.handle.lock() = Some(handle);
    }

    fn order(&self, what: impl FnOnce(&mut Orders)) {
        what(&mut self.orders.lock());
        self.bell.notify_one();
    }

    /// S1 to S3 and the sleep, until `until` if given. `call_out` looks for a processor in a call
    /// or an earlier timer.
    pub(super) fn sleep(&self, until: Time, limit: Option<Duration>, call_out: impl Fn() -> bool) {
        let mut orders = self.orders.lock();
        self.sleeps_until.store(until.as_nanos().max(AWAKE + 1), Ordering::Relaxed);
        fence_at(Spot::MonitorFence);
        if !call_out() && *orders == Orders::default() {
            orders = self.wait(orders, limit);
        }
        self.sleeps_until.store(AWAKE, Ordering::Relaxed);
        drop(orders);
    }

    fn wait<'a>(
        &self,
        orders: MutexGuard<'a, Orders>,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, Orders> {
        match limit {
            None => self.bell.wait(orders),
            Some(limit) => self.bell.wait_timeout(orders, limit),
        }
    }

    /// Waits between two looks.
    fn pause(&self, interval: Duration) {
        let orders = self.orders.lock();
        if *orders == Orders::default() {
            drop(self.bell.wait_timeout(orders, interval));
        }
    }

    /// Was it asked to find out whether anything can ever run again? A model plays the monitor.
    #[cfg(all(test, loom))]
    pub(super) fn is_asked(&self) -> bool {
        self.take_orders().check_quiet
    }

    fn has_orders(&self) -> bool {
        *self.orders.lock() != Orders::default()
    }

    fn take_orders(&self) -> Orders {
        std::mem::take(&mut *self.orders.lock())
    }
}

/// What the monitor remembers of a processor from one look to the next.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    call: Option<Sighting>,
    sightings: u32,
    filling: Option<Filling>,
    calls: u64,
}

/// What one look came to.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    call_out: bool,
    calls_made: bool,
    took: bool,
}

impl<R: Runnable> Scheduler<R> {
    /// The life of the monitor.
    pub(super) fn monitor_main(&self) {
        let shared = &*self.shared;
        thread::precise_timeouts();
        super::lwp::mark_as_ours();
        let mut memories = vec![Memory::default(); shared.processors.len()];
        let mut interval = LOOK;
        let (mut barren, mut quiet) = (0, 0);
        loop {
            let orders = shared.monitor.take_orders();
            if orders.leave {
                return;
            }
            if orders.check_quiet && shared.check_quiet().must_look() {
                shared.wake_one();
            }
            let look = shared.look(&mut memories);
            if look.took {
                (interval, barren) = (LOOK, 0);
            } else {
                barren += 1;
            }
            if look.call_out && (shared.work_waits() && barren < BARREN_LOOKS) {
                interval = LOOK;
            } else if !look.took {
                interval = (interval * 2).min(LOOK_MAX);
            }
            let refusing = shared.refusing.load(Ordering::Relaxed);
            quiet = if look.call_out || look.calls_made || refusing { 0 } else { quiet + 1 };
            if quiet < QUIET_LOOKS {
                shared.monitor.pause(interval);
                if refusing {
                    // The kernel gets another chance; if it refuses again, it says so again.
                    shared.refusing.store(false, Ordering::Relaxed);
                    // Partner: the fence of the wake rule, after which a submitter may still have seen
                    // that it is no use.
                    fence(Ordering::SeqCst);
                    if shared.work_waits() {
                        shared.wake_one();
                    }
                }
                continue;
            }
            shared.sleep_of_monitor();
            (interval, barren) = (LOOK, 0);
            // Woken by time, not by a call: one look is enough.
            quiet = if shared.monitor.has_orders() { 0 } else { QUIET_LOOKS - 1 };
        }
    }
}

impl<R: Runnable> Shared<R> {
    fn sleep_of_monitor(&self) {
        let next = if self.clock.is_virtual() { Time::NEVER } else { self.next_deadline() };
        let until = if next == Time::NEVER { next } else { next + self.timer_grace() };
        let now = self.clock.wall();
        let until = if self.poller.is_unheld() {
            until.min(now + super::poller::UNATTENDED)
        } else {
            until
        };
        let limit = (until != Time::NEVER).then(|| until.since(now));
        self.monitor.sleep(until, limit, || {
            self.next_deadline() < next
                || self.poller.is_unheld() && until > self.clock.wall() + super::poller::UNATTENDED
                || self.processors.iter().any(|p| matches!(p.owned.look(), Ownership::InCall(_)))
        });
    }

    /// How long the monitor leaves a timer to others: not at all if there is an idle processor and
    /// nobody asleep who would get up for it.
    fn timer_grace(&self) -> Duration {
        let nobody_keeps = self.idle.lock().keeper.is_none();
        if self.idle.counts().idle != 0 && nobody_keeps { Duration::ZERO } else { TIMER_GRACE }
    }

    /// A timer was set, or the keeper of timers has got up: sees to it that somebody asleep wakes
    /// up in time for the earliest one.
    #[cold]
    pub(super) fn cover_timers(&self) {
        if self.clock.is_virtual() {
            return;
        }
        // Partner: the fence between the monitor's announcing its sleep and its last look.
        fence_at(Spot::CallFence);
        let next = self.next_deadline();
        if next == Time::NEVER {
            return;
        }
        if let Some(sleeper) = self.idle.keeper_for(next) {
            self.poke(sleeper);
        }
        self.ring_for_timer(next);
    }

    /// Has the monitor plan for a timer at `next`.
    pub(super) fn ring_for_timer(&self, next: Time) {
        self.ring_for(next + TIMER_GRACE);
    }

    /// Has the monitor wake up at `at`, or a little before.
    pub(super) fn ring_for(&self, at: Time) {
        if self.monitor.sleeps_until.load(Ordering::Relaxed) > at.as_nanos() {
            self.monitor.ring();
        }
    }

    /// Threads wait for descriptors and nobody has polled for a while.
    fn attend(&self) {
        match self.idle.sleeper() {
            Some(sleeper) => self.poke(sleeper),
            None => self.poll_outside(),
        }
    }

    fn look(&self, memories: &mut [Memory]) -> Look {
        self.totals.looks.add_shared();
        let now = self.clock.wall();
        let mut look = Look::default();
        let mut work_waits = self.work_waits();
        for (number, memory) in memories.iter_mut().enumerate() {
            let processor = &self.processors[number];
            let state = processor.owned.look();
            let calls = processor.counts.calls.get();
            look.calls_made |= calls != memory.calls;
            memory.calls = calls;
            if self.free_slot(number, memory, state) {
                work_waits = true;
            }
            let Ownership::InCall(call) = state else {
                memory.call = None;
                continue;
            };
            self.lwp(call.lwp()).published.seen(self.clock.now());
            memory.sightings = if memory.call == Some(call) { memory.sightings + 1 } else { 1 };
            memory.call = Some(call);
            let long =
                memory.sightings >= SIGHTINGS_WITHOUT_WORK || memory.sightings >= 2 && work_waits;
            if long && self.take_from_call(number, call) {
                look.took = true;
                memory.call = None;
            } else {
                look.call_out = true;
            }
        }
        if self.overdue(now) {
            self.fire_overdue();
        }
        if self.poller.is_overdue(now, super::poller::UNATTENDED) {
            self.attend();
        }
        look
    }

    /// Takes a processor from the LWP that is in `call`.
    fn take_from_call(&self, number: usize, call: Sighting) -> bool {
        if self.refusing.load(Ordering::Relaxed) && !self.idle.has_sleeper() {
            return false;
        }
        if !self.idle.can_staff() {
            return false;
        }
        let taken = self.idle.strand(number, self.is_bound(call.lwp()), || {
            let taken = self.processors[number].owned.take(call);
            if taken {
                self.lwp(call.lwp()).published.robbed();
            }
            taken
        });
        if taken {
            self.totals.handoffs.add_shared();
            if self.work_waits() {
                self.wake_one();
            }
        }
        taken
    }

    /// Moves a thread that has been in a next-slot since the last look to where an idle processor
    /// finds it.
    fn free_slot(&self, number: usize, memory: &mut Memory, state: Ownership) -> bool {
        let slot = &self.processors[number].slot;
        let filling = slot.look();
        let stays = filling.is_some() && filling == memory.filling;
        memory.filling = filling;
        if !stays || matches!(state, Ownership::Running(_)) && self.idle.counts().idle == 0 {
            return false;
        }
        // In between the thread is in no queue: that must not look like nothing to do.
        self.holds.begin();
        let thread = filling.and_then(|filling| slot.take_filling(filling));
        let moved = thread.is_some();
        if let Some(thread) = thread {
            self.submit(thread);
        }
        self.end_hold();
        moved
    }

    fn overdue(&self, now: Time) -> bool {
        if self.clock.is_virtual() {
            return false;
        }
        let next = self.next_deadline();
        next != Time::NEVER && next + self.timer_grace() <= now
    }

    fn fire_overdue(&self) {
        let now = self.clock.now();
        // In between a fired thread is in no queue: that must not look like nothing to do.
        self.holds.begin();
        for processor in self.processors.iter() {
            while let Some((thread, token)) = processor.timers.pop_due(now) {
                if thread.timer_fired(token) {
                    self.totals.wakes.add_shared();
                    self.submit(thread);
                }
            }
        }
        self.end_hold();
    }
}
