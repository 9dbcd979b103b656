//! A timer is set by an LWP that goes on running, while those who could watch it go to sleep: the
//! keeper among the LWPs, and the monitor. One who misses it sleeps for ever, which the checker
//! reports as a deadlock.

use super::whole::{Reports, Thread, scheduler};
use super::{check, go, must_fail};
use crate::atomics::Spot;
use crate::sched::lwp::Lwp;
use crate::sched::{Scheduler, Time};

const SOON: Time = Time::from_nanos(40);
const LATER: Time = Time::from_nanos(50);

/// Sets a timer and goes on.
fn set_a_timer(scheduler: &Scheduler<Thread>) {
    let (thread, _) = Thread::new(0);
    let _ = scheduler.shared.processors[0].timers.add(LATER, thread, 1);
    scheduler.shared.cover_timers();
}

/// An LWP that was to keep an earlier time, which is over, and finds no timer: it is about to keep
/// none when there is a new one, later than what it is known to keep.
fn a_keeper_gives_up() {
    check(3, || {
        let scheduler = scheduler(Reports::default());
        let idle = &scheduler.shared.idle;
        let claim = idle.claim(None).expect("idle at first");
        idle.lie_down(claim.lwp, Some(claim.processor), true, false);
        assert!(idle.keep(claim.lwp, SOON));
        let sleeper = {
            let scheduler = scheduler.clone();
            go(move || {
                let (id, shared) = (claim.lwp, &*scheduler.shared);
                let scheduler = &scheduler;
                let lwp = Lwp { scheduler, shared, id, searching: false, ended: false, fired: 0 };
                while lwp.keep_time() > LATER {
                    let _ = shared.lwps[id].post.wait(None);
                }
            })
        };
        set_a_timer(&scheduler);
        sleeper.join().expect("sleeper");
    });
}

#[test]
fn timer_and_keeper() {
    a_keeper_gives_up();
}

#[test]
fn timer_and_keeper_mutants() {
    must_fail(Spot::KeeperAgain, a_keeper_gives_up);
}

/// Nobody sleeps who could keep the time, so it is the monitor's to do.
fn the_monitor_goes_to_sleep() {
    check(3, || {
        let scheduler = scheduler(Reports::default());
        let owner = {
            let scheduler = scheduler.clone();
            go(move || set_a_timer(&scheduler))
        };
        let shared = &*scheduler.shared;
        shared.monitor.sleep(Time::NEVER, None, || shared.next_deadline() < Time::NEVER);
        assert_eq!(shared.next_deadline(), LATER, "woken for nothing");
        owner.join().expect("owner");
    });
}

#[test]
fn timer_and_monitor() {
    the_monitor_goes_to_sleep();
}

#[test]
fn timer_and_monitor_mutants() {
    for spot in [Spot::CallFence, Spot::MonitorFence] {
        must_fail(spot, the_monitor_goes_to_sleep);
    }
}
