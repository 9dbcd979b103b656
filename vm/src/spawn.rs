//! The two ends of a user thread's life: how it is made, and what its end leads to.
//!
//! # Order at the start
//!
//! A bound thread first gets its LWP: that may be refused, and then the spawner has an error and
//! nothing else has happened. The record is made (with callee and arguments marked shared), counted, entered in the registry
//! and in its scope; only then the scheduler gets it. So nobody who counts threads can miss one that
//! runs. A thread that comes into a scope that has failed already is asked to stop first, and then
//! runs nothing of its body.
//!
//! # Order at the end
//!
//! 1. The result is stored, and joiners are woken in the order they came. A value is given to them with
//!    that; of a failure they make something by themselves.
//! 2. The scope hears of it: a failure there is the scope's to throw.
//! 3. A failure outside any scope that no handle can lead to is reported; else it is kept in case
//!    nobody joins.
//! 4. A main thread that failed asks all others to stop.
//! 5. The program's counts change; after the last thread that kept it alive, those in the
//!    background are asked to stop.
//!
//! The counts come last, so a host that sees them at zero sees everything before.

use thin_vec::ThinVec;

use crate::{
    error::reason,
    interp::refuse_places,
    native::Cx,
    rc::{Heap, work},
    sched::BindError,
    scope,
    thread::{End, Removed, Start, ThreadOptions, ThreadRef, Ticket, owner},
    value::{Handle, Kind, Owned, Shared, View, error},
    waiting::Waits,
};

/// What making a thread takes, in units of fuel.
const SPAWN_WORK: usize = 30;

/// A script's handle of a thread. Handles of one thread are equal, and counted: with the last one
/// goes the chance to notice a failure.
#[derive(Debug)]
pub(crate) struct ThreadHandle(ThreadRef);

impl ThreadHandle {
    /// A handle of the thread.
    pub(crate) fn new(thread: ThreadRef) -> Self {
        thread.done.add_handle();
        Self(thread)
    }

    /// A handle as a value.
    pub(crate) fn value(thread: &ThreadRef) -> Owned {
        Owned::thread(Self::new(thread.clone()))
    }

    /// The thread.
    pub(crate) fn thread(&self) -> &ThreadRef {
        &self.0
    }
}

impl Drop for ThreadHandle {
    fn drop(&mut self) {
        if let Some(failure) = self.0.done.drop_handle() {
            self.0.vm().report_failure(&self.0, &failure);
        }
    }
}

impl Handle for ThreadHandle {
    fn type_name(&self) -> &str {
        "thread"
    }

    fn display(&self) -> String {
        format!("<thread {}>", self.0.name())
    }

    fn identity(&self) -> Option<usize> {
        Some(self.0.address())
    }

    fn holds_no_value(&self) -> bool {
        self.0.holds_no_value()
    }
}

/// Starts a thread that calls `callee` with `arguments`, all of which are taken if all goes well, as a
/// thread of the innermost scope; gives its handle.
#[inline(always)]
pub(crate) fn spawn(
    waits: &mut Waits<'_, '_>,
    callee: &mut Owned,
    arguments: &mut [Owned],
    options: &mut ThreadOptions,
) -> Result<Owned, Owned> {
    refuse_places(callee)?;
    if !matches!(callee.view(), View::Function(_) | View::Native(_) | View::Type(_)) {
        let text = format!("only a function can be spawned, not {}", callee.type_name());
        return Err(error(Kind::Type, text));
    }
    Shared::may_cross(callee)?;
    for value in &*arguments {
        Shared::may_cross(value)?;
    }
    if !options.background {
        options.scope = scope::current(waits.thread, waits.state).cloned();
    }
    let vm = waits.thread.vm();
    let (thread, handle) = ThreadRef::with_handle(vm, waits.context, options, callee, arguments)
        .map_err(|refused| error(Kind::Io, explain(&refused)))?;
    let handle = Owned::thread(ThreadHandle(handle));
    work(SPAWN_WORK);
    start(waits.context, thread);
    Ok(handle)
}

/// Why a thread got no LWP of its own, and what to do about it.
pub(crate) fn explain(refused: &BindError) -> String {
    match refused {
        BindError::Refused { source, lwps } => format!(
            "the kernel refuses another kernel thread ({}) to a VM that has {lwps}: wait until some have \
             ended, raise its limits, or use threads that are not bound, as in the model m:n",
            reason(source)
        ),
        BindError::Closing => refused.to_string(),
    }
}

/// Gives a new thread to the scheduler.
#[inline(always)]
pub(crate) fn start(context: &mut Cx<'_>, thread: ThreadRef) {
    if let Some(scope) = &thread.scope {
        let (place, start) = scope.enter(&thread);
        thread.done.set_place(place);
        match start {
            Start::Run => {}
            Start::Cancelled => thread.cancel(context),
        }
    }
    context.spawn(thread);
}

