//! Requests to stop, and scopes: how they reach the code that runs, and what it throws.
//!
//! A request is a flag on the thread (see [`cancel`]) or the failure of a scope that the thread
//! has opened. It lands where the thread looks: at safepoints, and in waits. What it throws there
//! passes every `catch`, runs the cleanup handlers on its way, and ends
//! - at the end of the thread, for a cancellation;
//! - at the edge of the scope, for a scope's failure: there it becomes the scope's first error, an
//!   ordinary one.
//!
//! # Invariants
//!
//! - A cancellation is delivered once, and never while cleanup runs (`shield`). A deadlock is
//!   delivered even then, as nothing else could go on.
//! - The failure of a scope is delivered to its owner once, when the owner is in no cleanup handler
//!   that was entered after the scope was opened. After a cancellation only scopes that cleanup has
//!   opened are looked at.
//! - When a scope is left, all threads in it have ended. While the owner waits for them it is
//!   shielded, so nothing comes between.
//! - [`leave`] closes the scope whatever comes of it; so does [`abort`].

use std::{sync::Arc, time::Duration};

pub use crate::thread::Scope;
use crate::{
    native::{Call, Next},
    sched::Time,
    thread::{Memo, Ripple, ThreadRef, ThreadState, WaitReason, cancel, level_of},
    value::{ErrorObject, Kind, Owned, Shared, error, uncatchable},
    waiting::{Progress, Waits},
};

/// A request that may be delivered.
enum Told<'s> {
    Deadlock,
    Cancel,
    Timeout,
    /// This scope, which the thread has opened, has failed.
    Failure(&'s Scope),
}

/// What the thread is to throw because of a request to stop; `None` when there is none that may be
/// delivered now.
pub(crate) fn interruption(thread: &ThreadRef, state: &mut ThreadState) -> Option<Owned> {
    // The notice first: a request that comes later sets it again.
    thread.wait.take_notice();
    Some(match told(thread, state, state.shield)? {
        Told::Deadlock => {
            thread.clear_flags(cancel::DEADLOCK);
            deadlock(thread)
        }
        Told::Cancel => {
            thread.set_flags(cancel::DELIVERED);
            cancellation()
        }
        Told::Timeout => {
            thread.set_flags(cancel::DELIVERED);
            uncatchable(Kind::Timeout, "the time limit is over")
        }
        Told::Failure(scope) => {
            scope.set_unwinding();
            uncatchable(Kind::Cancelled, "the scope has failed")
        }
    })
}

/// Is there a request that may be delivered now?
pub(crate) fn is_told(thread: &ThreadRef, state: &ThreadState) -> bool {
    thread.flags() != 0 && told(thread, state, state.shield).is_some()
}

/// The request that may be delivered to a thread in so many cleanup handlers.
fn told<'s>(thread: &ThreadRef, state: &'s ThreadState, shield: u32) -> Option<Told<'s>> {
    let flags = thread.flags();
    if flags & cancel::DEADLOCK != 0 {
        return Some(Told::Deadlock);
    }
    if shield == 0 && flags & cancel::DELIVERED == 0 {
        if flags & cancel::REQUESTED != 0 {
            return Some(Told::Cancel);
        }
        if flags & cancel::TIMEOUT != 0 {
            return Some(Told::Timeout);
        }
    }
    if flags & cancel::SCOPE == 0 {
        return None;
    }
    // The outermost failing scope whose failure may be delivered.
    let mut lowest = level_of(shield);
    if flags & cancel::DELIVERED != 0 {
        lowest = lowest.max(1);
    }
    for scope in state.scopes() {
        if scope.unwinding() {
            // On the way out to this one only cleanup opens scopes that can still fail by themselves.
            lowest = lowest.max(scope.level().saturating_add(1));
        } else if scope.level() >= lowest && !scope.stopping() && scope.failing() {
            return Some(Told::Failure(scope));
        }
    }
    None
}

/// What a cancelled thread throws.
pub(crate) fn cancellation() -> Owned {
    uncatchable(Kind::Cancelled, "the thread was cancelled")
}

fn deadlock(thread: &ThreadRef) -> Owned {
    match thread.vm().program.deadlock() {
        Some(error) => error.into_owned(),
        None => uncatchable(Kind::Deadlock, "all threads wait for each other"),
    }
}

