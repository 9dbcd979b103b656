//! `sync.mutex`: a value that threads share and change one at a time.
//!
//! # Invariants
//!
//! - At most one thread holds the mutex. Who changes the value holds it, or does it in one step
//!   while nobody does.
//! - While nobody holds it and no woken thread is on its way to it, no wait in the queue is open.
//! - The first waiter is passed over for a limited time: see below.
//! - A value that may be half changed, or is lost, is *spoilt*: nobody gets it. Everybody who asks is
//!   told why, until `set` brings a new one. That happens when a thread dies while it holds the mutex
//!   (see `interp::death`), and when a function leaves something in it that cannot be shared.
//!
//! # Protocol
//!
//! A release frees the mutex and wakes the first waiter, which tries again like any other. So a
//! thread that goes on after a release may take it once more in the same slice, and a short
//! critical section costs no switch, however many threads want it.
//!
//! 1. One waiter at a time is *coming*: woken, and not there yet. While one is, a release wakes nobody.
//! 2. One that comes in vain waits again, as the *first*, and is woken by the next release.
//! 3. When that happens to it for longer than [`PATIENCE`], it is handed the mutex: it holds it from the
//!    moment it is woken. So whoever is at the front gets the mutex a little later at most, and all
//!    others move on behind it.
//!
//! Rejected: handing over always, or after one pass. With two LWPs a waiter that was woken is
//! passed over again and again by a thread that runs, and each turn that is handed over costs a park
//! and a switch: thirty times what the section itself does. Waking somebody at each release: all
//! wake up for nothing.

