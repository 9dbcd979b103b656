//! Nobody waits for longer than [`find`](crate::sched::find) says: counted in slices of one
//! processor, so that it does not matter how fast the machine is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use super::toy::{Cx, Tally, Toy, processors, start};
use crate::sched::processor::WAIT_MAX;
use crate::sched::{Config, Handoff, Outcome};

/// The slices of a run, and the longest that any thread has waited for one of its own.
#[derive(Default)]
struct Course {
    slices: AtomicUsize,
    /// With this slice all threads end.
    end: usize,
    worst: AtomicUsize,
    ended: Tally,
}

/// One thread on the course: since when it could run.
struct Runner {
    course: Arc<Course>,
    since: Arc<AtomicUsize>,
}

impl Course {
    fn new(end: usize) -> Arc<Self> {
        Arc::new(Self { end, ..Self::default() })
    }

    /// A thread that can run from now on.
    fn runner(self: &Arc<Self>) -> Runner {
        let since = Arc::new(AtomicUsize::new(self.slices.load(SeqCst)));
        Runner { course: self.clone(), since }
    }

    fn worst(&self) -> usize {
        self.worst.load(SeqCst)
    }
}

impl Runner {
    /// A slice begins; true if the course is over.
    fn runs(&self) -> bool {
        let now = self.course.slices.fetch_add(1, SeqCst);
        let waited = now - self.since.load(SeqCst);
        self.course.worst.fetch_max(waited, SeqCst);
        self.since.store(now + 1, SeqCst);
        now >= self.course.end
    }
}

/// A thread that computes for ever.
fn spinner(course: &Arc<Course>) -> Toy {
    let runner = course.runner();
    Toy::new(move |_, _| {
        if runner.runs() {
            runner.course.ended.add();
            return Outcome::Done;
        }
        Outcome::Yielded
    })
}

/// A pair of which each makes the other ready and parks: one of them is always in the next-slot.
fn pair(cx: Cx<'_, '_>, course: &Arc<Course>) {
    let seats: Arc<Mutex<Vec<(Toy, Arc<AtomicUsize>)>>> = Arc::default();
    for me in 0..2 {
        let (runner, seats_too) = (course.runner(), seats.clone());
        let mut first = true;
        let since = runner.since.clone();
        let toy = Toy::new(move |cx, this| {
            let over = runner.runs();
            // The second one waits to be woken for the first time.
            let waits = std::mem::take(&mut first) && me == 1;
            let (other, since) = seats_too.lock().unwrap()[1 - me].clone();
            this.0.wait.store(u64::from(!over), SeqCst);
            if !waits && other.claim() {
                since.store(runner.course.slices.load(SeqCst), SeqCst);
                cx.ready(other);
            }
            if over {
                runner.course.ended.add();
                return Outcome::Done;
            }
            Outcome::Parked
        });
        seats.lock().unwrap().push((toy, since));
    }
    let both: Vec<Toy> = seats.lock().unwrap().iter().map(|(toy, _)| toy.clone()).collect();
    // The one that waits runs first.
    both.into_iter().rev().for_each(|toy| cx.spawn(toy));
}

/// A thread that uses some fuel, starts the next one and ends, for ever.
fn chain(course: &Arc<Course>, fuel: u64) -> Toy {
    let runner = course.runner();
    Toy::new(move |cx, _| {
        cx.used(fuel);
        if runner.runs() {
            runner.course.ended.add();
        } else {
            cx.spawn(chain(&runner.course, fuel));
        }
        Outcome::Done
    })
}

/// A thread that makes calls for ever. How long it waits is not counted: its kernel thread may be
/// stopped at any moment between the end of the call and its queueing, which is no slice.
fn caller(course: &Arc<Course>, handoff: Handoff) -> Toy {
    let course = course.clone();
    Toy::with_call(
        || {},
        move |cx, _| {
            // What goes on after a short call is the slice that the call interrupted.
            let slices = usize::from(!cx.continues());
            if course.slices.fetch_add(slices, SeqCst) >= course.end {
                course.ended.add();
                return Outcome::Done;
            }
            Outcome::Blocking(handoff)
        },
    )
}

