//! `sync.mutex`: a value that threads share and change one at a time.
//!
//! # Invariants
//!
//! - At most one thread holds the mutex. Who changes the value holds it, or does it in one step
//!   while nobody does.
//! - While nobody holds it and no woken thread is on its way to it, no wait in the queue is open.
//! - A waiter is passed over at most once: see below.
//! - A value that may be half changed, or is lost, is *spoilt*: nobody gets it. Everybody who asks is
//!   told why, until `set` brings a new one. That happens when a thread dies while it holds the mutex
//!   (see `interp::death`), and when a function leaves something in it that cannot be shared.
//!
//! # Protocol
//!
//! A release frees the mutex and wakes the first waiter, which tries again like any other. So a
//! thread that goes on after a release may take it once more in the same slice, and a short
//! critical section costs no switch, however many threads want it. A waiter that finds it taken
//! again goes back to the *front*, and the next release hands the mutex to it (it holds it from the
//! moment it is woken).
//!
//! Rejected: handing over always. Once two threads wait, each turn then costs a park and a switch.

use std::sync::{Arc, OnceLock, Weak};

use super::{Contended, Sleeper, contended::Held, of};
use crate::{
    atomics::{self, Spot, sound},
    native::{Call, MethodDef, MethodTable, NativeResult, Next},
    thread::{Delivery, Memo, ThreadRef, Ticket, WaitQueue, WaitReason, WaitToken},
    value::{Handle, Kind, Owned, Shared, error},
    waiting::{Progress, Waits},
};

/// A value, who holds it, and who waits to.
#[derive(Debug)]
struct Lock<W, T> {
    /// Any LWP, under the lock.
    state: atomics::Mutex<State<W, T>>,
}

#[derive(Debug)]
struct State<W, T> {
    value: T,
    /// The number of the thread that holds it.
    holder: Option<u64>,
    waiters: WaitQueue<Entry<W>>,
}

#[derive(Debug)]
struct Entry<W> {
    waiter: W,
    /// It was passed over once.
    passed_over: bool,
}

/// What came of trying to hold the mutex.
#[derive(Debug, PartialEq, Eq)]
enum Acquired {
    /// The caller holds it.
    Held,
    /// The caller is in the queue.
    Waiting(Ticket),
    /// The caller holds it already.
    Twice,
    /// The wait did not begin.
    Noticed,
}

/// Whether the caller was woken from the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    First,
    Again,
}

impl<W: Sleeper, T> Lock<W, T> {
    fn new(value: T) -> Self {
        let state = State { value, holder: None, waiters: WaitQueue::new() };
        Self { state: atomics::Mutex::new(state) }
    }

    /// Takes the mutex, or enters the queue.
    fn acquire(&self, me: u64, turn: Turn, begin: impl FnOnce() -> Option<W>) -> Acquired {
        let mut state = self.state.lock();
        match (state.holder, turn) {
            (None, _) => {
                state.holder = Some(me);
                return Acquired::Held;
            }
            // Handed over.
            (Some(holder), Turn::Again) if holder == me => return Acquired::Held,
            (Some(holder), Turn::First) if holder == me => return Acquired::Twice,
            (Some(_), _) => {}
        }
        let Some(waiter) = begin() else { return Acquired::Noticed };
        Acquired::Waiting(match turn {
            Turn::First => state.waiters.push(Entry { waiter, passed_over: false }),
            Turn::Again => state.waiters.push_front(Entry { waiter, passed_over: true }),
        })
    }

