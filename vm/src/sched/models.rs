//! The protocols under the model checker, as they are shipped.
//!
//! Each model runs the real code of one file through all interleavings (up to a bound on
//! preemptions) and all the weak-memory outcomes that the checker knows. Each comes with mutants:
//! the same model with one argued ordering, fence or re-check taken away ([`Spot`]). A mutant must
//! fail, or the model proves nothing about what it took away.
//!
//! Joining a thread orders everything it did, so nothing is asserted only after a join that the
//! protocol itself is to order.

#![expect(
    clippy::arc_with_non_send_sync,
    reason = "the threads of a model share one kernel thread, and its cells are watched"
)]

mod shutdown;
mod stall;
mod timers;
mod whole;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bound::{attend, pass};
use super::idle::Idle;
use super::lwp::{Post, Reached};
use super::monitor::Monitor;
use super::ownership::{Owned, Ownership};
use super::park::ParkWord;
use super::queue::Injector;
use super::run::Time;
use super::slot::NextSlot;
use crate::atomics::{
    Arc, AtomicBool, AtomicU64, AtomicUsize, Ordering, Spot, UnsafeCell, fence, sound, thread,
    weaken,
};

pub(super) fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// The model must fail without what `spot` stands for.
pub(super) fn must_fail(spot: Spot, model: fn()) {
    let outcome = catch_unwind(AssertUnwindSafe(|| weaken(spot, model)));
    let Err(panic) = outcome else { panic!("the model does not notice that {spot:?} is gone") };
    let text = panic.downcast_ref::<String>().map_or("", String::as_str);
    // Giving up is not noticing.
    assert!(!text.contains("exceeded maximum"), "{spot:?}: {text}");
}

pub(super) fn go(f: impl FnOnce() + 'static) -> loom::thread::JoinHandle<()> {
    loom::thread::spawn(f)
}

/// A number that must only be touched by one thread at a time. The checker watches the touches; the
/// number itself is where it does not look.
struct Watched {
    touch: UnsafeCell<()>,
    number: std::sync::atomic::AtomicU64,
}

impl Watched {
    fn new() -> Self {
        Self { touch: UnsafeCell::new(()), number: std::sync::atomic::AtomicU64::new(0) }
    }

