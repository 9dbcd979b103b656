//! The seam to the scheduler: a slice of a thread, its blocking calls, its end.

#![expect(unsafe_code, reason = "a slice has the thread's state to itself")]

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::machine::{Exit, Machine, Step};
use super::{call, code, death, execute, native, proto_of, proto_of_closure, slow, unwind};
use crate::{
    link::{HALT, Proto, RESUME, SLOT, START, Word},
    rc::{self, Heap},
    sched::{Context, Outcome, ParkWord, Runnable},
    scope, spawn,
    thread::{
        Blocked, ENTRY_ARGS, ENTRY_CALLEE, ENTRY_RESULT, Pending, Place, Stack, Stopped, Then,
        ThreadRef, ThreadState, cancel, record_trace,
    },
    value::{ErrorObject, Kind, Owned, View, error, uncatchable},
};

/// The fuel of a slice: so many back edges and calls.
const SLICE: i64 = 10_000;

/// A stack of fewer slots is never made smaller.
const LARGE: usize = 1 << 14;

/// So many dead objects are freed at the start of a slice.
const FREED: usize = 10_000;

/// The fuel that cleanup gets when a thread has used up its own.
const RESERVE: u64 = 100_000;

/// The flags of a thread that a safepoint looks at.
const REQUESTS: u8 = cancel::REQUESTED | cancel::TIMEOUT | cancel::DEADLOCK | cancel::SCOPE;

const fn landing(flags: u8) -> Word {
    Word { op: code::Landing, flags, a: (ENTRY_RESULT * SLOT) as u16, b: 0, c: 0 }
}

/// The code of a thread's entry: the call, the end.
static ENTRY: [Word; 2] = [landing(START), landing(HALT)];
/// The code around a function that a native calls.
static CALLBACK: [Word; 2] = [landing(START), landing(RESUME)];

/// Where a new thread starts.
pub(crate) fn entry() -> *const Word {
    ENTRY.as_ptr()
}

/// Where a function that a native calls starts.
pub(super) fn callback() -> *const Word {
    CALLBACK.as_ptr()
}

/// How many registers a call of `callee` needs.
pub(crate) fn registers_of(callee: &Owned) -> usize {
    match callee.view() {
        // SAFETY: the function is alive, and its code lives as long as the VM.
        View::Function(_) => unsafe { (*proto_of_closure(callee.as_raw())).registers() },
        _ => 4,
    }
}

thread_local! {
    /// Does this kernel thread run a user thread, or make a call for one?
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Does this kernel thread run a user thread, or make a call for one?
pub(crate) fn is_running() -> bool {
    RUNNING.get()
}

impl Runnable for ThreadRef {
    fn run(&self, context: &mut Context<'_, Self>) -> Outcome {
        RUNNING.set(true);
        // SAFETY: the scheduler gives a thread to one LWP at a time.
        let state = unsafe { self.state() };
        // SAFETY: the record outlives the slice.
        let slice_of_heap = unsafe { rc::Slice::enter(&raw const (*state).heap) };
        // Unwind safe: a thread in which the interpreter has panicked never runs again.
        let run = AssertUnwindSafe(|| slice(self, state, context));
        let outcome = match catch_unwind(run) {
            Ok(outcome) => outcome,
            Err(panic) => broken(self, state, context, &*panic),
        };
        drop(slice_of_heap);
        RUNNING.set(false);
        outcome
    }

    fn call(&self) {
        RUNNING.set(true);
        // SAFETY: as in `run`; the call touches nothing but its own record.
        let state = unsafe { &mut *self.state() };
        let stops = self.flags() & cancel::KILL != 0 || scope::is_told(self, state);
        let Some(Pending { native, then: Then::Blocked(blocked), .. }) = state.pending.last_mut()
        else {
            unreachable!("a thread that blocks has a call to make")
        };
        let native = *native;
        let calling = self.calling().expect("it has asked for the call");
        if stops {
            // It may have waited long for its turn. The request lands when the thread goes on.
            *blocked = Blocked::Ended(Box::new(|call| {
                Err(call.interruption().unwrap_or_else(scope::cancellation))
            }));
            calling.end();
            RUNNING.set(false);
            return;
        }
        let Blocked::Ready(work) = std::mem::replace(blocked, Blocked::Running) else {
            unreachable!("a call is made once")
        };
        calling.begin();
        // Unwind safe: what the closure has is its own.
        let finish = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            // SAFETY: what refers to the native is in a register of the caller, which stands still,
            // or lives as long as the VM.
            let name = unsafe { &*native }.label.clone();
            let text = native::panic_text(&*panic);
            Box::new(move |_| Err(native::panicked(&name, &text)))
        });
        calling.end();
        *blocked = Blocked::Ended(finish);
        RUNNING.set(false);
    }

    fn number(&self) -> u64 {
        self.id()
    }

    fn park_word(&self) -> &ParkWord {
        &self.park
    }

    fn let_go(self) {
        // The wait has taken it over.
        std::mem::forget(self);
    }

    fn ended(self) {
        // SAFETY: `finish` has forgotten that of the registry.
        unsafe { self.drop_two() };
    }

    fn bound_to(&self) -> Option<usize> {
        (**self).bound_to()
    }

    fn timer_fired(&self, token: u64) -> bool {
        (**self).timer_fired(token)
    }

    fn source_ready(&self, token: u64) -> bool {
        (**self).source_ready(token)
    }

    fn waits(&self, token: u64) -> bool {
        (**self).waits(token)
    }
}