    /// Does `change` to the value in one step if nobody holds the mutex.
    fn now<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut state = self.state.lock();
        if state.holder.is_none() { Some(change(&mut state.value)) } else { None }
    }

    /// Does `change` to the value, which the caller holds.
    fn held<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.state.lock().value)
    }

    /// Frees the mutex; gives the waiter whose wait that ended.
    fn release(&self) -> Option<W> {
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        state.holder = None;
        let woken = loop {
            let Some(entry) = state.waiters.pop() else { break None };
            let id = entry.waiter.id();
            if entry.waiter.wake() {
                if entry.passed_over {
                    state.holder = Some(id);
                }
                break Some(entry.waiter);
            }
            gone.push(entry.waiter);
            if !sound(Spot::MutexRetry) {
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

/// A mutex.
#[derive(Debug)]
struct MutexHandle {
    number: u64,
    lock: Arc<Lock<WaitToken, Content>>,
    /// Where it is entered, once a thread has waited for it.
    contended: OnceLock<Arc<Contended>>,
}

impl Drop for MutexHandle {
    fn drop(&mut self) {
        if let Some(contended) = self.contended.get() {
            contended.remove(self.number);
        }
    }
}

impl Held for Lock<WaitToken, Content> {
    fn holder(&self) -> Option<u64> {
        self.state.lock().holder
    }
}

/// What a mutex is about.
#[derive(Debug)]
struct Content {
    value: Shared,
    /// Why nobody gets the value.
    spoilt: Option<Box<str>>,
}

impl Content {
    /// The value, or why there is none.
    fn value(&self) -> Result<Shared, Box<str>> {
        self.spoilt.clone().map_or_else(|| Ok(self.value.clone()), Err)
    }

    /// Moves the value out.
    fn take(&mut self) -> Result<Shared, Box<str>> {
        let nothing = Shared::new(Owned::NIL);
        self.spoilt.clone().map_or_else(|| Ok(std::mem::replace(&mut self.value, nothing)), Err)
    }

    /// Brings a new value; gives the old one, to be dropped when the lock is free again.
    fn set(&mut self, value: Shared) -> Self {
        std::mem::replace(self, Self { value, spoilt: None })
    }
}

/// What a thread that asks for a spoilt value gets.
fn spoilt(why: Box<str>) -> Owned {
    error(Kind::Cancelled, why)
}

/// Why the value is spoilt whose holder has died.
fn died(holder: &ThreadRef) -> Box<str> {
    let name = holder.name();
    format!(
        "the thread `{name}` died while it held this mutex, so the value may be half changed; `set` \
         gives it a new one"
    )
    .into()
}

/// Why the value is spoilt in which a function has left what cannot be shared.
fn lost(by: &ThreadRef) -> Box<str> {
    let name = by.name();
    format!(
        "the thread `{name}` left in this mutex what belongs to one thread, and the value is lost; \
         `set` gives it a new one"
    )
    .into()
}

/// Its methods.
pub(crate) static METHODS: MethodTable = MethodTable::new(&[
    MethodDef { name: "get", signature: "()", doc: "The value.", mutating: false, run: get },
    MethodDef {
        name: "set",
        signature: "(value)",
        doc: "Sets the value.",
        mutating: false,
        run: set,
    },
    MethodDef {
        name: "update",
        signature: "(f)",
        doc: "Sets the value to what `f` makes of it, and gives that; unchanged if `f` throws.",
        mutating: false,
        run: update,
    },
    MethodDef {
        name: "with",
        signature: "(f)",
        doc: "Calls `f` with the value, which a parameter `mut` changes in place, also if `f` throws.",
        mutating: false,
        run: with,
    },
]);

impl Handle for MutexHandle {
    fn type_name(&self) -> &str {
        "mutex"
    }

    fn methods(&self) -> &dyn std::any::Any {
        &METHODS
    }

    fn class(&self) -> u16 {
        METHODS.class()
    }
}

pub(super) fn mutex(call: &mut Call<'_>) -> NativeResult {
    let number = call.vm().program.number();
    let lock = Lock::new(Content { value: Shared::crossing(call.take(0))?, spoilt: None });
    let (lock, contended) = (Arc::new(lock), OnceLock::new());
    Ok(Next::Return(Owned::handle(MutexHandle { number, lock, contended })))
}

/// Takes the mutex, or parks.
fn acquire(
    waits: &mut Waits<'_, '_>,
    mutex: &MutexHandle,
    delivery: Option<Delivery>,
) -> Result<Progress, Owned> {
    let turn = match delivery {
        None => Turn::First,
        Some(Delivery::Interrupted) => {
            if let Some(ticket) = waits.state.parked.take_ticket() {
                mutex.lock.leave(ticket);
            }
            return Err(waits.interrupted());
        }
        Some(_) => Turn::Again,
    };
    loop {
        let begin = waits.begin(WaitReason::Mutex(mutex.number));
        match mutex.lock.acquire(waits.thread.id(), turn, || begin.begin()) {
            Acquired::Held => return Ok(Progress::Done(())),
            Acquired::Waiting(ticket) => {
                waits.state.parked = Memo::Ticket(ticket);
                mutex.contended.get_or_init(|| {
                    let contended = waits.thread.vm().contended.clone();
                    let lock: Weak<dyn Held> = Arc::<Lock<_, _>>::downgrade(&mutex.lock);
                    contended.enter(mutex.number, lock);
                    contended
                });
                return Ok(Progress::Park);
            }
            Acquired::Twice => {
                let text = "the thread holds this mutex already and would wait forever";
                return Err(error(Kind::Deadlock, text));
            }
            Acquired::Noticed => waits.look()?,
        }
    }
}

/// Does something to the value as soon as nobody holds the mutex.
fn step<R>(
    call: &mut Call<'_>,
    mut change: impl FnMut(&mut Content, &mut [Owned]) -> R,
) -> Result<Progress<R>, Owned> {
    let (mut waits, receiver, args) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let delivery = waits.delivery();
    if delivery.is_none()
        && let Some(result) = mutex.lock.now(|content| change(content, args))
    {
        return Ok(Progress::Done(result));
    }
    match acquire(&mut waits, mutex, delivery)? {
        Progress::Done(()) => {
            let result = mutex.lock.held(|content| change(content, args));
            waits.wake(mutex.lock.release());
            Ok(Progress::Done(result))
        }
        Progress::Park => Ok(Progress::Park),
    }
}

fn get(call: &mut Call<'_>) -> NativeResult {
    match step(call, |content, _| content.value())? {
        Progress::Done(value) => Ok(Next::Return(value.map_err(spoilt)?.into_owned())),
        Progress::Park => Ok(Next::Park),
    }
}

fn set(call: &mut Call<'_>) -> NativeResult {
    Shared::may_cross(call.arg(0))?;
    match step(call, |content, args| content.set(Shared::new(args[0].take())))? {
        Progress::Done(old) => {
            drop(old);
            Next::nil()
        }
        Progress::Park => Ok(Next::Park),
    }
}

fn update(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, args) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let delivery = waits.delivery();
    match acquire(&mut waits, mutex, delivery)? {
        Progress::Done(()) => {
            let old = mutex.lock.held(|content| content.value());
            let old = usable(&mut waits, mutex, old)?;
            Ok(Next::Call(args[0].take(), vec![old], Box::new(updated)))
        }
        Progress::Park => Ok(Next::Park),
    }
}

/// The value, for the caller, who holds the mutex; released again when there is none.
fn usable(
    waits: &mut Waits<'_, '_>,
    mutex: &MutexHandle,
    value: Result<Shared, Box<str>>,
) -> Result<Owned, Owned> {
    value.map(Shared::into_owned).map_err(|why| {
        waits.wake(mutex.lock.release());
        spoilt(why)
    })
}

/// The function of an update has ended: with the new value, or in any other way.
fn updated(call: &mut Call<'_>, outcome: Result<Owned, Owned>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let outcome = outcome.and_then(Shared::crossing).map(|new| {
        let old = mutex.lock.held(|content| content.set(new.clone()));
        (new, old)
    });
    if waits.state.died {
        mutex.lock.held(|content| content.spoilt = Some(died(waits.thread)));
    }
    waits.wake(mutex.lock.release());
    let (new, old) = outcome?;
    drop(old);
    Ok(Next::Return(new.into_owned()))
}

