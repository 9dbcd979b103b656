//! `sync.barrier`: a number of threads wait for each other, again and again.
//!
//! # Invariants
//!
//! - Fewer open waits are in the queue than the barrier is for: who completes the number ends them
//!   all and does not wait.
//! - A waiter that is asked to stop does not count any more.

use super::{Sleeper, int, of};
use crate::{
    atomics::{Mutex, Spot, sound},
    native::{Call, MethodDef, MethodTable, NativeResult, Next},
    thread::{Delivery, Memo, Ticket, WaitQueue, WaitReason, WaitToken},
    value::{Handle, Kind, Owned, error},
    waiting::Waits,
};

/// Who has come.
#[derive(Debug)]
struct Meeting<W> {
    /// How many meet. Immutable.
    size: usize,
    /// Any LWP, under the lock.
    waiters: Mutex<WaitQueue<W>>,
}

/// What came of coming.
#[derive(Debug, PartialEq, Eq)]
enum Came<W> {
    /// All are there; these were waiting.
    Last(Vec<W>),
    /// The caller is in the queue.
    Waiting(Ticket),
    /// The wait did not begin.
    Noticed,
}

impl<W: Sleeper> Meeting<W> {
    fn new(size: usize) -> Self {
        Self { size, waiters: Mutex::new(WaitQueue::new()) }
    }

    fn come(&self, begin: impl FnOnce() -> Option<W>) -> Came<W> {
        let mut waiters = self.waiters.lock();
        // Those that were asked to stop and have not left yet are told apart only when they matter:
        // to look at all for each that comes would be quadratic.
        let all = waiters.len() + 1 >= self.size;
        if all && waiters.iter().filter(|waiter| waiter.is_open()).count() + 1 >= self.size {
            let mut all: Vec<W> = std::iter::from_fn(|| waiters.pop()).collect();
            drop(waiters);
            all.retain(W::wake);
            return Came::Last(all);
        }
        if !sound(Spot::BarrierEnlist) {
            drop(waiters);
            waiters = self.waiters.lock();
        }
        begin().map_or(Came::Noticed, |waiter| Came::Waiting(waiters.push(waiter)))
    }

    fn leave(&self, ticket: Ticket) {
        let left = self.waiters.lock().remove(ticket);
        drop(left);
    }
}

/// A barrier.
#[derive(Debug)]
struct BarrierHandle {
    number: u64,
    meeting: Meeting<WaitToken>,
}

/// Its methods.
pub(crate) static METHODS: MethodTable = MethodTable::new(&[MethodDef {
    name: "wait",
    signature: "()",
    doc: "Waits until as many threads wait as the barrier is for; then all go on.",
    mutating: false,
    run: wait,
    shortcut: None,
}]);

impl Handle for BarrierHandle {
    fn type_name(&self) -> &str {
        "barrier"
    }

    fn methods(&self) -> &dyn std::any::Any {
        &METHODS
    }

    fn class(&self) -> u16 {
        METHODS.class()
    }
}

pub(super) fn barrier(call: &mut Call<'_>) -> NativeResult {
    let n = int(call.arg(0))?;
    let Some(size) = usize::try_from(n).ok().filter(|&size| size > 0) else {
        return Err(error(Kind::Value, format!("a barrier cannot be for {n} threads")));
    };
    let number = call.vm().program.number();
    Ok(Next::Return(Owned::handle(BarrierHandle { number, meeting: Meeting::new(size) })))
}

fn wait(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let barrier: &BarrierHandle = of(receiver)?;
    match waits.delivery() {
        Some(Delivery::Interrupted) => {
            if let Some(ticket) = waits.state.parked.take_ticket() {
                barrier.meeting.leave(ticket);
            }
            return Err(waits.interrupted());
        }
        Some(_) => return Next::nil(),
        None => {}
    }
    loop {
        let begin = waits.begin(WaitReason::Barrier(barrier.number));
        match barrier.meeting.come(|| begin.begin()) {
            Came::Last(all) => {
                for waiter in all {
                    waits.wake(Some(waiter));
                }
                return Next::nil();
            }
            Came::Waiting(ticket) => {
                waits.state.parked = Memo::ticket(ticket);
                return Ok(Next::Park);
            }
            Came::Noticed => waits.look()?,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::probe::Probe, *};

    #[test]
    fn the_last_one_lets_all_go_and_the_next_round_begins() {
        let meeting = Meeting::new(3);
        for round in 0..2 {
            for id in 0..2 {
                let came = meeting.come(|| Some(Probe(id, true)));
                assert!(matches!(came, Came::Waiting(_)), "round {round}");
            }
            let all = vec![Probe(0, true), Probe(1, true)];
            assert_eq!(meeting.come(|| None), Came::Last(all));
        }
    }

    #[test]
    fn who_was_stopped_does_not_count() {
        let meeting = Meeting::new(2);
        assert!(matches!(meeting.come(|| Some(Probe(1, false))), Came::Waiting(_)));
        assert!(matches!(meeting.come(|| Some(Probe(2, true))), Came::Waiting(_)));
        assert_eq!(meeting.come(|| None), Came::Last(vec![Probe(2, true)]));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::models::{Sleep, Sleeping, check, must_fail};

    fn two_meet() {
        let meeting = std::sync::Arc::new(Meeting::new(2));
        let meet = |meeting: &Meeting<Sleeping>, me: &Sleep| match meeting.come(|| me.begin()) {
            Came::Last(all) => all.iter().for_each(Sleeping::ready),
            Came::Waiting(_) => assert!(me.park()),
            Came::Noticed => unreachable!("nobody asks it to stop"),
        };
        let there = meeting.clone();
        let other = loom::thread::spawn(move || meet(&there, &Sleep::new(1)));
        meet(&meeting, &Sleep::new(2));
        other.join().unwrap();
    }

    #[test]
    fn both_go_on() {
        check(two_meet);
    }

    #[test]
    fn mutant_that_enters_the_queue_under_another_lock() {
        must_fail(Spot::BarrierEnlist, two_meet);
    }
}