/// Runs a thread until its slice ends.
fn slice(
    thread: &ThreadRef,
    state: *mut ThreadState,
    context: &mut Context<'_, ThreadRef>,
) -> Outcome {
    let continues = context.continues();
    let mut m = Machine::new(thread, state, context);
    if m.pc.is_null() {
        // It was abandoned, and is out of the registry: nobody waits for it.
        return Outcome::Parked;
    }
    let left = m.state().slice.into();
    m.grant(if continues { left } else { SLICE });
    let flags = thread.flags();
    if flags & (REQUESTS | cancel::KILL) != 0 {
        m.look_soon();
        if flags & cancel::KILL != 0 {
            // What the thread stopped with in its hands is dropped with the rest.
            return kill(&mut m);
        }
    }
    let outcome = if rc::free_dead(FREED) {
        if let Stopped::Call(_) = m.state().stopped {
            // The instruction finds its arguments by itself.
            m.state().stopped = Stopped::Before;
        }
        let goes_on = if m.pc == entry() {
            call::enter_first(&mut m);
            None
        } else {
            native::deliver(&mut m);
            go_on(&mut m)
        };
        match goes_on {
            Some(outcome) => outcome,
            None if m.vm().profiler.get().is_some() => execute::<true>(&mut m),
            None => execute::<false>(&mut m),
        }
    } else {
        Outcome::Yielded
    };
    m.fuel -= i64::from(Heap::take_work());
    m.settle();
    if !matches!(outcome, Outcome::Yielded) {
        // It may be long until it runs again.
        rc::free_dead(usize::MAX);
    }
    if matches!(outcome, Outcome::Done) {
        return outcome;
    }
    m.shrink_stack();
    let place = m.save();
    m.stand_at(place);
    if let Outcome::Blocking(_) = outcome {
        // One that is deep in debt ends soon all the same.
        m.state().slice = m.fuel.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    }
    if matches!(outcome, Outcome::Yielded) && thread.flags() & cancel::KILL != 0 {
        return kill(&mut m);
    }
    outcome
}

/// An instruction that has begun the call of a native goes on with it outside the loop: no short way
/// knows that it has begun. Gives an outcome when the slice ends with that.
#[inline]
fn go_on(m: &mut Machine<'_>) -> Option<Outcome> {
    if m.has_begun() { slow::step(m) } else { None }
}

