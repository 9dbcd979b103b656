//! Models of the mutex: few threads, every interleaving, over the code as it is shipped.

use super::*;
use crate::models::{Sleep, Sleeping, check, must_fail};

/// Adds one to the value; `me` is asked to stop at most while it waits.
fn increment(lock: &Lock<Sleeping, u32>, me: &Sleep) -> bool {
    let mut turn = Turn::First;
    while let Acquired::Waiting(ticket) = lock.acquire(me.id(), turn, || me.begin()) {
        if !me.park() {
            lock.leave(ticket);
            return false;
        }
        turn = Turn::Again;
    }
    let old = lock.held(|value| *value);
    loom::thread::yield_now();
    lock.held(|value| *value = old + 1);
    lock.release().iter().for_each(Sleeping::ready);
    true
}

fn two_and_a_request() {
    let lock = std::sync::Arc::new(Lock::new(0));
    let sleeps = [Sleep::new(1), Sleep::new(2)];
    let threads: Vec<_> = sleeps
        .iter()
        .map(|me| {
            let (lock, me) = (lock.clone(), me.clone());
            loom::thread::spawn(move || u32::from(increment(&lock, &me)))
        })
        .collect();
    let me = Sleep::new(3);
    sleeps[0].interrupt();
    let mut done = u32::from(increment(&lock, &me));
    for thread in threads {
        done += thread.join().unwrap();
    }
    assert_eq!(lock.now(|value| *value), Some(done));
}

#[test]
fn no_turn_is_lost() {
    check(two_and_a_request);
}

#[test]
fn mutant_that_wakes_nobody_when_the_first_has_left() {
    must_fail(Spot::MutexRetry, two_and_a_request);
}