use std::{
    mem::MaybeUninit,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use super::{Contended, Sleeper, contended::Held, of};
use crate::{
    atomics::{self, Spot, sound},
    native::{Call, Cx, Loan, MethodDef, MethodTable, NativeResult, Next, Shortcut},
    sched::Time,
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

/// How long a waiter is passed over before it is handed the mutex.
const PATIENCE: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct State<W, T> {
    value: T,
    /// The number of the thread that holds it.
    holder: Option<u64>,
    /// Who was woken and has not come yet.
    coming: Option<Coming>,
    /// Who has come in vain, and since when it comes.
    first: Option<(W, Time)>,
    waiters: WaitQueue<W>,
}

/// A waiter on its way.
#[derive(Clone, Copy, Debug)]
struct Coming {
    id: u64,
    /// When it first came in vain.
    since: Option<Time>,
}

/// What came of trying to hold the mutex.
#[derive(Debug, PartialEq, Eq)]
enum Acquired<R = ()> {
    /// The caller holds it; what it did first.
    Held(R),
    /// The caller is in the queue; or waits as the first, without a ticket.
    Waiting(Option<Ticket>),
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
        let (holder, coming, first, waiters) = (None, None, None, WaitQueue::new());
        Self { state: atomics::Mutex::new(State { value, holder, coming, first, waiters }) }
    }

    /// Takes the mutex and does `enter` to the value, or begins to wait.
    fn acquire<R>(
        &self,
        me: u64,
        turn: Turn,
        now: impl FnOnce() -> Time,
        enter: impl FnOnce(&mut T) -> R,
        begin: impl FnOnce() -> Option<W>,
    ) -> Acquired<R> {
        let mut state = self.state.lock();
        let came = match turn {
            Turn::First => None,
            Turn::Again => state.coming.take_if(|coming| coming.id == me && sound(Spot::MutexCame)),
        };
        match (state.holder, turn) {
            (Some(holder), Turn::First) if holder == me => return Acquired::Twice,
            // Handed over.
            (Some(holder), Turn::Again) if holder == me => {}
            (Some(_), _) => {
                let Some(waiter) = begin() else { return Acquired::Noticed };
                let Some(Coming { since, .. }) = came else {
                    return Acquired::Waiting(Some(state.waiters.push(waiter)));
                };
                state.first = Some((waiter, since.unwrap_or_else(now)));
                return Acquired::Waiting(None);
            }
            (None, _) => state.holder = Some(me),
        }
        Acquired::Held(enter(&mut state.value))
    }

    /// Does `change` to the value in one step if nobody holds the mutex.
    fn now<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut state = self.state.lock();
        if state.holder.is_none() { Some(change(&mut state.value)) } else { None }
    }

    /// Takes the mutex if nobody holds it and `enter` makes something of the value.
    fn acquire_now(&self, me: u64, enter: impl FnOnce(&mut T) -> bool) -> bool {
        let mut state = self.state.lock();
        let entered = state.holder.is_none() && enter(&mut state.value);
        if entered {
            state.holder = Some(me);
        }
        entered
    }

    /// Does `leave` to the value and frees the mutex; gives the waiter whose wait that ended.
    fn release<R>(
        &self,
        now: impl FnOnce() -> Time,
        leave: impl FnOnce(&mut T) -> R,
    ) -> (R, Option<W>) {
        let mut state = self.state.lock();
        let left = leave(&mut state.value);
        state.holder = None;
        if state.coming.is_some() || state.first.is_none() && state.waiters.is_empty() {
            return (left, None);
        }
        let mut gone = Vec::new();
        let woken = loop {
            let (waiter, since) = match state.first.take() {
                Some((waiter, since)) => (waiter, Some(since)),
                None => match state.waiters.pop() {
                    Some(waiter) => (waiter, None),
                    None => break None,
                },
            };
            let id = waiter.id();
            if waiter.wake() {
                if since.is_some_and(|since| now().since(since) > PATIENCE) {
                    state.holder = Some(id);
                } else {
                    state.coming = Some(Coming { id, since });
                }
                break Some(waiter);
            }
            gone.push(waiter);
            if !sound(Spot::MutexRetry) {
                break None;
            }
        };
        drop(state);
        drop(gone);
        (left, woken)
    }

    /// Takes a waiter out whose wait has ended otherwise.
    fn leave(&self, me: u64, ticket: Option<Ticket>) {
        let mut state = self.state.lock();
        let left = match ticket {
            Some(ticket) => state.waiters.remove(ticket),
            None => state.first.take_if(|(waiter, _)| waiter.id() == me).map(|(waiter, _)| waiter),
        };
        drop(state);
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
pub(crate) static METHODS: MethodTable = MethodTable::lending(ROWS, "with", LOAN);

const LOAN: Loan = Loan { take: lend, put_back: has_back, resume: used };

const ROWS: &[MethodDef] = &[
    MethodDef {
        name: "get",
        signature: "()",
        doc: "The value.",
        mutating: false,
        run: get,
        shortcut: Some(Shortcut::new(get_at_once)),
    },
    MethodDef {
        name: "set",
        signature: "(value)",
        doc: "Sets the value.",
        mutating: false,
        run: set,
        shortcut: Some(Shortcut::new(set_at_once)),
    },
    MethodDef {
        name: "update",
        signature: "(f)",
        doc: "Sets the value to what `f` makes of it, and gives that; unchanged if `f` throws.",
        mutating: false,
        run: update,
        shortcut: None,
    },
    MethodDef {
        name: "with",
        signature: "(f)",
        doc: "Calls `f` with the value, which a parameter `mut` changes in place, also if `f` throws.",
        mutating: false,
        run: with,
        shortcut: None,
    },
];

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

/// Takes the mutex and does `enter` to what it is about, or parks.
fn acquire<R>(
    waits: &mut Waits<'_, '_>,
    mutex: &MutexHandle,
    delivery: Option<Delivery>,
    mut enter: impl FnMut(&mut Content) -> R,
) -> Result<Progress<R>, Owned> {
    let turn = match delivery {
        None => Turn::First,
        Some(Delivery::Interrupted) => {
            mutex.lock.leave(waits.thread.id(), waits.state.parked.take_ticket());
            return Err(waits.interrupted());
        }
        Some(_) => Turn::Again,
    };
    loop {
        let begin = waits.begin(WaitReason::Mutex(mutex.number));
        let (me, now) = (waits.thread.id(), || waits.context.now());
        match mutex.lock.acquire(me, turn, now, &mut enter, || begin.begin()) {
            Acquired::Held(entered) => return Ok(Progress::Done(entered)),
            Acquired::Waiting(ticket) => {
                waits.state.parked = ticket.map_or(Memo::NOTHING, Memo::ticket);
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

/// Does `leave` to what the mutex is about, frees it, and wakes who waits for it.
fn release<R>(
    waits: &mut Waits<'_, '_>,
    mutex: &MutexHandle,
    leave: impl FnOnce(&mut Content) -> R,
) -> R {
    let (left, woken) = mutex.lock.release(|| waits.context.now(), leave);
    waits.wake(woken);
    left
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
    match acquire(&mut waits, mutex, delivery, |content| change(content, args))? {
        Progress::Done(result) => {
            release(&mut waits, mutex, |_| ());
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

fn get_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    let mutex = this.as_handle::<MutexHandle>()?;
    Some(mutex.lock.now(|content| content.value().ok())??.into_owned())
}

/// Where the old value needs no drop, and the new one crosses as it is.
fn set_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    let mutex = this.as_handle::<MutexHandle>()?;
    let [value] = args else { return None };
    if !Shared::is_crossed(value) {
        return None;
    }
    let set = |content: &mut Content| {
        let plain = content.value.is_plain() && content.spoilt.is_none();
        plain.then(|| drop(content.set(Shared::new(value.take()))))
    };
    mutex.lock.now(set)?.map(|()| Owned::NIL)
}

fn update(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, args) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let delivery = waits.delivery();
    match acquire(&mut waits, mutex, delivery, |content| content.value())? {
        Progress::Done(old) => {
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
        release(waits, mutex, |_| ());
        spoilt(why)
    })
}

/// The function of an update has ended: with the new value, or in any other way.
fn updated(call: &mut Call<'_>, outcome: Result<Owned, Owned>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let new = outcome.and_then(Shared::crossing);
    let died = waits.state.died().then(|| died(waits.thread));
    let old = release(&mut waits, mutex, |content| {
        let old = new.as_ref().ok().map(|new| content.set(new.clone()));
        if died.is_some() {
            content.spoilt = died;
        }
        old
    });
    drop(old);
    Ok(Next::Return(new?.into_owned()))
}

fn with(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, args) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let delivery = waits.delivery();
    // Moved out, so that what nobody else has is changed in place. Whoever looks meanwhile waits for
    // the holder.
    match acquire(&mut waits, mutex, delivery, Content::take)? {
        Progress::Done(value) => {
            let value = usable(&mut waits, mutex, value)?;
            Ok(Next::CallPlace(args[0].take(), value, Box::new(used)))
        }
        Progress::Park => Ok(Next::Park),
    }
}

/// The value of a `with` that need not wait.
fn lend(this: &Owned, thread: &ThreadRef, place: &mut MaybeUninit<Owned>) -> bool {
    let Some(mutex) = this.as_handle::<MutexHandle>() else { return false };
    let take = |content: &mut Content| {
        let whole = content.spoilt.is_none();
        if whole {
            let nothing = Shared::new(Owned::NIL);
            place.write(std::mem::replace(&mut content.value, nothing).into_owned());
        }
        whole
    };
    mutex.lock.acquire_now(thread.id(), take)
}

/// The function of a `with` has returned: the value goes back, unless it belongs to this thread.
fn has_back(this: &Owned, context: &mut Cx<'_>, lent: &mut Owned) -> bool {
    let Some(mutex) = this.as_handle::<MutexHandle>() else { return false };
    if Shared::may_cross(lent).is_err() {
        return false;
    }
    let value = Shared::new(lent.take());
    // What is there is the nil that `lend` has left, and not spoilt.
    let leave = |content: &mut Content| content.value = value;
    if let ((), Some(woken)) = mutex.lock.release(|| context.now(), leave) {
        context.ready(woken.into_thread());
    }
    true
}

/// The function of a `with` has ended, in whatever way: the value goes back.
fn used(call: &mut Call<'_>, outcome: Result<Owned, Owned>, back: Owned) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    let mutex: &MutexHandle = of(receiver)?;
    let (value, failed) = match Shared::crossing(back) {
        Ok(value) => (value, None),
        Err(error) => (Shared::new(Owned::NIL), Some(error)),
    };
    let thread = waits.thread;
    let spoilt = match (waits.state.died(), &failed) {
        (true, _) => Some(died(thread)),
        (false, Some(_)) => Some(lost(thread)),
        (false, None) => None,
    };
    let new = Content { value, spoilt };
    let old = release(&mut waits, mutex, |content| std::mem::replace(content, new));
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
        acquire(lock, id, Turn::First, START)
    }

    fn again(lock: &Lock<Probe, i32>, id: u64) -> Acquired {
        acquire(lock, id, Turn::Again, START)
    }

    fn acquire(lock: &Lock<Probe, i32>, id: u64, turn: Turn, now: Time) -> Acquired {
        lock.acquire(id, turn, || now, |_| (), || Some(Probe(id, true)))
    }

    fn release(lock: &Lock<Probe, i32>, now: Time) -> Option<u64> {
        lock.release(|| now, |_| ()).1.map(|probe| probe.0)
    }

    const START: Time = Time::START;
    const HELD: Acquired = Acquired::Held(());

    #[test]
    fn one_holds_it_and_the_others_wait_in_order() {
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), HELD);
        assert_eq!(lock.now(|value| *value), None);
        assert!(matches!(first(&lock, 2), Acquired::Waiting(_)));
        assert!(matches!(first(&lock, 3), Acquired::Waiting(_)));
        assert_eq!(release(&lock, START), Some(2));
        assert_eq!(again(&lock, 2), HELD);
        assert_eq!(release(&lock, START), Some(3));
        assert_eq!(again(&lock, 3), HELD);
        assert_eq!(lock.release(|| START, |value| *value = 7), ((), None));
        assert_eq!(lock.now(|value| *value), Some(7));
    }

    #[test]
    fn one_comes_at_a_time_and_goes_first_when_it_came_in_vain() {
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), HELD);
        assert!(matches!(first(&lock, 2), Acquired::Waiting(Some(_))));
        assert!(matches!(first(&lock, 3), Acquired::Waiting(Some(_))));
        assert_eq!(release(&lock, START), Some(2));
        assert_eq!(first(&lock, 1), HELD, "it is free until the waiter comes");
        assert_eq!(release(&lock, START), None, "one is coming");
        assert_eq!(first(&lock, 1), HELD);
        assert_eq!(again(&lock, 2), Acquired::Waiting(None));
        assert_eq!(release(&lock, START), Some(2), "before the others");
        assert_eq!(again(&lock, 2), HELD);
        assert_eq!(release(&lock, START), Some(3));
    }

    #[test]
    fn who_is_passed_over_for_long_is_handed_the_mutex() {
        let late = START + PATIENCE + Duration::from_nanos(1);
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), HELD);
        assert!(matches!(first(&lock, 2), Acquired::Waiting(_)));
        assert_eq!(release(&lock, START), Some(2));
        assert_eq!(first(&lock, 1), HELD);
        assert_eq!(acquire(&lock, 2, Turn::Again, START), Acquired::Waiting(None));
        assert_eq!(release(&lock, late), Some(2));
        assert!(matches!(first(&lock, 1), Acquired::Waiting(_)), "it was handed over");
        assert_eq!(again(&lock, 2), HELD);
        assert_eq!(release(&lock, late), Some(1));
    }

    #[test]
    fn holding_it_twice_is_refused() {
        let lock = Lock::<Probe, _>::new(0);
        assert_eq!(first(&lock, 1), HELD);
        assert_eq!(first(&lock, 1), Acquired::Twice);
    }

    #[test]
    fn a_waiter_that_left_is_passed_over() {
        let lock = Lock::new(0);
        assert_eq!(first(&lock, 1), HELD);
        let wait = |id, open| lock.acquire(id, Turn::First, || START, |_| (), || open);
        assert!(matches!(wait(2, Some(Probe(2, false))), Acquired::Waiting(_)));
        let Acquired::Waiting(ticket) = first(&lock, 3) else { panic!("it waits") };
        assert!(matches!(first(&lock, 4), Acquired::Waiting(_)));
        lock.leave(3, ticket);
        assert_eq!(release(&lock, START), Some(4));
        assert_eq!(wait(5, None), HELD);
        assert_eq!(wait(6, None), Acquired::Noticed);
        assert_eq!(again(&lock, 4), Acquired::Waiting(None));
        lock.leave(4, None);
        assert_eq!(release(&lock, START), None);
    }
}

#[cfg(all(test, loom))]
#[path = "mutex_models.rs"]
mod models;
