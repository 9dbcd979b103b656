//! Threads as scripts see them: the methods of their handles, the functions `sleep` and `yield`,
//! and the module `thread`.

use std::{mem::MaybeUninit, sync::Arc};

use crate::{
    native::{Brief, Call, FunctionDef, MethodDef, NativeResult, Next, Shortcut},
    scope,
    spawn::{ThreadHandle, spawn},
    thread::{Delivery, End, Joining, Memo, ThreadOptions, ThreadRef, WaitReason},
    value::{Kind, Owned, Shared, View, error},
    waiting::{Progress, Waits, duration},
};

/// The functions that are built in everywhere.
pub(crate) static GLOBALS: &[FunctionDef] = &[
    FunctionDef {
        name: "sleep",
        signature: "(seconds)",
        doc: "Waits; other threads run meanwhile.",
        run: sleep,
        shortcut: None,
    },
    FunctionDef {
        name: "yield",
        signature: "()",
        doc: "Lets other threads run first.",
        run: yield_now,
        shortcut: None,
    },
];

/// The functions of the module `thread`.
pub static FUNCTIONS: &[FunctionDef] = &[
    FunctionDef {
        name: "spawn",
        signature: "(f, name = nil, bound = false, background = false, memory_limit = nil, fuel = nil)",
        doc: "Starts a thread that calls `f`, with a name and limits; gives its handle.",
        run: spawn_with,
        shortcut: None,
    },
    FunctionDef {
        name: "current",
        signature: "()",
        doc: "The handle of the calling thread.",
        run: current,
        shortcut: None,
    },
    FunctionDef {
        name: "all",
        signature: "()",
        doc: "The handles of all threads that have not ended, in the order in which they began.",
        run: all,
        shortcut: None,
    },
    FunctionDef {
        name: "timeout",
        signature: "(seconds, f)",
        doc: "Calls `f` and gives what it gives; throws a `timeout` error when that takes longer.",
        run: timeout,
        shortcut: None,
    },
    FunctionDef {
        name: "cancel_scope",
        signature: "()",
        doc: "Cancels the other threads of the innermost scope, which is no failure.",
        run: cancel_scope,
        shortcut: None,
    },
];

/// The methods of threads.
pub(crate) const METHODS: &[MethodDef] = &[
    MethodDef {
        name: "join",
        signature: "()",
        doc: "Waits for the thread to end; gives its value or throws its error.",
        mutating: false,
        run: join_method,
        shortcut: Some(Shortcut::parking(join_at_once, join_or_park)),
    },
    MethodDef {
        name: "cancel",
        signature: "()",
        doc: "Asks the thread to stop, and does not wait for it.",
        mutating: false,
        run: cancel_method,
        shortcut: None,
    },
    MethodDef {
        name: "done",
        signature: "()",
        doc: "True when the thread has ended.",
        mutating: false,
        run: done_method,
        shortcut: None,
    },
    MethodDef {
        name: "name",
        signature: "()",
        doc: "Its name.",
        mutating: false,
        run: name_method,
        shortcut: None,
    },
    MethodDef {
        name: "id",
        signature: "()",
        doc: "Its number.",
        mutating: false,
        run: id_method,
        shortcut: None,
    },
];

/// The thread behind a value, or a `type` error.
pub(crate) fn thread_of(value: &Owned) -> Result<&ThreadRef, Owned> {
    match value.view() {
        View::Thread(handle) => handle.downcast::<ThreadHandle>().map(ThreadHandle::thread),
        _ => None,
    }
    .ok_or_else(|| error(Kind::Type, format!("expected a thread, not {}", value.type_name())))
}

/// What joining gives or throws.
pub(crate) fn outcome(thread: &ThreadRef, end: End) -> Result<Owned, Owned> {
    match end {
        End::Value(value) => Ok(value.into_owned()),
        End::Failed(failure) => Err(failure.into_owned()),
        End::Cancelled(more) => {
            let text = format!("the thread `{}` was cancelled", thread.name());
            let mut cancelled = error(Kind::Cancelled, text);
            if let Some(error) = cancelled.error_mut() {
                error.also = more.into_iter().map(Shared::into_owned).collect();
            }
            Err(cancelled)
        }
    }
}

/// What joining oneself throws.
pub(crate) fn joins_itself() -> Owned {
    error(Kind::Deadlock, "a thread that joins itself would wait forever")
}

/// Waits for a thread to end; gives its value or throws its error.
pub(crate) fn join(
    waits: &mut Waits<'_, '_>,
    thread: &ThreadRef,
) -> Result<Progress<Owned>, Owned> {
    if let Some(Delivery::Interrupted) = waits.delivery() {
        let ticket = waits.state.parked.take_ticket();
        thread.done.leave(waits.thread, ticket);
        return Err(waits.interrupted());
    }
    if thread == waits.thread {
        return Err(joins_itself());
    }
    waits.told_of_deadlock()?;
    loop {
        match begin_join(waits, thread) {
            Joining::Ended(end) => return outcome(thread, end).map(Progress::Done),
            Joining::Waiting(_) => return Ok(Progress::Park),
            Joining::Noticed => waits.look()?,
        }
    }
}

