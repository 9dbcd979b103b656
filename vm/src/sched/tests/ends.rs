//! Stalls, idle LWPs, shutdown.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use super::toy::{Dropped, Tally, Toy, caller, processors, start, until};
use crate::sched::{Config, Handoff, Hooks, LwpState, Outcome, Scheduler};

/// A thread that waits to be woken once and then ends.
fn waiter(ended: &Tally) -> Toy {
    let all = ended.clone();
    let mut waits = false;
    Toy::new(move |_, this| {
        if !waits {
            waits = true;
            this.0.wait.store(1, SeqCst);
            return Outcome::Parked;
        }
        all.add();
        Outcome::Done
    })
}

#[test]
fn a_stall_is_reported_once() {
    for count in [1, 2, 8] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Tally::default();
        let hold = scheduler.hold();
        let threads: Vec<Toy> = (0..10).map(|_| waiter(&ended)).collect();
        threads.iter().for_each(|thread| scheduler.spawn(thread.clone()));
        until("all wait", || scheduler.stats().parks == 10);
        until("all LWPs sleep", || scheduler.lwps().iter().all(|l| l.state == LwpState::Idle));
        assert_eq!(stalls.load(SeqCst), 0);
        drop(hold);
        until("the stall is seen", || stalls.load(SeqCst) == 1);
        // The same stall is not news.
        drop(scheduler.hold());
        let _hold = scheduler.hold();
        for thread in threads {
            assert!(thread.claim());
            scheduler.ready(thread);
        }
        ended.wait_for(10);
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 1);
    }
}

/// No hold: the LWP that goes idle last decides.
#[test]
fn a_stall_is_seen_by_the_last_lwp() {
    let (scheduler, stalls) = start(processors(2));
    scheduler.spawn(waiter(&Tally::default()));
    until("the stall is seen", || stalls.load(SeqCst) == 1);
    scheduler.shutdown();
}

struct Rescue {
    scheduler: Arc<Mutex<Option<Scheduler<Toy>>>>,
    waits: Arc<Mutex<Vec<Toy>>>,
    count: Arc<AtomicUsize>,
}

impl Hooks for Rescue {
    fn stalled(&self) -> bool {
        self.count.fetch_add(1, SeqCst);
        let thread = self.waits.lock().unwrap().pop();
        if let (Some(thread), Some(scheduler)) = (thread, &*self.scheduler.lock().unwrap())
            && thread.claim()
        {
            scheduler.ready(thread);
        }
        true
    }
}

/// The hook wakes one thread of the stall; when that has ended, the rest is the next stall.
#[test]
fn the_hook_may_make_threads_ready() {
    let cell = Arc::new(Mutex::new(None));
    let waits: Arc<Mutex<Vec<Toy>>> = Arc::default();
    let count = Arc::new(AtomicUsize::new(0));
    let hooks = Rescue { scheduler: cell.clone(), waits: waits.clone(), count: count.clone() };
    let scheduler = Scheduler::new(processors(2), Box::new(hooks)).unwrap();
    *cell.lock().unwrap() = Some(scheduler.clone());
    let hold = scheduler.hold();
    let ended = Tally::default();
    for _ in 0..20 {
        let thread = waiter(&ended);
        waits.lock().unwrap().push(thread.clone());
        scheduler.spawn(thread);
    }
    until("all wait", || scheduler.stats().parks == 20);
    drop(hold);
    ended.wait_for(20);
    *cell.lock().unwrap() = None;
    scheduler.shutdown();
    assert_eq!(count.load(SeqCst), 20);
}

/// Threads in a ring pass a token, sleep, call, and are woken from outside: there is always a
/// reason not to be stalled, but it is never in the same place for long.
#[test]
fn no_false_stall() {
    for count in [1, 2, 4] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Tally::default();
        let (send, receive) = std::sync::mpsc::channel::<(Toy, crate::sched::Hold)>();
        let outside = {
            let scheduler = scheduler.clone();
            std::thread::spawn(move || {
                for (thread, hold) in receive {
                    assert!(thread.claim());
                    scheduler.ready(thread);
                    drop(hold);
                }
            })
        };
        let rounds = Arc::new(AtomicUsize::new(0));
        for kind in 0..3 {
            let (send, all, rounds) = (send.clone(), ended.clone(), rounds.clone());
            let mut turn = 0_u64;
            scheduler.spawn(Toy::with_call(std::thread::yield_now, move |cx, this| {
                turn += 1;
                if turn > 1_000 {
                    all.add();
                    return Outcome::Done;
                }
                rounds.fetch_add(1, SeqCst);
                match (turn + kind) % 5 {
                    0 => Outcome::Blocking(Handoff::Lazy),
                    1 => Outcome::Blocking(Handoff::Eager),
                    2 => {
                        this.0.wait.store(turn, SeqCst);
                        let at = cx.now() + Duration::from_micros(20);
                        cx.timer(at, this.clone(), turn);
                        Outcome::Parked
                    }
                    _ => {
                        this.0.wait.store(turn, SeqCst);
                        send.send((this.clone(), cx.scheduler().hold())).unwrap();
                        Outcome::Parked
                    }
                }
            }));
        }
        drop(send);
        ended.wait_for(3);
        scheduler.shutdown();
        outside.join().unwrap();
        assert_eq!(stalls.load(SeqCst), 0);
    }
}

