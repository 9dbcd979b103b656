//! `sync.once`: a function that is run once, by whoever asks first; all others wait for its value.
//!
//! # Invariants
//!
//! - At most one thread runs the function.
//! - When a run ends without a value, one waiter is woken to run it; if that one was asked to stop
//!   meanwhile, the next. While nobody runs it and no woken thread is on its way, no wait in the
//!   queue is open.

use super::{Sleeper, of};
use crate::{
    atomics::{Mutex, Spot, sound},
    native::{Call, MethodDef, MethodTable, NativeResult, Next},
    thread::{Delivery, Memo, Ticket, WaitQueue, WaitReason, WaitToken},
    value::{Handle, Kind, Owned, Shared, error},
    waiting::Waits,
};

/// Something that is run once: whether it has a value, and who waits for one.
#[derive(Debug)]
pub(crate) struct Run<W, T> {
    /// Any LWP, under the lock.
    state: Mutex<State<W, T>>,
}

#[derive(Debug)]
struct State<W, T> {
    value: Option<T>,
    /// The number of the thread that runs the function.
    runner: Option<u64>,
    waiters: WaitQueue<W>,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<T> {
    /// The value.
    Value(T),
    /// The caller runs the function now.
    Run,
    /// The caller is running it already.
    Twice,
    /// The caller is in the queue.
    Waiting(Ticket),
    /// The wait did not begin.
    Noticed,
}

impl<W: Sleeper, T: Clone> Run<W, T> {
    /// Not run yet.
    pub(crate) fn new() -> Self {
        let state = State { value: None, runner: None, waiters: WaitQueue::new() };
        Self { state: Mutex::new(state) }
    }

    /// Asks for the value, as thread `me`, which begins a wait when somebody else makes it.
    pub(crate) fn ask(&self, me: u64, begin: impl FnOnce() -> Option<W>) -> Asked<T> {
        let mut state = self.state.lock();
        if let Some(value) = &state.value {
            return Asked::Value(value.clone());
        }
        match state.runner {
            None => {
                state.runner = Some(me);
                Asked::Run
            }
            Some(runner) if runner == me => Asked::Twice,
            Some(_) => {
                begin().map_or(Asked::Noticed, |waiter| Asked::Waiting(state.waiters.push(waiter)))
            }
        }
    }

    /// The run has ended, with a value or without; gives the waiters whose waits that ended.
    pub(crate) fn ended(&self, value: Option<T>) -> Vec<W> {
        let (mut woken, mut gone) = (Vec::new(), Vec::new());
        let mut state = self.state.lock();
        state.runner = None;
        state.value = value;
        while let Some(waiter) = state.waiters.pop() {
            if waiter.wake() {
                woken.push(waiter);
                if state.value.is_none() {
                    break;
                }
            } else {
                gone.push(waiter);
                if !sound(Spot::OnceRetry) {
                    break;
                }
            }
        }
        drop(state);
        drop(gone);
        woken
    }

    /// A waiter was told to stop.
    pub(crate) fn leave(&self, ticket: Ticket) {
        let left = self.state.lock().waiters.remove(ticket);
        drop(left);
    }
}

/// A function to be run once.
#[derive(Debug)]
struct OnceHandle {
    number: u64,
    function: Shared,
    run: Run<WaitToken, Shared>,
}

/// Its methods.
pub(crate) static METHODS: MethodTable = MethodTable::new(&[MethodDef {
    name: "get",
    signature: "()",
    doc: "What the function gave; runs it if nobody has.",
    mutating: false,
    run: get,
    shortcut: None,
}]);

impl Handle for OnceHandle {
    fn type_name(&self) -> &str {
        "once"
    }

    fn methods(&self) -> &dyn std::any::Any {
        &METHODS
    }

