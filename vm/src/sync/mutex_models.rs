//! Models of the mutex: few threads, every interleaving, over the code as it is shipped.

use super::*;
use crate::models::{Sleep, Sleeping, check, must_fail};

/// Adds one to the value; `me` is asked to stop at most while it waits.
fn increment(lock: &Lock<Sleeping, u32>, me: &Sleep, patience: Time) -> bool {
    let mut turn = Turn::First;
    let old = loop {
        let mut old = 0;
        let look = |value: &mut u32| {
            old = *value;
            true
        };
        if turn == Turn::First && lock.acquire_now(me.id(), look) {
            break old;
        }
        match lock.acquire(me.id(), turn, || Time::START, |value| *value, || me.begin()) {
            Acquired::Held(value) => break value,
            Acquired::Waiting(ticket) => {
                if !me.park() {
                    lock.leave(me.id(), ticket);
                    return false;
                }
                turn = Turn::Again;
            }
            Acquired::Twice | Acquired::Noticed => unreachable!("it waits, and held nothing"),
        }
    };
    loom::thread::yield_now();
    let (_, woken) = lock.release(|| patience, |value| *value = old + 1);
    woken.iter().for_each(Sleeping::ready);
    true
}

/// Who comes in vain is handed the mutex by the next release.
const LATE: Time = Time::NEVER;

fn two_and_a_request(patience: Time) {
    let lock = std::sync::Arc::new(Lock::new(0));
    let sleeps = [Sleep::new(1), Sleep::new(2)];
    let threads: Vec<_> = sleeps
        .iter()
        .map(|me| {
            let (lock, me) = (lock.clone(), me.clone());
            loom::thread::spawn(move || u32::from(increment(&lock, &me, patience)))
        })
        .collect();
    let me = Sleep::new(3);
    sleeps[0].interrupt();
    let mut done = u32::from(increment(&lock, &me, patience));
    for thread in threads {
        done += thread.join().unwrap();
    }
    assert_eq!(lock.now(|value| *value), Some(done));
}

#[test]
fn no_turn_is_lost() {
    check(|| two_and_a_request(Time::START));
}

#[test]
fn no_turn_is_lost_when_it_is_handed_over() {
    check(|| two_and_a_request(LATE));
}

#[test]
fn mutant_that_wakes_nobody_when_the_first_has_left() {
    must_fail(Spot::MutexRetry, || two_and_a_request(Time::START));
}

#[test]
fn mutant_that_waits_for_one_who_has_come() {
    must_fail(Spot::MutexCame, || two_and_a_request(Time::START));
}