    fn write(&self, number: u64) {
        self.touch.with_mut(|_| ());
        self.number.store(number, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.touch.with(|_| ());
        self.number.load(Ordering::Relaxed)
    }
}

// Ownership: an LWP enters and leaves calls while the monitor may take the processor and hand it
// on. Whoever holds it writes to what it guards.

fn calls_and_a_taker() {
    check(3, || {
        let owned = Arc::new(Owned::new(0_u32));
        assert!(owned.grant(1));
        let caller = {
            let owned = owned.clone();
            go(move || {
                let mut held = owned.adopt(1).expect("granted");
                *held += 1;
                let mut here = Some(held);
                for _ in 0..2 {
                    let Some(held) = here else { return };
                    here = held.enter().leave();
                    if let Some(held) = &mut here {
                        **held += 1;
                    }
                }
                if let Some(held) = here {
                    held.release();
                }
            })
        };
        // The monitor: a look, an exchange, and only then the heir.
        let first = owned.look();
        thread::yield_now();
        if let Ownership::InCall(call) = owned.look()
            && (first == Ownership::InCall(call) || first == Ownership::Granted(1))
            && owned.take(call)
            && owned.grant(2)
        {
            let mut held = owned.adopt(2).expect("granted");
            *held += 1;
            held.release();
        }
        caller.join().expect("caller");
        assert_eq!(owned.look(), Ownership::Idle, "released by the last who had it");
    });
}

#[test]
fn ownership() {
    calls_and_a_taker();
}

#[test]
fn ownership_mutants() {
    for spot in [Spot::EnterCall, Spot::LeaveCall, Spot::TakeCall] {
        must_fail(spot, calls_and_a_taker);
    }
}

/// The processor goes round: released by one LWP, granted to the next.
fn release_and_grant() {
    check(3, || {
        let owned = Arc::new(Owned::new(0_u32));
        assert!(owned.grant(1));
        let first = {
            let owned = owned.clone();
            go(move || {
                let mut held = owned.adopt(1).expect("granted");
                *held += 1;
                held.release();
            })
        };
        let second = {
            let owned = owned.clone();
            go(move || {
                thread::yield_now();
                if let Some(mut held) = owned.adopt(2) {
                    *held += 1;
                    held.release();
                }
            })
        };
        thread::yield_now();
        let _ = owned.grant(2);
        first.join().expect("first");
        second.join().expect("second");
    });
}

#[test]
fn ownership_release() {
    release_and_grant();
}

#[test]
fn ownership_release_mutants() {
    for spot in [Spot::Release, Spot::Adopt] {
        must_fail(spot, release_and_grant);
    }
}

// Passing: a processor goes to the LWP of a bound thread with the thread in it.

/// The ownership word alone, without the lock of a post, which orders too.
fn pass_and_adopt() {
    check(3, || {
        let owned = Arc::new(Owned::new(0_u32));
        assert!(owned.grant(1));
        let passer = {
            let owned = owned.clone();
            go(move || {
                let mut held = owned.adopt(1).expect("granted");
                *held += 1;
                let _ = held.pass(2);
            })
        };
        thread::yield_now();
        if let Some(mut held) = owned.adopt(2) {
            *held += 1;
            held.release();
        }
        passer.join().expect("passer");
    });
}

#[test]
fn bound_pass() {
    pass_and_adopt();
}

#[test]
fn bound_pass_mutants() {
    for spot in [Spot::Pass, Spot::Adopt] {
        must_fail(spot, pass_and_adopt);
    }
}

/// A processor is passed to a bound LWP while a shutdown begins: the closer says so and dismisses the
/// LWP, whose post may be opened only after that. Whatever comes first, the LWP leaves, and the
/// processor ends idle: else what is in it would never be dropped.
fn pass_and_close() {
    check(2, || {
        let owned = Arc::new(Owned::new(0_u32));
        let post = Arc::new(Post::new());
        let closing = Arc::new(AtomicBool::new(false));
        assert!(owned.grant(1));
        let closer = {
            let (post, closing) = (post.clone(), closing.clone());
            go(move || {
                closing.store(true, Ordering::Release);
                post.dismiss();
            })
        };
        // The LWP is made by whoever will pass to it.
        post.open();
        let lwp = {
            let (owned, post, closing) = (owned.clone(), post.clone(), closing.clone());
            go(move || {
                let use_it = |processor: usize| {
                    let mut held = owned.adopt(2 + processor).expect("passed");
                    *held += 1;
                    held.release();
                };
                while let Some(processor) = attend(&post, || closing.load(Ordering::Acquire)) {
                    use_it(processor);
                }
                if let Some(processor) = post.close() {
                    use_it(processor);
                }
            })
        };
        let mut held = owned.adopt(1).expect("granted");
        *held += 1;
        if let Some(mut held) = pass(held, 0, 2, &post) {
            *held += 1;
            held.release();
        }
        closer.join().expect("closer");
        lwp.join().expect("LWP");
        assert_eq!(owned.look(), Ownership::Idle, "the processor is lost");
    });
}

#[test]
fn bound_close() {
    pass_and_close();
}

#[test]
fn bound_close_mutants() {
    for spot in [Spot::PassLeft, Spot::BoundClosing] {
        must_fail(spot, pass_and_close);
    }
}

// The park word: a thread registers its wait and stops running; a waker leaves a value for it and
// queues it. Whoever may run it next must see both.

struct Parkable {
    word: ParkWord,
    registered: AtomicBool,
    stack: Watched,
    value: Watched,
    ran: AtomicUsize,
}

fn park_and_wake() {
    check(3, || {
        let thread = Arc::new(Parkable {
            word: ParkWord::new(),
            registered: AtomicBool::new(false),
            stack: Watched::new(),
            value: Watched::new(),
            ran: AtomicUsize::new(0),
        });
        let waker = {
            let thread = thread.clone();
            go(move || {
                // Registration orders what the thread did before it, as a channel's lock would; it
                // does not order what the thread does between it and the park.
                if !thread.registered.load(Ordering::Acquire) {
                    return;
                }
                thread.value.write(7);
                while !thread.word.take_up() {
                    thread::yield_now();
                }
                assert_eq!((thread.stack.read(), thread.value.read()), (1, 7));
                thread.stack.write(2);
                thread.ran.store(1, Ordering::Relaxed);
                thread.word.put_down();
            })
        };
        assert!(thread.word.take_up());
        thread.stack.write(1);
        thread.registered.store(true, Ordering::Release);
        thread.stack.write(1);
        thread.word.put_down();
        waker.join().expect("waker");
        let expected = 1 + thread.ran.load(Ordering::Relaxed) as u64;
        assert!(thread.word.take_up());
        assert_eq!(thread.stack.read(), expected, "a slice is lost");
    });
}

#[test]
fn park() {
    park_and_wake();
}

#[test]
fn park_mutants() {
    for spot in [Spot::Park, Spot::TakeUp] {
        must_fail(spot, park_and_wake);
    }
}

// The idle handshake: one LWP runs out of work and lies down while another kernel thread submits.
// A lost wake-up leaves the LWP asleep for ever, which the checker reports as a deadlock.

struct House {
    idle: Idle,
    queue: Injector<u32>,
    posts: Vec<Post>,
    done: AtomicUsize,
}

impl House {
    /// One processor, held by LWP 0, which searches; `lwps` sleepers at most.
    fn new(processors: usize) -> Arc<Self> {
        let house = Self {
            idle: Idle::new(processors, processors),
            queue: Injector::new(),
            posts: (0..processors).map(|_| Post::new()).collect(),
            done: AtomicUsize::new(0),
        };
        Arc::new(house)
    }