    fn class(&self) -> u16 {
        METHODS.class()
    }
}

pub(super) fn once(call: &mut Call<'_>) -> NativeResult {
    let number = call.vm().program.number();
    let function = Shared::crossing(call.take(0))?;
    Ok(Next::Return(Owned::handle(OnceHandle { number, function, run: Run::new() })))
}

fn get(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let once: &OnceHandle = of(receiver)?;
    if let Some(Delivery::Interrupted) = waits.delivery() {
        if let Some(ticket) = waits.state.parked.take_ticket() {
            once.run.leave(ticket);
        }
        return Err(waits.interrupted());
    }
    loop {
        let begin = waits.begin(WaitReason::Once(once.number));
        match once.run.ask(waits.thread.id(), || begin.begin()) {
            Asked::Value(value) => return Ok(Next::Return(value.into_owned())),
            Asked::Run => {
                return Ok(Next::Call(once.function.to_owned(), Vec::new(), Box::new(ended)));
            }
            Asked::Twice => {
                let text = "the function of this once asks for its own value";
                return Err(error(Kind::Deadlock, text));
            }
            Asked::Waiting(ticket) => {
                waits.state.parked = Memo::ticket(ticket);
                return Ok(Next::Park);
            }
            Asked::Noticed => waits.look()?,
        }
    }
}

/// The function has ended.
fn ended(call: &mut Call<'_>, outcome: Result<Owned, Owned>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let once: &OnceHandle = of(receiver)?;
    let outcome = outcome.and_then(Shared::crossing);
    for waiter in once.run.ended(outcome.as_ref().ok().cloned()) {
        waits.wake(Some(waiter));
    }
    outcome.map(|value| Next::Return(value.into_owned()))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::probe::Probe, *};

    #[test]
    fn a_value_goes_to_all() {
        let run = Run::new();
        assert_eq!(run.ask(1, || None), Asked::Run);
        assert_eq!(run.ask(1, || None), Asked::Twice);
        for id in 2..4 {
            assert!(matches!(run.ask(id, || Some(Probe(id, true))), Asked::Waiting(_)));
        }
        assert_eq!(run.ended(Some('v')), [Probe(2, true), Probe(3, true)]);
        assert_eq!(run.ask(5, || None), Asked::Value('v'));
    }

    #[test]
    fn a_failure_lets_the_next_one_try() {
        let run: Run<_, ()> = Run::new();
        assert_eq!(run.ask(1, || None), Asked::Run);
        for (id, open) in [(2, false), (3, true), (4, true)] {
            assert!(matches!(run.ask(id, || Some(Probe(id, open))), Asked::Waiting(_)));
        }
        assert_eq!(run.ended(None), [Probe(3, true)]);
        assert_eq!(run.ask(3, || None), Asked::Run);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::models::{Sleep, Sleeping, check, must_fail};

    /// The first run fails while one thread waits and another one is asked to stop: somebody makes
    /// the value.
    fn a_failure_and_a_request() {
        let run = std::sync::Arc::new(Run::new());
        assert_eq!(run.ask(1, || None), Asked::Run);
        let get = |run: &Run<Sleeping, u32>, me: &Sleep| loop {
            match run.ask(me.id(), || me.begin()) {
                Asked::Value(value) => break Some(value),
                Asked::Run => run.ended(Some(7)).iter().for_each(Sleeping::ready),
                Asked::Waiting(ticket) => {
                    if !me.park() {
                        run.leave(ticket);
                        break None;
                    }
                }
                Asked::Twice | Asked::Noticed => unreachable!("neither happens here"),
            }
        };
        let stopped = Sleep::new(2);
        let threads = [stopped.clone(), Sleep::new(3)].map(|me| {
            let run = run.clone();
            loom::thread::spawn(move || get(&run, &me))
        });
        stopped.interrupt();
        run.ended(None).iter().for_each(Sleeping::ready);
        let [first, second] = threads.map(|thread| thread.join().unwrap());
        assert!(matches!(first, None | Some(7)));
        assert_eq!(second, Some(7));
    }

    #[test]
    fn somebody_makes_the_value() {
        check(a_failure_and_a_request);
    }

    #[test]
    fn mutant_that_gives_up_after_a_stopped_waiter() {
        must_fail(Spot::OnceRetry, a_failure_and_a_request);
    }
}
