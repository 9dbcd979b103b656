//! `sync.semaphore`: a number of permits; who finds none waits.
//!
//! # Invariants
//!
//! - While there are permits no wait in the queue is open: a permit that is given back goes to the
//!   first waiter, which has it from the moment it is woken.
//! - A permit is in one place: free, or with one thread. A waiter that is asked to stop has none.

use super::{Sleeper, int, of};
use crate::{
    atomics::{Mutex, Spot, sound},
    native::{Call, MethodDef, MethodTable, NativeResult, Next},
    thread::{Delivery, Memo, Ticket, WaitQueue, WaitReason, WaitToken},
    value::{Handle, Kind, Owned, error},
    waiting::{Progress, Waits},
};

/// The free permits and who waits for one.
#[derive(Debug)]
struct Permits<W> {
    /// Any LWP, under the lock.
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    free: u64,
    waiters: WaitQueue<W>,
}

/// What came of asking for a permit.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// The caller has one.
    Given,
    /// The caller is in the queue.
    Waiting(Ticket),
    /// The wait did not begin.
    Noticed,
}

impl<W: Sleeper> Permits<W> {
    fn new(free: u64) -> Self {
        Self { state: Mutex::new(State { free, waiters: WaitQueue::new() }) }
    }

    fn acquire(&self, begin: impl FnOnce() -> Option<W>) -> Asked {
        let mut state = self.state.lock();
        if state.free > 0 {
            state.free -= 1;
            return Asked::Given;
        }
        begin().map_or(Asked::Noticed, |waiter| Asked::Waiting(state.waiters.push(waiter)))
    }

    /// Gives a permit back; gives the waiter that it went to.
    fn release(&self) -> Option<W> {
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        let woken = loop {
            let Some(waiter) = state.waiters.pop() else {
                state.free += 1;
                break None;
            };
            if waiter.wake() {
                break Some(waiter);
            }
            gone.push(waiter);
            if !sound(Spot::SemaphoreRetry) {
                break None;
            }
        };
        drop(state);
        drop(gone);
        woken
    }

    fn leave(&self, ticket: Ticket) {
        let left = self.state.lock().waiters.remove(ticket);
        drop(left);
    }
}

/// A semaphore.
#[derive(Debug)]
struct SemaphoreHandle {
    number: u64,
    permits: Permits<WaitToken>,
}

/// Its methods.
pub(crate) static METHODS: MethodTable = MethodTable::new(&[
    MethodDef {
        name: "acquire",
        signature: "()",
        doc: "Takes a permit; waits for one.",
        mutating: false,
        run: acquire,
        shortcut: None,
    },
    MethodDef {
        name: "release",
        signature: "()",
        doc: "Gives a permit back.",
        mutating: false,
        run: release,
        shortcut: None,
    },
    MethodDef {
        name: "with",
        signature: "(f)",
        doc: "Calls `f` with a permit taken; gives what it gives.",
        mutating: false,
        run: with,
        shortcut: None,
    },
]);

impl Handle for SemaphoreHandle {
    fn type_name(&self) -> &str {
        "semaphore"
    }

    fn methods(&self) -> &dyn std::any::Any {
        &METHODS
    }

    fn class(&self) -> u16 {
        METHODS.class()
    }
}

pub(super) fn semaphore(call: &mut Call<'_>) -> NativeResult {
    let n = int(call.arg(0))?;
    let free = u64::try_from(n)
        .map_err(|_| error(Kind::Value, format!("a semaphore cannot have {n} permits")))?;
    let number = call.vm().program.number();
    Ok(Next::Return(Owned::handle(SemaphoreHandle { number, permits: Permits::new(free) })))
}

fn take(waits: &mut Waits<'_, '_>, semaphore: &SemaphoreHandle) -> Result<Progress, Owned> {
    match waits.delivery() {
        Some(Delivery::Interrupted) => {
            if let Some(ticket) = waits.state.parked.take_ticket() {
                semaphore.permits.leave(ticket);
            }
            return Err(waits.interrupted());
        }
        Some(_) => return Ok(Progress::Done(())),
        None => {}
    }
    loop {
        let begin = waits.begin(WaitReason::Semaphore(semaphore.number));
        match semaphore.permits.acquire(|| begin.begin()) {
            Asked::Given => return Ok(Progress::Done(())),
            Asked::Waiting(ticket) => {
                waits.state.parked = Memo::ticket(ticket);
                return Ok(Progress::Park);
            }
            Asked::Noticed => waits.look()?,
        }
    }
}

fn acquire(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    match take(&mut waits, of(receiver)?)? {
        Progress::Done(()) => Next::nil(),
        Progress::Park => Ok(Next::Park),
    }
}

fn release(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let semaphore: &SemaphoreHandle = of(receiver)?;
    waits.wake(semaphore.permits.release());
    Next::nil()
}

fn with(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, args) = Waits::split(call);
    match take(&mut waits, of(receiver)?)? {
        Progress::Done(()) => Ok(Next::Call(args[0].take(), Vec::new(), Box::new(used))),
        Progress::Park => Ok(Next::Park),
    }
}

/// The function of a `with` has ended, in whatever way.
fn used(call: &mut Call<'_>, outcome: Result<Owned, Owned>) -> NativeResult {
    release(call)?;
    outcome.map(Next::Return)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::probe::Probe, *};

    #[test]
    fn permits_go_to_the_first_that_still_waits() {
        let permits = Permits::new(1);
        assert_eq!(permits.acquire(|| Some(Probe(1, true))), Asked::Given);
        for probe in [Probe(2, false), Probe(3, true)] {
            assert!(matches!(permits.acquire(|| Some(probe)), Asked::Waiting(_)));
        }
        assert_eq!(permits.release(), Some(Probe(3, true)));
        assert_eq!(permits.acquire(|| None), Asked::Noticed, "it went to the waiter");
        assert_eq!(permits.release(), None);
        assert_eq!(permits.acquire(|| None), Asked::Given);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::models::{Sleep, Sleeping, check, must_fail};

    /// While the only permit is taken two threads come to want it, and one of them is asked to
    /// stop: the permit is free in the end.
    fn one_permit() {
        let permits = std::sync::Arc::new(Permits::new(1));
        assert_eq!(permits.acquire(|| None), Asked::Given);
        let stopped = Sleep::new(1);
        let threads = [stopped.clone(), Sleep::new(2)].map(|me| {
            let permits = permits.clone();
            loom::thread::spawn(move || {
                if let Asked::Waiting(ticket) = permits.acquire(|| me.begin())
                    && !me.park()
                {
                    permits.leave(ticket);
                    return;
                }
                permits.release().iter().for_each(Sleeping::ready);
            })
        });
        stopped.interrupt();
        permits.release().iter().for_each(Sleeping::ready);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(permits.acquire(|| None), Asked::Given);
    }

    #[test]
    fn no_permit_is_lost() {
        check(one_permit);
    }

    #[test]
    fn mutant_that_loses_a_permit_to_a_stopped_waiter() {
        must_fail(Spot::SemaphoreRetry, one_permit);
    }
}