/// A timer of a wait that is over does not keep a stall from being seen.
#[test]
fn stale_timers_are_no_reason_to_wait() {
    let (scheduler, stalls) = start(processors(2));
    let mut step = 0;
    scheduler.spawn(Toy::new(move |cx, this| {
        step += 1;
        if step == 1 {
            cx.timer(cx.now() + Duration::from_secs(3_600), this.clone(), 77);
        }
        this.0.wait.store(1, SeqCst);
        Outcome::Parked
    }));
    until("the stall is seen", || stalls.load(SeqCst) == 1);
    scheduler.shutdown();
}

/// Again and again, because those that leave at the same moment must not all think that another
/// one stays.
#[test]
fn idle_lwps_leave_but_for_one() {
    let config = Config { idle_exit: Duration::from_millis(1), ..processors(4) };
    let (scheduler, _) = start(config);
    let ended = Tally::default();
    for round in 1..=40 {
        // All of them are out at once, so that as many LWPs come back at once.
        let out = Arc::new(Barrier::new(8));
        for _ in 0..8 {
            let (all, out) = (ended.clone(), out.clone());
            let nap = move || {
                out.wait();
            };
            scheduler.spawn(caller(Handoff::Eager, nap, move || all.add()));
        }
        ended.wait_for(8 * round);
        until("all but one have left", || scheduler.stats().lwps == 1);
    }
    assert!(scheduler.stats().lwps_started >= 8);
    scheduler.shutdown();
}

struct Doubtful(Arc<AtomicUsize>);

impl Hooks for Doubtful {
    fn stalled(&self) -> bool {
        self.0.fetch_add(1, SeqCst) >= 3
    }
}

/// A report that is taken back is made again when a hold has been let go; one that was taken is not.
#[test]
fn a_report_that_is_taken_back_is_made_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let scheduler = Scheduler::new(processors(2), Box::new(Doubtful(count.clone()))).unwrap();
    scheduler.spawn(waiter(&Tally::default()));
    for asked in 1..=4 {
        until("it is asked", || count.load(SeqCst) == asked);
        until("the answer is known", || scheduler.stats().stalls == u64::from(asked == 4));
        drop(scheduler.hold());
    }
    drop(scheduler.hold());
    scheduler.shutdown();
    assert_eq!((count.load(SeqCst), scheduler.stats().stalls), (4, 1));
}

/// Queued threads are dropped, wherever they are; those in a call are waited for.
#[test]
fn shutdown_with_everything_going_on() {
    for count in [1, 2, 8] {
        let (scheduler, _) = start(processors(count));
        let (dropped, called) = (Tally::default(), Tally::default());
        for n in 0..1_000 {
            let guard = Dropped(dropped.clone());
            let called = called.clone();
            let call = move || {
                called.add();
                std::thread::sleep(Duration::from_micros(100));
            };
            scheduler.spawn(Toy::with_call(call, move |cx, this| {
                let _ = &guard;
                match n % 5 {
                    0 => Outcome::Blocking(Handoff::Lazy),
                    1 => Outcome::Blocking(Handoff::Eager),
                    2 => {
                        this.0.wait.store(1, SeqCst);
                        cx.timer(cx.now() + Duration::from_secs(100), this.clone(), 1);
                        Outcome::Parked
                    }
                    _ => Outcome::Yielded,
                }
            }));
        }
        called.wait_for(3);
        scheduler.shutdown();
        dropped.wait_for(1_000);
        assert_eq!(scheduler.stats().lwps, 0);
        assert_eq!(scheduler.lwps(), []);
        // Too late: dropped at once.
        let guard = Dropped(dropped.clone());
        scheduler.spawn(Toy::new(move |_, _| {
            let _ = &guard;
            Outcome::Done
        }));
        dropped.wait_for(1_001);
        scheduler.shutdown();
    }
}

/// Counts kernel threads by the kernel's own list. Other tests have schedulers too, so this one runs
/// itself again in a process of its own.
#[test]
fn shutdown_leaves_no_kernel_thread() {
    const ALONE: &str = "LISLE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let this = "sched::tests::ends::shutdown_leaves_no_kernel_thread";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([this, "--exact"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let ours = || {
        let list = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            list.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|name| name.starts_with("lisle-")).count()
    };
    for _ in 0..5 {
        let (scheduler, _) = start(processors(4));
        let called = Tally::default();
        for _ in 0..20 {
            let called = called.clone();
            let nap = move || {
                called.add();
                std::thread::sleep(Duration::from_millis(1));
            };
            scheduler.spawn(caller(Handoff::Eager, nap, || {}));
        }
        called.wait_for(4);
        assert!(ours() > 1);
        scheduler.shutdown();
        // A joined thread may be on the list for a moment longer.
        until("all are gone", || ours() == 0);
    }
}