/// Runs what `begin` starts, all in one slice, on one processor.
fn run(ends: usize, course: &Arc<Course>, mut begin: impl FnMut(Cx<'_, '_>) + Send + 'static) {
    let (scheduler, stalls) = start(processors(1));
    scheduler.spawn(Toy::new(move |cx, _| {
        begin(cx);
        Outcome::Done
    }));
    course.ended.wait_for(ends);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

/// Threads that only compute take turns, exactly while the queue holds them all.
#[test]
fn spinners_take_turns() {
    for count in [1, 2, 8, 200, 1_000, 5_000] {
        let course = Course::new(10 * count);
        let there = course.clone();
        run(count, &course, move |cx| {
            (0..count).for_each(|_| cx.spawn(spinner(&there)));
        });
        let most = if count <= 256 { count - 1 } else { count + WAIT_MAX };
        assert!(course.worst() <= most, "{} slices among {count}", course.worst());
    }
}

/// What comes from outside goes to the injector, beside threads that keep the queue full.
#[test]
fn the_injector_is_served_as_the_queue_is() {
    for (inside, outside) in [(1, 1), (8, 200), (200, 2_000), (1_000, 1_000)] {
        let course = Course::new(4 * (inside + outside + WAIT_MAX));
        let there = course.clone();
        run(inside + outside, &course, move |cx| {
            (0..inside).for_each(|_| cx.spawn(spinner(&there)));
            (0..outside).for_each(|_| cx.scheduler().spawn(spinner(&there)));
        });
        let most = inside + outside + WAIT_MAX;
        assert!(course.worst() <= most, "{} slices, {inside} and {outside}", course.worst());
    }
}

/// A pair that wakes each other through the next-slot keeps nobody waiting for more than four times
/// as long, and is not kept waiting itself.
#[test]
fn a_ping_pong_pair_starves_nobody() {
    for count in [1, 8, 100] {
        let course = Course::new(40 * (count + 2));
        let there = course.clone();
        run(count + 2, &course, move |cx| {
            (0..count).for_each(|_| cx.spawn(spinner(&there)));
            pair(cx, &there);
        });
        let most = 4 * (count + 2);
        assert!(course.worst() <= most, "{} slices among {count}", course.worst());
    }
}

/// The queue is empty all the time: what comes from outside has its turn too.
#[test]
fn a_ping_pong_pair_does_not_starve_the_injector() {
    for count in [1, 8, 100] {
        let course = Course::new(40 * (count + WAIT_MAX));
        let there = course.clone();
        run(count + 2, &course, move |cx| {
            pair(cx, &there);
            (0..count).for_each(|_| cx.scheduler().spawn(spinner(&there)));
        });
        let most = 4 * (count + 2 + WAIT_MAX);
        assert!(course.worst() <= most, "{} slices among {count}", course.worst());
    }
}

#[test]
fn a_spawn_chain_starves_nobody() {
    for count in [1, 8, 100] {
        let course = Course::new(40 * (count + 1));
        let there = course.clone();
        run(count + 1, &course, move |cx| {
            (0..count).for_each(|_| cx.spawn(spinner(&there)));
            cx.spawn(chain(&there, 0));
        });
        assert!(course.worst() <= count, "{} slices among {count}", course.worst());
    }
}

/// Where the queue is long, new threads go before it, for a slice's worth of fuel each time; and so
/// many are served one by one that waited on the stack below them.
#[test]
fn a_spawn_chain_beside_a_long_queue_starves_nobody() {
    for (fuel, slices) in [(0, 251), (3_000, 5), (10_000, 2)] {
        let count = 1_000;
        let most = slices * (count + 1 + WAIT_MAX);
        let course = Course::new(2 * most);
        let there = course.clone();
        run(count + 1, &course, move |cx| {
            (0..count).for_each(|_| cx.spawn(spinner(&there)));
            cx.spawn(chain(&there, fuel));
        });
        assert!(course.worst() <= most, "{} slices, not {most}", course.worst());
    }
}

/// Threads that call all the time, beside others: those that come back jump the queue, those that
/// may not call yet stand in a line of their own. All of them come to their end too.
#[test]
fn callers_starve_nobody() {
    for handoff in [Handoff::Lazy, Handoff::Eager] {
        for (count, callers, max_lwps) in [(1, 1, 64), (8, 1, 64), (8, 12, 64), (8, 12, 3)] {
            let most = 4 * (count + 2 + callers);
            let worst = || worst_beside_callers(count, callers, max_lwps, handoff);
            // The kernel may stop the monitor while that carries a thread, which is no slice; it does
            // not do so each time.
            assert!((0..5).any(|_| worst() <= most), "{callers} callers, {handoff:?}");
        }
    }
}

fn worst_beside_callers(count: usize, callers: usize, max_lwps: usize, handoff: Handoff) -> usize {
    let course = Course::new(60 * (count + callers));
    let there = course.clone();
    let (scheduler, stalls) = start(Config { max_lwps, ..processors(1) });
    scheduler.spawn(Toy::new(move |cx, _| {
        (0..count).for_each(|_| cx.spawn(spinner(&there)));
        pair(cx, &there);
        (0..callers).for_each(|_| cx.spawn(caller(&there, handoff)));
        Outcome::Done
    }));
    course.ended.wait_for(count + 2 + callers);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
    course.worst()
}

/// What a slice of the interpreter takes of virtual time, roughly.
const SLICE: u64 = 10_000;

/// Eight threads that compute and one that wants to run each millisecond: on one processor it misses
/// none, and is late by the slices of the others at most.
#[test]
fn a_ticker_beside_eight_spinners() {
    const TICKS: u64 = 1_000;
    let (scheduler, stalls) = start(Config { virtual_time: true, ..processors(1) });
    let over = Arc::new(AtomicBool::new(false));
    let late = Arc::new(Mutex::new(Duration::ZERO));
    let ended = Tally::default();
    let (worst, all) = (late.clone(), ended.clone());
    scheduler.spawn(Toy::new(move |cx, _| {
        for _ in 0..8 {
            let (over, all) = (over.clone(), all.clone());
            cx.spawn(Toy::new(move |cx, _| {
                cx.used(SLICE);
                if over.load(SeqCst) {
                    all.add();
                    return Outcome::Done;
                }
                Outcome::Yielded
            }));
        }
        let (over, all, worst) = (over.clone(), all.clone(), worst.clone());
        let mut tick = 0;
        let mut due = cx.now();
        cx.spawn(Toy::new(move |cx, this| {
            let mut worst = worst.lock().unwrap();
            *worst = (*worst).max(cx.now().since(due));
            if tick == TICKS {
                assert!(cx.now().since(due) < Duration::from_millis(1), "a tick was missed");
                over.store(true, SeqCst);
                all.add();
                return Outcome::Done;
            }
            tick += 1;
            due = due + Duration::from_millis(1);
            this.0.wait.store(tick, SeqCst);
            cx.timer(due, this.clone(), tick);
            Outcome::Parked
        }));
        Outcome::Done
    }));
    ended.wait_for(9);
    scheduler.shutdown();
    let slice = Duration::from_nanos(SLICE * crate::sched::timer::NANOS_PER_FUEL);
    let late = *late.lock().unwrap();
    assert!(late <= 9 * slice, "{late:?} late");
    assert_eq!(stalls.load(SeqCst), 0);
}

/// Virtual time passes for the timers of a processor that nobody holds, too.
#[test]
fn whoever_moves_the_clock_fires_all_timers() {
    let (scheduler, stalls) = start(Config { virtual_time: true, ..processors(2) });
    let (both, fired, ended) =
        (Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)), Tally::default());
    {
        let (both, fired, ended) = (both.clone(), fired.clone(), ended.clone());
        let mut waits = false;
        scheduler.spawn(Toy::new(move |cx, this| {
            if !waits {
                waits = true;
                this.0.wait.store(1, SeqCst);
                cx.timer(cx.now() + Duration::from_millis(50), this.clone(), 1);
                both.wait();
                return Outcome::Parked;
            }
            fired.store(true, SeqCst);
            ended.add();
            Outcome::Done
        }));
    }
    let all = ended.clone();
    let mut met = false;
    scheduler.spawn(Toy::new(move |cx, _| {
        if !std::mem::replace(&mut met, true) {
            both.wait();
        }
        cx.used(SLICE);
        if fired.load(SeqCst) {
            all.add();
            return Outcome::Done;
        }
        Outcome::Yielded
    }));
    ended.wait_for(2);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}
