//! Running, parking, waking, timers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::toy::{Tally, Toy, processors, start};
use crate::sched::{Chooser, Config, Outcome, Time};

#[test]
fn a_hundred_thousand_threads() {
    for count in [1, 2, 8] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Arc::new(AtomicUsize::new(0));
        let all = Tally::default();
        let (each, last) = (ended.clone(), all.clone());
        scheduler.spawn(Toy::new(move |cx, _| {
            for _ in 0..100_000 {
                let (each, last) = (each.clone(), last.clone());
                let mut yields = 1;
                cx.spawn(Toy::new(move |_, _| {
                    if yields > 0 {
                        yields -= 1;
                        return Outcome::Yielded;
                    }
                    if each.fetch_add(1, SeqCst) + 1 == 100_000 {
                        last.add();
                    }
                    Outcome::Done
                }));
            }
            Outcome::Done
        }));
        all.wait_for(1);
        scheduler.shutdown();
        assert_eq!(ended.load(SeqCst), 100_000);
        assert_eq!(stalls.load(SeqCst), 0);
        let stats = scheduler.stats();
        assert_eq!((stats.spawned, stats.done), (100_001, 100_001));
        assert!(stats.max_running <= count as u64);
    }
}

#[test]
fn threads_from_outside() {
    for count in [1, 2, 8] {
        let (scheduler, _) = start(processors(count));
        let ended = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let ended = ended.clone();
                        scheduler.spawn(Toy::new(move |_, _| {
                            ended.add();
                            Outcome::Done
                        }));
                    }
                });
            }
        });
        ended.wait_for(8_000);
        scheduler.shutdown();
    }
}

/// Two threads that wake each other in turn. The waker often comes before the other's park has been
/// noted.
#[test]
fn ping_pong() {
    for count in [1, 2, 8] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Tally::default();
        // Half a pair waits for nobody.
        let hold = scheduler.hold();
        for _ in 0..8 {
            let seats: Arc<Mutex<Vec<Toy>>> = Arc::default();
            let turns = Arc::new(AtomicU64::new(0));
            let pair = [0, 1].map(|me| {
                let (seats, turns, ended) = (seats.clone(), turns.clone(), ended.clone());
                Toy::new(move |cx, this| {
                    loop {
                        let turn = turns.load(SeqCst);
                        if turn >= 2_000 {
                            let other = seats.lock().unwrap()[1 - me].clone();
                            if other.claim() {
                                cx.ready(other);
                            }
                            ended.add();
                            return Outcome::Done;
                        }
                        if turn % 2 == me as u64 {
                            turns.store(turn + 1, SeqCst);
                            let other = seats.lock().unwrap()[1 - me].clone();
                            if other.claim() {
                                cx.ready(other);
                            }
                            continue;
                        }
                        this.0.wait.store(1, SeqCst);
                        if turns.load(SeqCst) != turn && this.claim() {
                            continue;
                        }
                        return Outcome::Parked;
                    }
                })
            });
            seats.lock().unwrap().extend(pair.iter().cloned());
            pair.into_iter().for_each(|thread| scheduler.spawn(thread));
        }
        drop(hold);
        ended.wait_for(16);
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 0);
    }
}

/// The wake-up comes from another kernel thread while the thread may still be running.
#[test]
fn ready_before_parked() {
    let (scheduler, stalls) = start(processors(2));
    let _hold = scheduler.hold();
    let (send, receive) = std::sync::mpsc::channel::<Toy>();
    let waker = {
        let scheduler = scheduler.clone();
        std::thread::spawn(move || {
            for thread in receive {
                if thread.claim() {
                    scheduler.ready(thread);
                }
            }
        })
    };
    let ended = Tally::default();
    for _ in 0..4 {
        let (send, ended) = (send.clone(), ended.clone());
        let mut rounds = 0;
        scheduler.spawn(Toy::new(move |_, this| {
            rounds += 1;
            if rounds > 3_000 {
                ended.add();
                return Outcome::Done;
            }
            this.0.wait.store(rounds, SeqCst);
            send.send(this.clone()).unwrap();
            Outcome::Parked
        }));
    }
    drop(send);
    ended.wait_for(4);
    scheduler.shutdown();
    drop(scheduler);
    waker.join().unwrap();
    assert_eq!(stalls.load(SeqCst), 0);
}