fn with(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, args) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let delivery = waits.delivery();
    match acquire(&mut waits, mutex, delivery)? {
        Progress::Done(()) => {
            // Moved out, so that what nobody else has is changed in place. Whoever looks meanwhile
            // waits for the holder.
            let value = mutex.lock.held(Content::take);
            let value = usable(&mut waits, mutex, value)?;
            Ok(Next::CallPlaces(args[0].take(), vec![value], 1, Box::new(used)))
        }
        Progress::Park => Ok(Next::Park),
    }
}

/// The function of a `with` has ended, in whatever way: the value goes back.
fn used(call: &mut Call<'_>, outcome: Result<Owned, Owned>, mut back: Vec<Owned>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let crossed = Shared::crossing(back.pop().unwrap_or_default());
    let (value, failed) = match crossed {
        Ok(value) => (value, None),
        Err(error) => (Shared::new(Owned::NIL), Some(error)),
    };
    let thread = waits.thread;
    let spoilt = match (waits.state.died, &failed) {
        (true, _) => Some(died(thread)),
        (false, Some(_)) => Some(lost(thread)),
        (false, None) => None,
    };
    let old = mutex.lock.held(|content| std::mem::replace(content, Content { value, spoilt }));
    waits.wake(mutex.lock.release());
    drop(old);
    match failed {
        Some(error) => outcome.and(Err(error)),
        None => outcome.map(Next::Return),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::probe::Probe, *};

    fn first(lock: &Lock<Probe, i32>, id: u64) -> Acquired {
        lock.acquire(id, Turn::First, || Some(Probe(id, true)))
    }

    fn again(lock: &Lock<Probe, i32>, id: u64) -> Acquired {
        lock.acquire(id, Turn::Again, || Some(Probe(id, true)))
    }

    #[test]
    fn one_holds_it_and_the_others_wait_in_order() {
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), Acquired::Held);
        assert_eq!(lock.now(|value| *value), None);
        assert!(matches!(first(&lock, 2), Acquired::Waiting(_)));
        assert!(matches!(first(&lock, 3), Acquired::Waiting(_)));
        assert_eq!(lock.release(), Some(Probe(2, true)));
        assert_eq!(again(&lock, 2), Acquired::Held);
        assert_eq!(lock.release(), Some(Probe(3, true)));
        assert_eq!(again(&lock, 3), Acquired::Held);
        lock.held(|value| *value = 7);
        assert_eq!(lock.release(), None);
        assert_eq!(lock.now(|value| *value), Some(7));
    }

    #[test]
    fn a_waiter_is_passed_over_once() {
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), Acquired::Held);
        assert!(matches!(first(&lock, 2), Acquired::Waiting(_)));
        assert!(matches!(first(&lock, 3), Acquired::Waiting(_)));
        assert_eq!(lock.release(), Some(Probe(2, true)));
        assert_eq!(first(&lock, 1), Acquired::Held, "it is free until the waiter comes");
        assert!(matches!(again(&lock, 2), Acquired::Waiting(_)));
        assert_eq!(lock.release(), Some(Probe(2, true)), "from the front");
        assert!(matches!(first(&lock, 1), Acquired::Waiting(_)), "it was handed over");
        assert_eq!(again(&lock, 2), Acquired::Held);
    }

    #[test]
    fn holding_it_twice_is_refused() {
        let lock = Lock::<Probe, _>::new(0);
        assert_eq!(first(&lock, 1), Acquired::Held);
        assert_eq!(first(&lock, 1), Acquired::Twice);
    }

    #[test]
    fn a_waiter_that_left_is_passed_over() {
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), Acquired::Held);
        let gone = lock.acquire(2, Turn::First, || Some(Probe(2, false)));
        assert!(matches!(gone, Acquired::Waiting(_)));
        let Acquired::Waiting(ticket) = first(&lock, 3) else { panic!("it waits") };
        assert!(matches!(first(&lock, 4), Acquired::Waiting(_)));
        lock.leave(ticket);
        assert_eq!(lock.release(), Some(Probe(4, true)));
        assert_eq!(lock.acquire(5, Turn::First, || None), Acquired::Held);
        assert_eq!(lock.acquire(6, Turn::First, || None), Acquired::Noticed);
    }
}

#[cfg(all(test, loom))]
#[path = "mutex_models.rs"]
mod models;