    fn submit(&self, work: u32) {
        self.queue.push(work);
        if self.idle.wake_wanted() {
            self.wake_one();
        }
    }

    fn wake_one(&self) {
        if let Some(claim) = self.idle.claim(None) {
            assert!(!claim.is_new, "the LWPs of the model exist from the start");
            assert_eq!(self.posts[claim.lwp].grant(claim.processor), Reached::Here);
        }
    }

    /// The life of an LWP that was given `processor`, until `goal` threads have been run by all.
    fn live(&self, lwp: usize, mut processor: usize, mut searching: bool, goal: usize) {
        loop {
            if !self.queue.is_empty()
                && let Some(_work) = self.queue.pop()
            {
                if std::mem::take(&mut searching)
                    && self.idle.stop_searching()
                    && !self.queue.is_empty()
                {
                    self.wake_one();
                }
                if self.done.fetch_add(1, Ordering::AcqRel) + 1 == goal {
                    // Everybody else is told to go home.
                    for post in &self.posts {
                        assert_eq!(post.poke(), Reached::Here);
                    }
                }
            }
            if self.done.load(Ordering::Acquire) == goal {
                return;
            }
            if !self.queue.is_empty() {
                continue;
            }
            self.idle.lie_down(lwp, Some(processor), searching, false);
            if sound(Spot::IdleScan)
                && !self.queue.is_empty()
                && let Some(own) = self.idle.get_up(lwp, true)
            {
                (processor, searching) = (own, true);
                continue;
            }
            let mail = self.posts[lwp].wait(None);
            let Some(granted) = mail.processor else { return };
            (processor, searching) = (granted, true);
        }
    }