/// Joins a thread that has ended, or begins to wait.
#[inline(always)]
fn begin_join(waits: &mut Waits<'_, '_>, thread: &ThreadRef) -> Joining {
    let begin = waits.begin(WaitReason::Join(thread.id()));
    let joining = thread.done.join(|| begin.begin());
    if let Joining::Waiting(ticket) = &joining {
        waits.state.parked = ticket.map_or(Memo::NOTHING, Memo::ticket);
    }
    joining
}

fn join_method(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    match join(&mut waits, thread_of(receiver)?)? {
        Progress::Done(value) => Ok(Next::Return(value)),
        Progress::Park => Ok(Next::Park),
    }
}

/// Where the thread has returned.
fn join_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    let handle = this.as_handle::<ThreadHandle>()?;
    handle.thread().done.value_at_once().map(Shared::into_owned)
}

/// A thread that has returned, or has not ended.
fn join_or_park(
    waits: &mut Waits<'_, '_>,
    this: &Owned,
    _: &mut [Owned],
    result: &mut MaybeUninit<Owned>,
) -> Brief {
    let Some(handle) = this.as_handle::<ThreadHandle>() else { return Brief::Longer };
    let thread = handle.thread();
    if thread == waits.thread || waits.thread.flags() != 0 {
        return Brief::Longer;
    }
    match begin_join(waits, thread) {
        Joining::Ended(End::Value(value)) => Brief::done(result, value.into_owned()),
        Joining::Waiting(_) => Brief::Park,
        Joining::Ended(_) | Joining::Noticed => Brief::Longer,
    }
}

fn cancel_method(call: &mut Call<'_>) -> NativeResult {
    let (waits, receiver, _) = Waits::split(call);
    thread_of(receiver)?.cancel(waits.context);
    Next::nil()
}

fn done_method(call: &mut Call<'_>) -> NativeResult {
    Ok(Next::Return(Owned::bool(thread_of(call.receiver())?.done.ended())))
}

fn name_method(call: &mut Call<'_>) -> NativeResult {
    Ok(Next::Return(Owned::str(&thread_of(call.receiver())?.name())))
}

fn id_method(call: &mut Call<'_>) -> NativeResult {
    let id = thread_of(call.receiver())?.id();
    Ok(Next::Return(Owned::int(i64::try_from(id).unwrap_or(i64::MAX))))
}

fn sleep(call: &mut Call<'_>) -> NativeResult {
    let span = duration(call.arg(0))?;
    let mut waits = Waits::of(call);
    match waits.delivery() {
        Some(Delivery::Interrupted) => return Err(waits.interrupted()),
        Some(_) => return Next::nil(),
        None => {}
    }
    if span.is_zero() {
        return Next::nil();
    }
    loop {
        match waits.begin(WaitReason::Sleep).begin() {
            Some(token) => {
                waits.timer(token, span);
                return Ok(Next::Park);
            }
            None => waits.look()?,
        }
    }
}

fn yield_now(call: &mut Call<'_>) -> NativeResult {
    let mut waits = Waits::of(call);
    let had_turn = std::mem::take(&mut waits.state.parked).has_yielded();
    // Before the others run and after: a request lands here whenever it comes.
    if waits.thread.flags() != 0 {
        waits.look()?;
    }
    if had_turn {
        return Next::nil();
    }
    waits.state.parked = Memo::YIELDED;
    Ok(Next::Yield)
}

fn spawn_with(call: &mut Call<'_>) -> NativeResult {
    let name = match call.arg(1).view() {
        View::Nil => None,
        View::Str(name) => Some(Arc::from(name.as_str())),
        _ => return Err(wrong("name", "a string", call.arg(1))),
    };
    let flag = |i: usize, what: &str| {
        call.arg(i).as_bool().ok_or_else(|| wrong(what, "a bool", call.arg(i)))
    };
    let mut options = ThreadOptions {
        name,
        bound: flag(2, "bound")?,
        background: flag(3, "background")?,
        memory_limit: limit(call.arg(4), "memory_limit")?,
        fuel: limit(call.arg(5), "fuel")?,
        ..ThreadOptions::default()
    };
    let mut callee = call.take(0);
    Ok(Next::Return(spawn(&mut Waits::of(call), &mut callee, &mut [], &mut options)?))
}

fn limit(value: &Owned, what: &str) -> Result<Option<u64>, Owned> {
    match value.view() {
        View::Nil => Ok(None),
        View::Int(n) => u64::try_from(n)
            .map(Some)
            .map_err(|_| error(Kind::Value, format!("`{what}` cannot be negative"))),
        _ => Err(wrong(what, "an int", value)),
    }
}

fn wrong(what: &str, wanted: &str, value: &Owned) -> Owned {
    error(Kind::Type, format!("`{what}` is {wanted}, not {}", value.type_name()))
}

fn current(call: &mut Call<'_>) -> NativeResult {
    Ok(Next::Return(ThreadHandle::value(call.thread())))
}

fn all(call: &mut Call<'_>) -> NativeResult {
    let threads = call.vm().threads();
    call.charge(threads.len());
    Ok(Next::Return(Owned::list(threads.iter().map(ThreadHandle::value).collect())))
}

fn timeout(call: &mut Call<'_>) -> NativeResult {
    let span = duration(call.arg(0))?;
    let f = call.take(1);
    scope::with_deadline(&mut Waits::of(call), span, f)
}

fn cancel_scope(call: &mut Call<'_>) -> NativeResult {
    scope::cancel_current(&mut Waits::of(call));
    Next::nil()
}