fn sleepers(config: Config) -> Vec<u64> {
    let (scheduler, stalls) = start(config);
    let order: Arc<Mutex<Vec<u64>>> = Arc::default();
    let ended = Tally::default();
    let (log, all) = (order.clone(), ended.clone());
    scheduler.spawn(Toy::new(move |cx, _| {
        for millis in [9_u64, 3, 7, 1, 5, 5, 8] {
            let (log, all) = (log.clone(), all.clone());
            let mut due = None;
            cx.spawn(Toy::new(move |cx, this| {
                let Some(at) = due else {
                    let at = Time::from_nanos(millis * 1_000_000);
                    due = Some(at);
                    this.0.wait.store(9, SeqCst);
                    cx.timer(at, this.clone(), 9);
                    return Outcome::Parked;
                };
                assert!(cx.now() >= at, "woken early");
                log.lock().unwrap().push(millis);
                all.add();
                Outcome::Done
            }));
        }
        Outcome::Done
    }));
    ended.wait_for(7);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
    Arc::try_unwrap(order).unwrap().into_inner().unwrap()
}

#[test]
fn timers_fire_in_order() {
    let expected = [1, 3, 5, 5, 7, 8, 9];
    assert_eq!(sleepers(Config { virtual_time: true, ..processors(1) }), expected);
    // In real time the machine may be so slow that some are due before others are set.
    for count in [1, 4] {
        let mut fired = sleepers(processors(count));
        fired.sort_unstable();
        assert_eq!(fired, expected);
    }
}

#[test]
fn an_hour_of_virtual_time() {
    let (scheduler, stalls) = start(Config { virtual_time: true, ..processors(2) });
    let ended = Tally::default();
    let all = ended.clone();
    let mut seconds = 0;
    scheduler.spawn(Toy::new(move |cx, this| {
        assert_eq!(cx.now(), Time::from_nanos(seconds * 1_000_000_000));
        if seconds == 3_600 {
            all.add();
            return Outcome::Done;
        }
        seconds += 1;
        this.0.wait.store(seconds, SeqCst);
        let at = cx.now() + Duration::from_secs(1);
        cx.timer(at, this.clone(), seconds);
        Outcome::Parked
    }));
    ended.wait_for(1);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

/// A timer must not wait for a processor whose owner is busy.
#[test]
fn timers_fire_while_a_processor_is_busy() {
    for count in [2, 3] {
        let (scheduler, _) = start(processors(count));
        let fired = Tally::default();
        let done = fired.clone();
        let flag = Arc::new(AtomicUsize::new(0));
        let set = flag.clone();
        let mut waits = false;
        scheduler.spawn(Toy::new(move |cx, this| {
            if !waits {
                waits = true;
                this.0.wait.store(1, SeqCst);
                cx.timer(cx.now() + Duration::from_millis(2), this.clone(), 1);
                // The same processor's next thread does not stop before the timer has fired.
                let flag = flag.clone();
                cx.spawn(Toy::new(move |_, _| {
                    while flag.load(SeqCst) == 0 {
                        std::thread::yield_now();
                    }
                    Outcome::Done
                }));
                return Outcome::Parked;
            }
            set.store(1, SeqCst);
            done.add();
            Outcome::Done
        }));
        fired.wait_for(1);
        scheduler.shutdown();
    }
}

#[test]
fn choices_repeat_with_the_seed() {
    let draw = |seed| {
        let (scheduler, _) = start(Config { seed: Some(seed), ..processors(1) });
        let numbers: Arc<Mutex<Vec<usize>>> = Arc::default();
        let ended = Tally::default();
        let (log, all) = (numbers.clone(), ended.clone());
        scheduler.spawn(Toy::new(move |cx, _| {
            log.lock().unwrap().extend((1..200).map(|n| cx.chooser().below(n)));
            all.add();
            Outcome::Done
        }));
        ended.wait_for(1);
        scheduler.shutdown();
        numbers.lock().unwrap().clone()
    };
    let first = draw(1);
    assert!(first.iter().enumerate().all(|(n, &choice)| choice <= n));
    assert_eq!(first, draw(1));
    assert_ne!(first, draw(2));
}

#[test]
fn who_is_in_hand_is_not_taken_up() {
    let word = crate::sched::ParkWord::new();
    assert!(word.take_up());
    assert!(!word.take_up());
    word.put_down();
    assert!(word.take_up());
}

#[test]
fn below_reaches_everything_and_nothing_else() {
    let mut chooser = Chooser::new(3);
    let mut seen = [0; 7];
    (0..7_000).for_each(|_| seen[chooser.below(7)] += 1);
    assert!(seen.iter().all(|&n| n > 700), "{seen:?}");
    assert_eq!(chooser.below(0), 0);
    assert_eq!(chooser.below(1), 0);
}