    /// Takes the processors off the list for LWPs that exist already.
    fn occupy(&self, lwps: usize) -> Vec<usize> {
        let claims: Vec<usize> = (0..lwps)
            .map(|_| {
                let claim = self.idle.claim(None).expect("idle at first");
                let _ = self.idle.stop_searching();
                claim.processor
            })
            .collect();
        claims
    }
}

fn submit_and_park() {
    check(3, || {
        let house = House::new(1);
        let own = house.occupy(1)[0];
        let lwp = {
            let house = house.clone();
            go(move || house.live(0, own, false, 1))
        };
        house.submit(1);
        lwp.join().expect("LWP");
        assert_eq!(house.done.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn idle() {
    submit_and_park();
}

#[test]
fn idle_mutants() {
    for spot in [Spot::WakeFence, Spot::IdleFence, Spot::IdleScan] {
        must_fail(spot, submit_and_park);
    }
}

/// Two submitters, one LWP: the second may see the searcher that the first has woken.
fn two_submitters() {
    check(2, || {
        let house = House::new(1);
        let own = house.occupy(1)[0];
        let lwp = {
            let house = house.clone();
            go(move || house.live(0, own, false, 2))
        };
        let other = {
            let house = house.clone();
            go(move || house.submit(1))
        };
        house.submit(2);
        other.join().expect("submitter");
        lwp.join().expect("LWP");
        assert_eq!(house.done.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn idle_two_submitters() {
    two_submitters();
}

#[test]
fn idle_two_submitters_mutants() {
    for spot in [Spot::WakeFence, Spot::IdleFence] {
        must_fail(spot, two_submitters);
    }
}

/// A searcher finds work while a submitter, who saw it search, wakes nobody: the searcher must wake
/// the other LWP, for the first thread does not end before the second has run.
fn the_last_searcher_wakes_another() {
    check(2, || {
        let idle = Arc::new(Idle::new(2, 2));
        let posts = Arc::new([Post::new(), Post::new()]);
        let queue = Arc::new(Injector::new());
        // LWP 1 sleeps, LWP 0 searches.
        let first = idle.claim(None).expect("idle at first");
        let _ = idle.stop_searching();
        let second = idle.claim(None).expect("idle at first");
        assert_eq!((first.lwp, second.lwp), (0, 1));
        idle.lie_down(1, Some(second.processor), true, false);
        assert!(idle.start_searching());
        queue.push(1);
        let submitter = {
            let (idle, posts, queue) = (idle.clone(), posts.clone(), queue.clone());
            go(move || {
                queue.push(2);
                if idle.wake_wanted()
                    && let Some(claim) = idle.claim(None)
                {
                    assert_eq!(posts[claim.lwp].grant(claim.processor), Reached::Here);
                }
            })
        };
        let sleeper = {
            let (posts, queue) = (posts.clone(), queue.clone());
            go(move || {
                // LWP 0 is busy with the first thread from now on.
                assert!(posts[1].wait(None).processor.is_some());
                assert!(queue.pop().is_some(), "woken for nothing");
            })
        };
        assert!(queue.pop().is_some());
        if idle.stop_searching()
            && !queue.is_empty()
            && let Some(claim) = idle.claim(None)
        {
            assert_eq!(posts[claim.lwp].grant(claim.processor), Reached::Here);
        }
        submitter.join().expect("submitter");
        sleeper.join().expect("sleeper");
    });
}

#[test]
fn idle_last_searcher() {
    the_last_searcher_wakes_another();
}

#[test]
fn idle_last_searcher_mutants() {
    for spot in [Spot::WakeFence, Spot::IdleFence] {
        must_fail(spot, the_last_searcher_wakes_another);
    }
}

// The next-slot: the owner fills and takes, a thief takes. Each filling comes out once, whole.

fn slot_and_thief() {
    check(3, || {
        let slot = Arc::new(NextSlot::new());
        let seen = Arc::new(AtomicU64::new(0));
        let thief = {
            let (slot, seen) = (slot.clone(), seen.clone());
            go(move || {
                for _ in 0..2 {
                    if let Some(item) = slot.take() {
                        let item: Arc<Watched> = item;
                        seen.fetch_add(item.read(), Ordering::Relaxed);
                    }
                }
            })
        };
        for value in [1_u64, 100] {
            let item = Arc::new(Watched::new());
            item.write(value);
            if let Some(old) = slot.fill(item) {
                seen.fetch_add(old.read(), Ordering::Relaxed);
            }
        }
        thief.join().expect("thief");
        if let Some(item) = slot.take() {
            seen.fetch_add(item.read(), Ordering::Relaxed);
        }
        assert_eq!(seen.load(Ordering::Relaxed), 101, "an item was lost or came twice");
    });
}

/// The owner fills again what a thief has emptied.
fn slot_filled_again() {
    check(3, || {
        let slot = Arc::new(NextSlot::new());
        assert_eq!(slot.fill(1), None);
        let thief = {
            let slot = slot.clone();
            go(move || assert_eq!(slot.take(), Some(1)))
        };
        while slot.look().is_some() {
            thread::spin();
        }
        // A thief that is not done yet keeps it.
        let left = slot.fill(2).or_else(|| slot.take());
        thief.join().expect("thief");
        assert_eq!(left, Some(2));
    });
}

#[test]
fn slot() {
    slot_and_thief();
    slot_filled_again();
}

#[test]
fn slot_mutants() {
    for spot in [Spot::SlotFill, Spot::SlotTake] {
        must_fail(spot, slot_and_thief);
    }
    must_fail(Spot::SlotSeen, slot_filled_again);
}

// The monitor's sleep: an LWP enters a call while the monitor goes to sleep. If both miss the
// other's news, nobody ever looks at the call.

fn call_and_sleep() {
    check(3, || {
        let owned = Arc::new(Owned::new(0_u32));
        let monitor = Arc::new(Monitor::new());
        assert!(owned.grant(0));
        let caller = {
            let (owned, monitor) = (owned.clone(), monitor.clone());
            go(move || {
                // A call that never returns.
                let _ = owned.adopt(0).expect("granted").enter();
                if monitor.note_call() {
                    monitor.ring();
                }
            })
        };
        // Sleeps until rung, unless it sees the call before it lies down.
        monitor.sleep(Time::NEVER, None, || matches!(owned.look(), Ownership::InCall(_)));
        let Ownership::InCall(call) = owned.look() else { panic!("woken without a call") };
        assert!(owned.take(call));
        caller.join().expect("caller");
    });
}

#[test]
fn monitor() {
    call_and_sleep();
}

#[test]
fn monitor_mutants() {
    for spot in [Spot::CallFence, Spot::MonitorFence] {
        must_fail(spot, call_and_sleep);
    }
}

/// The checker itself: it must tell two fences from one.
#[test]
fn the_checker_knows_fences() {
    fn dekker(fences: [bool; 2]) {
        check(3, move || {
            let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
            let missed = Arc::new(AtomicUsize::new(0));
            let side = |me: usize| {
                let (flags, missed) = (flags.clone(), missed.clone());
                move || {
                    flags[me].store(true, Ordering::Release);
                    if fences[me] {
                        fence(Ordering::SeqCst);
                    }
                    if !flags[1 - me].load(Ordering::Acquire) {
                        missed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            let other = go(side(1));
            side(0)();
            other.join().expect("other side");
            assert!(missed.load(Ordering::Relaxed) < 2);
        });
    }
    dekker([true, true]);
    for fences in [[true, false], [false, true], [false, false]] {
        assert!(catch_unwind(|| dekker(fences)).is_err(), "{fences:?}");
    }
}