impl<'a> Machine<'a> {
    fn new(
        thread: &'a ThreadRef,
        state: *mut ThreadState,
        context: &'a mut Context<'_, ThreadRef>,
    ) -> Self {
        // SAFETY: the caller has the thread in hand.
        let (place, stack) = unsafe { ((*state).place(&thread.wait), &(*state).stack) };
        Self {
            pc: place.pc,
            base: stack.start().cast::<u8>().wrapping_add(place.base),
            constants: place.constants,
            fuel: 0,
            limit: stack.end().cast(),
            granted: 0,
            saved: 0,
            thread,
            state,
            context: std::ptr::from_mut(context).cast(),
        }
    }

    /// Gives the slice its fuel: no more than the thread has left.
    fn grant(&mut self, fuel: i64) {
        self.granted = match i64::try_from(self.state().fuel()) {
            Ok(left) => fuel.min(left),
            Err(_) => fuel,
        };
        self.fuel = self.granted;
    }

    /// Takes what was used off the thread's fuel, and tells the scheduler.
    fn settle(&mut self) {
        self.fuel += std::mem::take(&mut self.saved);
        // Both are far from the ends of numbers.
        let used = self.granted.wrapping_sub(self.fuel).max(0).cast_unsigned();
        self.granted = self.fuel;
        self.context().used(used);
        self.state().use_fuel(used);
    }

    /// Gives back most of a large stack that is hardly used any more.
    fn shrink_stack(&mut self) {
        let slots = self.state().stack.slots();
        if slots < LARGE {
            return;
        }
        let place = self.save();
        let frame = proto_of(self.constants).map_or(0, Proto::registers);
        let state = self.state();
        // The innermost stands above all others.
        let called = state.pending.last().map_or(0, |pending| pending.called() + ENTRY_ARGS);
        let held = state.stopped.slots().map_or(0, |slots| slots.range().end + ENTRY_ARGS);
        let used = called.max(held).max(place.base / SLOT + frame);
        if used < slots / 8 {
            state.stack.resize(slots / 4);
            self.limit = self.state().stack.end().cast();
            self.restore(place);
        }
    }

    /// Makes the next back edge or call a safepoint.
    pub(super) fn look_soon(&mut self) {
        if self.fuel > 0 {
            self.saved += self.fuel;
            self.fuel = 0;
        }
    }

    /// After a slow path: what was done to values costs fuel, and a limit may have been passed.
    #[inline]
    pub(super) fn account(&mut self) {
        self.fuel -= i64::from(Heap::take_work());
        if Heap::exceeded() {
            self.look_soon();
        }
    }

    /// Where a thread is preempted, stopped, or told that it has used too much. Does nothing while
    /// there is fuel.
    pub(super) fn safepoint(&mut self) -> Step {
        if self.fuel > 0 {
            return Ok(());
        }
        let flags = self.thread.flags();
        if flags & cancel::KILL != 0 {
            return Err(Exit::Stop(Outcome::Yielded));
        }
        if Heap::take_exceeded() {
            return Err(error(Kind::Memory, "the memory limit is exceeded").into());
        }
        if flags & REQUESTS != 0
            && let Some(thrown) = scope::interruption(self.thread, self.state())
        {
            return Err(Exit::Throw(thrown));
        }
        if self.saved > 0 {
            self.fuel += std::mem::take(&mut self.saved);
            if self.fuel > 0 {
                return Ok(());
            }
        }
        self.settle();
        if self.state().fuel() == 0 {
            return self.out_of_fuel();
        }
        Err(Exit::Stop(Outcome::Yielded))
    }

    #[cold]
    fn out_of_fuel(&mut self) -> Step {
        if !self.state().spend(RESERVE) {
            // Its cleanup had its chance.
            self.thread.set_flags(cancel::KILL);
            return Err(Exit::Stop(Outcome::Yielded));
        }
        Err(Exit::Throw(uncatchable(Kind::Fuel, "the fuel is used up")))
    }

    /// True when the current instruction has begun the call of a native.
    fn has_begun(&mut self) -> bool {
        let here = self.save();
        let state = self.state();
        matches!(state.stopped, Stopped::Native(_))
            || state.pending.last().is_some_and(|last| last.place == here)
    }