/// The thread has run to its end, with this result or this error that nobody caught. Its stack is
/// empty.
pub(crate) fn finish(context: &mut Cx<'_>, thread: &ThreadRef, outcome: Result<Owned, Owned>) {
    let vm = thread.vm();
    let end = match outcome.and_then(|value| result(thread, value)) {
        Ok(value) => End::Value(value),
        Err(thrown) => failed(thread, thrown),
    };
    // Before anybody hears of the end.
    Heap::with(|heap| {
        if let Some(heap) = heap {
            heap.end_cells();
        }
    });
    // Its record may be kept for long by who waited for it in vain.
    Heap::tell();
    match end {
        // Steps 1 and 2.
        End::Value(value) => {
            let ended = thread.done.end_well(value.clone());
            for joiner in ended.joiners {
                if joiner.give(value.clone()) {
                    context.ready(joiner.into_thread());
                }
            }
            if let Some(place) = ended.place {
                leave_scope(context, thread, place, None, Vec::new());
            }
        }
        End::Failed(_) | End::Cancelled(_) => finish_without_value(context, thread, end),
    }
    // Step 5.
    let Removed { thread: registered, last } = vm.registry.remove(thread, owner(context));
    debug_assert!(registered.is_some(), "a thread that runs is in the registry");
    // The LWP lets go of this reference with its own.
    std::mem::forget(registered.unwrap_or_else(|| thread.clone()));
    if last {
        end_program(context, thread);
    }
}

/// No thread of this one's kind is left.
#[cold]
fn end_program(context: &mut Cx<'_>, last: &ThreadRef) {
    let vm = last.vm();
    vm.last_has_ended();
    if !last.background() {
        for other in vm.background_threads() {
            other.cancel(context);
        }
    }
}

/// Steps 1 to 4 of a thread that has failed, or was cancelled.
#[cold]
fn finish_without_value(context: &mut Cx<'_>, thread: &ThreadRef, end: End) {
    let vm = thread.vm();
    let (failure, more) = match &end {
        End::Value(_) => unreachable!("it has no value"),
        End::Failed(error) => (Some(error.clone()), Vec::new()),
        End::Cancelled(errors) => (None, errors.to_vec()),
    };
    // Steps 1 and 2.
    let ended = thread.done.end(end, thread.scope.is_some());
    for joiner in ended.joiners {
        if joiner.wake() {
            context.ready(joiner.into_thread());
        }
    }
    if let Some(place) = ended.place {
        leave_scope(context, thread, place, failure.clone(), more);
    }
    let Some(failure) = failure else { return };
    // Step 3.
    if ended.unnoticed {
        vm.report_failure(thread, &failure);
    } else if thread.scope.is_none() {
        vm.program.keep_failed(thread.clone());
    }
    // Step 4.
    if thread.main() {
        for other in vm.threads().into_iter().filter(|other| other != thread) {
            other.cancel(context);
        }
    }
}

/// The scope of a thread hears of its end.
#[inline(never)]
fn leave_scope(
    context: &mut Cx<'_>,
    thread: &ThreadRef,
    place: Ticket,
    failure: Option<Shared>,
    more: Vec<Shared>,
) {
    if let Some(scope) = &thread.scope {
        scope.leave(place, failure, more).spread(scope.level(), context);
    }
}

/// What a thread gives to those who join it. The main code's and a session's text may give the host a
/// cell, which is of use there when it comes back.
fn result(thread: &ThreadRef, value: Owned) -> Result<Shared, Owned> {
    let lent = Heap::with(|heap| heap.is_some_and(Heap::cells_are_lent));
    if lent || thread.main() { Ok(Shared::new(value)) } else { Shared::crossing(value) }
}

/// How a thread ends that threw this.
fn failed(thread: &ThreadRef, mut thrown: Owned) -> End {
    match thrown.as_error() {
        Some(error) if error.uncatchable && error.kind() == Kind::Cancelled.name() => {
            let more = error.also.iter().map(|error| Shared::new(error.clone()));
            return End::Cancelled(more.collect());
        }
        // A deadlock is told once.
        Some(error)
            if error.uncatchable
                && error.kind() == Kind::Deadlock.name()
                && !thread.vm().program.bears_deadlock(thread.id()) =>
        {
            return End::Cancelled(ThinVec::new());
        }
        // Who joins the thread may catch what the thread itself could not.
        Some(error) if error.uncatchable => {
            if let Some(error) = thrown.error_mut() {
                error.uncatchable = false;
            }
        }
        Some(_) | None => {}
    }
    End::Failed(Shared::new(thrown))
}

#[cfg(all(test, not(loom)))]
mod tests;