/// Opens a scope.
pub(crate) fn enter(waits: &mut Waits<'_, '_>) -> Result<(), Owned> {
    may_nest(waits)?;
    let level = level_of(waits.state.shield);
    waits.state.open_scope(Scope::new(waits.thread.clone(), level).into());
    Ok(())
}

/// The most scopes and time limits that a thread may have open.
const MOST_OPEN: usize = 5_000;

/// Whoever looks for a request looks through all open scopes: there is an end to nesting them.
fn may_nest(waits: &Waits<'_, '_>) -> Result<(), Owned> {
    if waits.state.scopes().len() < MOST_OPEN {
        return Ok(());
    }
    let text = format!("more than {MOST_OPEN} scopes and time limits are open in one thread");
    Err(error(Kind::Stack, text))
}

/// The body has ended well: waits for the threads of the innermost scope and closes it. Throws the
/// first failure, or what the thread was told meanwhile.
pub(crate) fn leave(waits: &mut Waits<'_, '_>) -> Result<Progress, Owned> {
    let scope = innermost(waits.state).clone();
    if waits.delivery().is_none() {
        waits.state.shield += 1;
    } else {
        look_at_request(waits, &scope);
    }
    // The wait gives way to what may be delivered outside of it, until the children are stopping.
    let level = level_of(waits.state.shield - 1);
    loop {
        let level = if scope.stopping() { level_of(u32::MAX) } else { level };
        let begin = waits.begin_at(level, WaitReason::Scope);
        match scope.wait(|| begin.begin()) {
            Ok(true) => break,
            Ok(false) => return Ok(Progress::Park),
            Err(_) => look_at_request(waits, &scope),
        }
    }
    let mut errors = close(waits, &scope);
    if scope.stopping()
        && let Err(mut thrown) = waits.look()
    {
        join(&mut thrown, errors);
        return Err(thrown);
    }
    if errors.is_empty() {
        return Ok(Progress::Done(()));
    }
    let mut first = errors.remove(0).into_owned();
    join(&mut first, errors);
    Err(first)
}

/// The body threw this (given the first time): stops the threads of the innermost scope, waits for
/// them, closes it; gives the error to go on with.
pub(crate) fn abort(
    waits: &mut Waits<'_, '_>,
    thrown: Option<Owned>,
) -> Result<Progress<Owned>, Owned> {
    let scope = innermost(waits.state).clone();
    let thrown = match thrown {
        Some(thrown) => {
            drop(waits.delivery());
            waits.state.shield += 1;
            fail(waits, &scope, &thrown);
            thrown
        }
        None => {
            drop(waits.delivery());
            *waits.state.parked.take_boxed::<Owned>().expect("the error was kept for the wait")
        }
    };
    loop {
        let begin = waits.begin_at(level_of(u32::MAX), WaitReason::Scope);
        match scope.wait(|| begin.begin()) {
            Ok(true) => break,
            Ok(false) => {
                waits.state.parked = Memo::boxed(Box::new(thrown));
                return Ok(Progress::Park);
            }
            // All that can be told now is a deadlock, which the children are told as well.
            Err(_) => drop(waits.thread.wait.take_notice()),
        }
    }
    let mut errors = close(waits, &scope);
    let passes = is_uncatchable(&thrown) && !scope.unwinding();
    if passes || errors.is_empty() {
        let mut thrown = thrown;
        join(&mut thrown, errors);
        return Ok(Progress::Done(thrown));
    }
    let mut first = errors.remove(0).into_owned();
    if scope.unwinding()
        && let Some(marker) = thrown.as_error()
    {
        // What cleanup threw on the way out to here.
        errors.extend(marker.also.iter().map(|error| Shared::new(error.clone())));
    }
    join(&mut first, errors);
    Ok(Progress::Done(first))
}

/// The scope that a thread spawned here belongs to.
pub(crate) fn current<'s>(thread: &'s ThreadRef, state: &'s ThreadState) -> Option<&'s Arc<Scope>> {
    state.scopes().iter().rev().find(|scope| !scope.is_deadline()).or(thread.scope.as_ref())
}

/// Asks the other threads of the innermost scope to stop, which is no failure.
pub(crate) fn cancel_current(waits: &mut Waits<'_, '_>) {
    if let Some(scope) = current(waits.thread, waits.state).cloned() {
        scope.stop_children(Some(waits.thread)).spread(scope.level(), waits.context);
    }
}