    /// The native call that the current instruction has begun, if it has: its arguments, and how it
    /// goes on.
    #[inline]
    pub(super) fn take_begun(&mut self) -> Option<((usize, usize), Then)> {
        let state = self.state();
        if let Stopped::Native(_) = state.stopped {
            return self.take_parked();
        }
        if state.pending.is_empty() { None } else { self.take_pending() }
    }

    fn take_parked(&mut self) -> Option<((usize, usize), Then)> {
        let (here, before) = (self.save(), self.place_of_thread());
        let state = self.state();
        // What the native was called on is found anew, so another call may be made instead.
        let slots = std::mem::take(&mut state.stopped).slots().filter(|_| before == here)?;
        Some((slots.parts(), Then::Again))
    }

    fn take_pending(&mut self) -> Option<((usize, usize), Then)> {
        let place = self.save();
        let pending = &mut self.state().pending;
        let last = pending.last()?;
        if last.place != place || matches!(last.then, Then::Called(..)) {
            return None;
        }
        pending.pop().map(|pending| ((pending.args, pending.count), pending.then))
    }
}

/// A thread's function has returned.
pub(super) fn halt(m: &mut Machine<'_>) -> Outcome {
    // What the function has captured may take long to be freed: then this is done again.
    drop(m.take((ENTRY_CALLEE * SLOT) as u16));
    if rc::has_dead() {
        return Outcome::Yielded;
    }
    let value = m.take((ENTRY_RESULT * SLOT) as u16);
    ended(m, Ok(value))
}

/// A thread has ended: its stack is empty.
pub(super) fn ended(m: &mut Machine<'_>, outcome: Result<Owned, Owned>) -> Outcome {
    let thread = m.thread;
    let state = m.state();
    state.stand_at(&thread.wait, Place::ENDED);
    if let (Err(value), Some(thrown)) = (&outcome, state.take_thrown())
        && thrown.value.same(value.as_raw())
    {
        thread.set_thrown_at(thrown.trace);
    }
    state.stack = Stack::none();
    m.limit = m.state().stack.end().cast();
    spawn::finish(m.context(), thread, outcome);
    Outcome::Done
}

/// Nothing of the thread runs any more: the program is ended at once, or the reserve for the thread's
/// cleanup is used up.
fn kill(m: &mut Machine<'_>) -> Outcome {
    let mut thrown = scope::cancellation();
    if m.state().spent() {
        thrown = uncatchable(Kind::Fuel, "the fuel is used up, and what cleanup gets after that");
        let (thread, place) = (m.thread, m.place_of_thread());
        record_trace(m.state(), place, || thread.name(), &mut thrown);
        death::let_go(m, &thrown);
    }
    let thread = m.thread;
    unwind::abandon(&thread.wait, m.state());
    ended(m, Err(thrown))
}

/// The interpreter has panicked: a bug of ours. The thread ends with an error that says so; what it
/// owned is not freed, since nobody knows what that was.
#[cold]
fn broken(
    thread: &ThreadRef,
    state: *mut ThreadState,
    context: &mut Context<'_, ThreadRef>,
    panic: &(dyn std::any::Any + Send),
) -> Outcome {
    let text = format!("internal error: {}", native::panic_text(panic));
    let error =
        Owned::error(ErrorObject::new(Owned::str("internal"), Owned::string(text), Owned::NIL));
    let mut m = Machine::new(thread, state, context);
    // What has panicked once may do so again.
    let _ = catch_unwind(AssertUnwindSafe(|| death::let_go(&mut m, &error)));
    std::mem::take(&mut m.state().pending).into_iter().for_each(std::mem::forget);
    std::mem::take(&mut m.state().handed).into_iter().for_each(std::mem::forget);
    m.state().stopped = Stopped::Before;
    // It may have begun a wait, which has taken over what the LWP is about to drop.
    std::mem::forget(thread.clone());
    ended(&mut m, Err(error))
}
