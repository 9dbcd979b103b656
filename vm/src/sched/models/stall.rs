//! The question whether anything will ever run again: never answered falsely, and never forgotten.
//!
//! One thread is alive and parked. One LWP goes idle and asks; the monitor's part is played by the
//! host's thread, which asks when the monitor would be told to.

use std::sync::Arc;

use super::whole::{Reports, Thread, scheduler};
use super::{check, go, must_fail};
use crate::atomics::{AtomicBool, Ordering, Spot};
use crate::sched::lwp::Lwp;
use crate::sched::{Hooks, Scheduler};

/// LWP 0 holds the processor, and nothing else goes on.
fn hold_processor(scheduler: &Scheduler<Thread>) {
    let claim = scheduler.shared.idle.claim(None).expect("idle at first");
    assert_eq!((claim.lwp, claim.processor), (0, 0));
    assert!(scheduler.shared.processors[0].owned.grant(0));
}

/// LWP 0 runs out of work.
fn goes_idle(scheduler: &Scheduler<Thread>) {
    let shared = &*scheduler.shared;
    let mut lwp = Lwp { scheduler, shared, id: 0, searching: true, ended: false, fired: 0 };
    let seat = lwp.sit_down(0).expect("granted");
    lwp.give_back(seat);
    let _ = shared.check_quiet();
}

/// What the monitor does when it is rung.
fn play_the_monitor(scheduler: &Scheduler<Thread>) {
    if scheduler.shared.monitor.is_asked() {
        let _ = scheduler.shared.check_quiet();
    }
}

/// A host that holds makes the thread ready and lets its hold go: there is no stall at any moment.
fn a_host_wakes_the_thread() {
    check(2, || {
        let reports = Reports::default();
        let scheduler = scheduler(reports.clone());
        let thread = Thread::parked(&scheduler);
        hold_processor(&scheduler);
        let hold = scheduler.hold();
        let lwp = {
            let scheduler = scheduler.clone();
            go(move || goes_idle(&scheduler))
        };
        scheduler.ready(thread);
        drop(hold);
        play_the_monitor(&scheduler);
        lwp.join().expect("LWP");
        assert_eq!(reports.count(), 0, "a stall was reported, and there is a thread to run");
    });
}

#[test]
fn stall_and_a_wake_up() {
    a_host_wakes_the_thread();
}

#[test]
fn stall_and_a_wake_up_mutants() {
    must_fail(Spot::StallHeld, a_host_wakes_the_thread);
}

/// A thread is carried from a next-slot to the injector, as the monitor does it, while the kernel
/// refuses LWPs, so that nobody is woken for it: it is always somewhere.
fn a_thread_is_moved() {
    check(3, || {
        let reports = Reports::default();
        let scheduler = scheduler(reports.clone());
        let shared = &*scheduler.shared;
        shared.refusing.store(true, Ordering::Relaxed);
        let (thread, _) = Thread::new(0);
        shared.totals.injected.add_shared();
        assert!(shared.processors[0].slot.fill(thread).is_none());
        let asker = {
            let scheduler = scheduler.clone();
            go(move || {
                let _ = scheduler.shared.check_quiet();
            })
        };
        shared.holds.begin();
        let thread = shared.processors[0].slot.take().expect("nobody else takes it");
        shared.submit(thread);
        shared.end_hold();
        play_the_monitor(&scheduler);
        asker.join().expect("asker");
        assert_eq!(reports.count(), 0, "a stall was reported, and there is a thread to run");
    });
}

#[test]
fn stall_and_a_move() {
    a_thread_is_moved();
}

#[test]
fn stall_and_a_move_mutants() {
    for spot in [Spot::HoldMoves, Spot::MoveFence, Spot::RecheckFence, Spot::StallRecheck] {
        must_fail(spot, a_thread_is_moved);
    }
}

/// The last hold is let go while the LWP goes idle: one of the two sees that this is a stall.
fn the_last_hold_goes() {
    check(2, || {
        let reports = Reports::default();
        let scheduler = scheduler(reports.clone());
        let thread = Thread::parked(&scheduler);
        hold_processor(&scheduler);
        let hold = scheduler.hold();
        let lwp = {
            let scheduler = scheduler.clone();
            go(move || goes_idle(&scheduler))
        };
        drop(hold);
        play_the_monitor(&scheduler);
        lwp.join().expect("LWP");
        assert_eq!(reports.count(), 1, "a stall is reported once");
        drop(thread);
    });
}

#[test]
fn stall_and_a_hold() {
    the_last_hold_goes();
}

#[test]
fn stall_and_a_hold_mutants() {
    for spot in [Spot::HoldFence, Spot::IdleFence] {
        must_fail(spot, the_last_hold_goes);
    }
}

/// A host that waits for the thread, goes on for a moment, and waits again. While it goes on there is
/// no stall: it holds first and leaves the list of those who wait after.
struct Host {
    waits: Arc<AtomicBool>,
    /// The scheduler, to ask whether it is held.
    scheduler: Arc<std::sync::OnceLock<Scheduler<Thread>>>,
    reports: Reports,
}

impl Hooks for Host {
    fn stalled(&self) -> bool {
        let held = || self.scheduler.get().is_some_and(Scheduler::is_held);
        // Acquire: partner of the releases of the host.
        self.waits.load(Ordering::Acquire) && !held() && self.reports.stalled()
    }
}

fn a_report_is_taken_back() {
    check(2, || {
        let (waits, reports) = (Arc::new(AtomicBool::new(true)), Reports::default());
        let known = Arc::new(std::sync::OnceLock::new());
        let host =
            Host { waits: waits.clone(), scheduler: known.clone(), reports: reports.clone() };
        let scheduler = scheduler(host);
        assert!(known.set(scheduler.clone()).is_ok());
        let thread = Thread::parked(&scheduler);
        hold_processor(&scheduler);
        let lwp = {
            let scheduler = scheduler.clone();
            go(move || goes_idle(&scheduler))
        };
        let hold = scheduler.hold();
        waits.store(false, Ordering::Release);
        waits.store(true, Ordering::Release);
        drop(hold);
        play_the_monitor(&scheduler);
        lwp.join().expect("LWP");
        assert_eq!(reports.count(), 1, "a stall is reported once");
        drop(thread);
    });
}

#[test]
fn stall_taken_back() {
    a_report_is_taken_back();
}

#[test]
fn stall_taken_back_mutants() {
    must_fail(Spot::StallPassed, a_report_is_taken_back);
}