/// Adds errors to the `.also` list of an error. A value that is no error carries none.
pub(crate) fn join(thrown: &mut Owned, errors: Vec<Shared>) {
    if errors.is_empty() {
        return;
    }
    if let Some(error) = thrown.error_mut() {
        error.also.extend(errors.into_iter().map(Shared::into_owned));
    }
}

/// Does it pass every `catch`?
pub(crate) fn is_uncatchable(thrown: &Owned) -> bool {
    thrown.as_error().is_some_and(|error| error.uncatchable)
}

fn innermost(state: &ThreadState) -> &Arc<Scope> {
    state.scopes().last().expect("the compiler opens a scope before it closes it")
}

/// A request may have come while the owner waits for the children: then they stop, and the wait
/// goes on.
fn look_at_request(waits: &mut Waits<'_, '_>, scope: &Scope) {
    waits.thread.wait.take_notice();
    if told(waits.thread, waits.state, waits.state.shield - 1).is_some() {
        scope.set_stopping();
        scope.stop_children(None).spread(scope.level(), waits.context);
    }
}

/// The body ends with this.
fn fail(waits: &mut Waits<'_, '_>, scope: &Scope, thrown: &Owned) {
    scope.set_stopping();
    let ripple: Ripple = if is_uncatchable(thrown) {
        scope.stop_children(None)
    } else {
        scope.body_failed(Shared::new(thrown.clone()), same)
    };
    ripple.spread(scope.level(), waits.context);
}

/// All children have ended.
fn close(waits: &mut Waits<'_, '_>, scope: &Scope) -> Vec<Shared> {
    waits.state.shield -= 1;
    forget(waits);
    scope.close()
}

/// The innermost scope is left.
fn forget(waits: &mut Waits<'_, '_>) {
    waits.state.close_scope();
    // The flag stands for all scopes of the thread. Cleared first: a failure that comes in between
    // is seen by the look, or sets it again.
    waits.thread.clear_flags(cancel::SCOPE);
    if waits.state.scopes().iter().any(|scope| scope.failing()) {
        waits.thread.set_flags(cancel::SCOPE);
    }
}

/// Calls `f` and throws a `timeout` error if it has not ended after `span`.
///
/// The deadline is a scope without threads whose failure is the timer's: so it reaches the code
/// inside like any failure of a scope, nests with scopes and other deadlines, and is held back while
/// cleanup runs.
pub(crate) fn with_deadline(
    waits: &mut Waits<'_, '_>,
    span: Duration,
    f: Owned,
) -> Result<Next, Owned> {
    if span.is_zero() {
        return Err(timeout(span));
    }
    may_nest(waits)?;
    let scope = Arc::new(Scope::deadline(waits.thread.clone(), level_of(waits.state.shield)));
    waits.state.open_scope(scope.clone());
    let number = waits.thread.vm().program.number();
    let token = waits.thread.done.add_deadline(number, scope.clone());
    let at = waits.context.now() + span;
    if at != Time::NEVER {
        waits.context.timer(at, waits.thread.clone(), token);
    }
    let after = move |call: &mut Call<'_>, outcome: Result<Owned, Owned>| {
        let mut waits = Waits::of(call);
        waits.thread.done.remove_deadline(token);
        forget(&mut waits);
        scope.close();
        match outcome {
            Err(marker) if scope.unwinding() && is_uncatchable(&marker) => {
                let mut thrown = timeout(span);
                let also = marker.as_error().map(|marker| marker.also.clone());
                join(&mut thrown, also.into_iter().flatten().map(Shared::new).collect());
                Err(thrown)
            }
            outcome => outcome.map(Next::Return),
        }
    };
    Ok(Next::Call(f, Vec::new(), Box::new(after)))
}

fn timeout(span: Duration) -> Owned {
    error(Kind::Timeout, format!("not done after {} s", span.as_secs_f64()))
}

/// Is `later` the error `known`, thrown once more after a join?
fn same(known: &Shared, later: &Shared) -> bool {
    if known.as_owned().is_same(later.as_owned()) {
        return true;
    }
    let (Some(known), Some(later)) = (known.as_owned().as_error(), later.as_owned().as_error())
    else {
        return false;
    };
    let origin = |error: &ErrorObject| {
        error
            .trace
            .first()
            .map(|entry| (entry.function.clone(), entry.span, entry.source.name().to_owned()))
    };
    known.kind() == later.kind()
        && known.message() == later.message()
        && known.thread == later.thread
        && known.thread.is_some()
        && origin(known) == origin(later)
}
