//! Shutdown against everybody who may be on the way: when it returns no LWP is left, and no thread
//! that was submitted, whether or not it has run.

use std::sync::atomic::Ordering::Relaxed;

use super::whole::{Reports, Thread, scheduler};
use super::{check, go, must_fail};
use crate::atomics::Spot;

/// A submitter from outside, who may come too late, or have an LWP made.
fn against_a_submitter() {
    check(2, || {
        let scheduler = scheduler(Reports::default());
        let (thread, dropped) = Thread::new(0);
        let submitter = {
            let scheduler = scheduler.clone();
            go(move || scheduler.spawn(thread))
        };
        scheduler.shutdown();
        assert_eq!(scheduler.shared.idle.lock().live, 0, "an LWP is left");
        submitter.join().expect("submitter");
        assert_eq!(dropped.load(Relaxed), 1, "a thread is left");
        assert_eq!(scheduler.shared.idle.lock().live, 0, "an LWP was made after the end");
    });
}

#[test]
fn shutdown_and_a_submitter() {
    against_a_submitter();
}

#[test]
fn shutdown_and_a_submitter_mutants() {
    for spot in [Spot::SubmitClosing, Spot::ClosedLists] {
        must_fail(spot, against_a_submitter);
    }
}

/// An LWP that runs a thread to its end and then lies down: if it is not told to leave, it sees for
/// itself.
fn against_one_that_lies_down() {
    check(2, || {
        let scheduler = scheduler(Reports::default());
        let (thread, dropped) = Thread::new(0);
        scheduler.spawn(thread);
        scheduler.shutdown();
        assert_eq!(scheduler.shared.idle.lock().live, 0, "an LWP is left");
        assert_eq!(dropped.load(Relaxed), 1, "a thread is left");
    });
}

#[test]
fn shutdown_and_an_idle_lwp() {
    against_one_that_lies_down();
}

#[test]
fn shutdown_and_an_idle_lwp_mutants() {
    must_fail(Spot::ClosingFirst, against_one_that_lies_down);
}

/// An LWP that is back from a call and has no processor: it queues its thread for nobody, and leaves.
fn against_a_returner() {
    check(1, || {
        let scheduler = scheduler(Reports::default());
        let (thread, dropped) = Thread::new(1);
        scheduler.spawn(thread);
        scheduler.shutdown();
        assert_eq!(scheduler.shared.idle.lock().live, 0, "an LWP is left");
        assert_eq!(dropped.load(Relaxed), 1, "a thread is left");
    });
}

#[test]
fn shutdown_and_a_returner() {
    against_a_returner();
}

#[test]
fn shutdown_and_a_returner_mutants() {
    must_fail(Spot::ClosingFirst, against_a_returner);
}
