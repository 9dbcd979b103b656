//! `sync.waitgroup`: a count of work to be done, and a way to wait until it is zero.
//!
//! # Invariants
//!
//! - The count is never negative.
//! - While the count is zero no wait in the queue is open: who brings it to zero ends them all, in
//!   the order in which they came.

use super::{Sleeper, int, of, receiver};
use crate::{
    atomics::{Mutex, Spot, sound},
    native::{Call, MethodDef, MethodTable, NativeResult, Next},
    thread::{Delivery, Memo, Ticket, WaitQueue, WaitReason, WaitToken},
    value::{Handle, Kind, Owned, error},
    waiting::Waits,
};

/// The count and who waits for it to be zero.
#[derive(Debug)]
struct Group<W> {
    /// Any LWP, under the lock.
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    count: u64,
    waiters: WaitQueue<W>,
}

/// What came of changing the count.
#[derive(Debug, PartialEq, Eq)]
enum Changed<W> {
    /// It is this now, and these waits have ended.
    To(u64, Vec<W>),
    /// It would be negative.
    Negative,
    /// It would be too large.
    Overflow,
}

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
enum Waiting {
    /// The count is zero.
    Zero,
    /// The caller is in the queue.
    In(Ticket),
    /// The wait did not begin.
    Noticed,
}

impl<W: Sleeper> Group<W> {
    fn new() -> Self {
        Self { state: Mutex::new(State { count: 0, waiters: WaitQueue::new() }) }
    }

    fn change(&self, by: i64) -> Changed<W> {
        let mut state = self.state.lock();
        state.count = match state.count.checked_add_signed(by) {
            Some(count) => count,
            None if by < 0 => return Changed::Negative,
            None => return Changed::Overflow,
        };
        let count = state.count;
        let mut waiters = Vec::new();
        if count == 0 {
            waiters.extend(std::iter::from_fn(|| state.waiters.pop()));
        }
        drop(state);
        waiters.retain(W::wake);
        Changed::To(count, waiters)
    }

    fn wait(&self, begin: impl FnOnce() -> Option<W>) -> Waiting {
        let mut state = self.state.lock();
        if state.count == 0 {
            return Waiting::Zero;
        }
        if !sound(Spot::WaitGroupEnlist) {
            drop(state);
            state = self.state.lock();
        }
        match begin() {
            Some(waiter) => Waiting::In(state.waiters.push(waiter)),
            None => Waiting::Noticed,
        }
    }

    fn leave(&self, ticket: Ticket) {
        let left = self.state.lock().waiters.remove(ticket);
        drop(left);
    }
}

/// A wait group.
#[derive(Debug)]
struct WaitGroupHandle {
    number: u64,
    group: Group<WaitToken>,
}

/// Its methods.
pub(crate) static METHODS: MethodTable = MethodTable::new(&[
    MethodDef {
        name: "add",
        signature: "(n = 1)",
        doc: "Adds `n` to the count.",
        mutating: false,
        run: add,
        shortcut: None,
    },
    MethodDef {
        name: "done",
        signature: "()",
        doc: "Takes one from the count; at zero all waiting threads go on.",
        mutating: false,
        run: done,
        shortcut: None,
    },
    MethodDef {
        name: "wait",
        signature: "()",
        doc: "Waits until the count is zero.",
        mutating: false,
        run: wait,
        shortcut: None,
    },
]);

impl Handle for WaitGroupHandle {
    fn type_name(&self) -> &str {
        "waitgroup"
    }

    fn methods(&self) -> &dyn std::any::Any {
        &METHODS
    }

    fn class(&self) -> u16 {
        METHODS.class()
    }
}

pub(super) fn waitgroup(call: &mut Call<'_>) -> NativeResult {
    let number = call.vm().program.number();
    Ok(Next::Return(Owned::handle(WaitGroupHandle { number, group: Group::new() })))
}

fn change(call: &mut Call<'_>, by: i64) -> NativeResult {
    match receiver::<WaitGroupHandle>(call)?.group.change(by) {
        Changed::To(_, woken) => {
            for waiter in woken {
                Waits::of(call).wake(Some(waiter));
            }
            Next::nil()
        }
        Changed::Negative => {
            Err(error(Kind::Value, "the count of a wait group cannot be negative"))
        }
        Changed::Overflow => Err(error(Kind::Overflow, "the count of a wait group is too large")),
    }
}

fn add(call: &mut Call<'_>) -> NativeResult {
    let by = int(call.arg(0))?;
    change(call, by)
}

fn done(call: &mut Call<'_>) -> NativeResult {
    change(call, -1)
}

fn wait(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let handle: &WaitGroupHandle = of(receiver)?;
    match waits.delivery() {
        Some(Delivery::Interrupted) => {
            if let Some(ticket) = waits.state.parked.take_ticket() {
                handle.group.leave(ticket);
            }
            return Err(waits.interrupted());
        }
        Some(_) => return Next::nil(),
        None => {}
    }
    loop {
        let begin = waits.begin(WaitReason::WaitGroup(handle.number));
        match handle.group.wait(|| begin.begin()) {
            Waiting::Zero => return Next::nil(),
            Waiting::In(ticket) => {
                waits.state.parked = Memo::ticket(ticket);
                return Ok(Next::Park);
            }
            Waiting::Noticed => waits.look()?,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::probe::Probe, *};

    #[test]
    fn the_last_done_wakes_all_in_order() {
        let group = Group::new();
        assert_eq!(group.wait(|| Some(Probe(0, true))), Waiting::Zero);
        assert_eq!(group.change(2), Changed::To(2, vec![]));
        for probe in [Probe(1, true), Probe(2, false), Probe(3, true)] {
            assert!(matches!(group.wait(|| Some(probe)), Waiting::In(_)));
        }
        assert_eq!(group.change(-1), Changed::To(1, vec![]));
        assert_eq!(group.change(-1), Changed::To(0, vec![Probe(1, true), Probe(3, true)]));
        assert_eq!(group.change(-1), Changed::Negative);
        assert_eq!(group.change(i64::MIN), Changed::Negative);
    }

    #[test]
    fn who_leaves_is_not_woken() {
        let group = Group::new();
        let _ = group.change(1);
        assert_eq!(group.wait(|| None), Waiting::Noticed);
        let Waiting::In(ticket) = group.wait(|| Some(Probe(1, true))) else { panic!("it waits") };
        group.leave(ticket);
        assert_eq!(group.change(-1), Changed::To(0, vec![]));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::models::{Sleep, Sleeping, check, must_fail};

    /// The count goes to zero while a thread begins to wait: it goes on.
    fn done_against_wait() {
        let group = std::sync::Arc::new(Group::new());
        let _ = group.change(1);
        let there = group.clone();
        let worker = loom::thread::spawn(move || {
            let Changed::To(0, woken) = there.change(-1) else { panic!("one is to be done") };
            woken.iter().for_each(Sleeping::ready);
        });
        let me = Sleep::new(1);
        if let Waiting::In(_) = group.wait(|| me.begin()) {
            assert!(me.park());
        }
        worker.join().unwrap();
    }

    #[test]
    fn no_wake_up_is_lost() {
        check(done_against_wait);
    }

    #[test]
    fn mutant_that_enters_the_queue_under_another_lock() {
        must_fail(Spot::WaitGroupEnlist, done_against_wait);
    }
}
