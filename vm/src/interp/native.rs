//! Running natives: their answers, and how those that have not ended go on.

#![expect(unsafe_code, reason = "natives see their arguments in the register stack")]

use std::{
    any::Any,
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
};

use lisle_compiler::bytecode::{METHOD_WORDS, op::KILL_B};

use super::call::{self, Given};
use super::machine::{Exit, Machine, Step};
use super::run::callback;
use super::{code, iter, method, operators, places, proto_of_closure};
use crate::{
    link::{LINK, Proto, SLOT, Word},
    native::{Call, Cx, Loan, NativeDef, NativeResult, NativeRun, Next, ReceiverSlot, Resume},
    sched::Outcome,
    thread::{
        After, Blocked, Called, Delivery, ENTRY_ARGS, ENTRY_CALLEE, ENTRY_RESULT, Memo, Pending,
        Place, Slots, Stopped, Then, push_in_place,
    },
    value::{ErrorObject, Owned, tag},
};

/// What a native finds before the dot. Where that is the last use of a register, it dies when the
/// call has succeeded: see `finish`.
#[derive(Clone, Copy)]
pub(super) enum Receiver {
    /// It is no method.
    None,
    /// A value that it may only read.
    Ref(*const Owned),
    /// The value in a register that dies, which the native may take.
    Last(*mut Owned),
    /// A value that the `[]` of a type has made for this call.
    Kept(*const Owned),
    /// A place that it changes.
    Place(*mut Owned),
}

/// What came of running a native.
enum Answer {
    /// Its result.
    Value(Owned),
    /// It called a function, which runs next.
    Called,
}

/// Runs a native, or what it left to be done, on the bound arguments from slot `first` on, and ends
/// the instruction that calls it.
pub(super) fn run(
    m: &mut Machine<'_>,
    native: &NativeDef,
    receiver: Receiver,
    (first, count): (usize, usize),
    then: Then,
) -> Step {
    let result = with_call(m, receiver, first, count, |call| match then {
        Then::Again | Then::Called(..) => invoke(native, call),
        Then::Later(go_on) => match call.interruption() {
            Some(thrown) => Err(thrown),
            None => go_on(call),
        },
        // A request that came while the kernel had the thread lands here: what the call gave is
        // dropped.
        Then::Blocked(Blocked::Ended(finish)) => match call.interruption() {
            Some(thrown) => Err(thrown),
            None => finish(call),
        },
        Then::Blocked(Blocked::Ready(_) | Blocked::Running) => {
            unreachable!("the scheduler makes the call before it runs the thread again")
        }
    });
    conclude(m, native, receiver, (first, count), result)
}

/// As [`run`], for a native that has not begun and is no [`Receiver::Kept`]'s: the short way where it
/// gives its result at once, or parks.
#[inline(always)]
pub(super) fn run_new(
    m: &mut Machine<'_>,
    native: &NativeDef,
    receiver: Receiver,
    (first, count): (usize, usize),
) -> Step {
    m.fuel -= 1;
    let result = with_call(m, receiver, first, count, |call| invoke(native, call));
    match result {
        Ok(Next::Return(value)) => {
            drop_arguments(m, first, count);
            finish(m, value)
        }
        Ok(Next::Park) => {
            m.state().stopped = Stopped::Native(Slots::new(first, count));
            Err(Exit::Stop(Outcome::Parked))
        }
        result => conclude(m, native, receiver, (first, count), result),
    }
}

/// Calls the function that is the only argument of a method call with what its receiver lends, if
/// that can be done at once and the function wants it as a place. Nothing has happened else.
pub(super) fn lend(
    m: &mut Machine<'_>,
    native: &NativeDef,
    loan: &Loan,
    receiver: *const Owned,
) -> bool {
    let argument = m.reg(m.word().a + (LINK + SLOT) as u16);
    // SAFETY: binding has nothing to do: the argument stands there.
    let callee = unsafe { *argument };
    if callee.tag != tag::FUNCTION {
        return false;
    }
    // SAFETY: the argument is alive, and code lives as long as the VM.
    let proto: &Proto = unsafe { &*proto_of_closure(callee) };
    let args = m.slot_of(argument);
    let entry = argument.wrapping_add(1).cast::<u8>();
    let frame = entry.wrapping_add(ENTRY_RESULT * SLOT + LINK + proto.frame);
    if proto.arity != 1 || proto.places != 1 || m.fuel <= 1 || frame > m.limit {
        return false;
    }
    let lent: *mut MaybeUninit<Owned> = argument.wrapping_add(1 + ENTRY_ARGS).cast();
    // SAFETY: the receiver is in its register; where the function will have its argument there is room,
    // and nothing yet.
    if !(loan.take)(unsafe { &*receiver }, m.thread, unsafe { &mut *lent }) {
        return false;
    }
    m.fuel -= 1;
    let function = m.take_at(argument);
    let place = m.save();
    let pending = || {
        let then = After::Lent(loan.resume);
        let then = Then::Called(Called { then, args: 1, place: true, back: Owned::NIL });
        Pending { native, place, args, count: 1, receiver: None, then }
    };
    push_call(m, args + 1, pending, function, []);
    call::enter(m, callee, Given::plain((ENTRY_RESULT * SLOT) as u16, 1));
    places::note_called(m);
    true
}

/// The function that [`lend`] has called returns, by the instruction at hand: what was lent goes where
/// it came from, and the method has its result, if that can be done at once. Else nothing has happened.
pub(super) fn returns_lent(m: &mut Machine<'_>) -> bool {
    let word = m.word();
    let Some(pending) = m.state().pending.last() else { return false };
    let Then::Called(Called { then: After::Lent(_), .. }) = pending.then else { return false };
    // SAFETY: what refers to the native lives as long as the VM.
    let loan = unsafe { &*pending.native }.loan.as_ref();
    let put_back = loan.expect("its receiver has lent something").put_back;
    let (place, called) = (pending.place, pending.called());
    let frame = m.save();
    // The place is the function's only parameter.
    let (lent, result): (*mut Owned, *mut Owned) = (m.reg(0).cast(), m.reg(word.a).cast());
    m.restore(place);
    let (call, first) = (m.word(), m.extension(1));
    let receiver: *const Owned = m.reg(first.a).cast();
    // SAFETY: the registers keep the receiver and what was lent, and nobody else touches them meanwhile.
    if !put_back(unsafe { &*receiver }, m.context(), unsafe { &mut *lent }) {
        m.restore(frame);
        return false;
    }
    // SAFETY: the function's register, which nobody reads any more.
    let result = unsafe { (*result).take() };
    let state = m.state();
    let (pending, handed) = (state.pending.len() - 1, state.handed.len() - 1);
    // SAFETY: neither owns anything: see `lend` and `places::note_called`.
    unsafe { state.pending.set_len(pending) };
    // SAFETY: as above.
    unsafe { state.handed.set_len(handed) };
    let function = state.stack.start().wrapping_add(called + ENTRY_CALLEE);
    drop(m.take_at(function));
    if call.flags & KILL_B != 0 {
        drop(m.take(first.a));
    }
    m.put(call.a, result);
    m.pc = m.pc.wrapping_add(1 + METHOD_WORDS);
    true
}

/// A function that a native called with a place has returned: the place is back, and the native goes on.
pub(super) fn returned(m: &mut Machine<'_>, value: Owned) -> Step {
    let pending = m.state().pending.pop().expect("a native called the function");
    let callee = m.state().stack.start().wrapping_add(pending.called() + ENTRY_CALLEE);
    drop(m.take_at(callee));
    resume(m, pending, Ok(value))
}

/// The thread was parked in the current instruction and runs again. What a channel, or a thread that
/// ended, has delivered is the instruction's result: the operation that parked has nothing more to say,
/// and is not called again. Nor is one that only let others run.
#[inline]
pub(super) fn deliver(m: &mut Machine<'_>) {
    let whole = |delivery| match delivery {
        Delivery::Received { value, .. } => Ok(value.into_owned()),
        Delivery::Sent { .. } => Ok(Owned::NIL),
        other => Err(other),
    };
    if matches!(m.state().stopped, Stopped::Inside) {
        return;
    }
    let value = match m.thread.wait.end_as(whole) {
        Some(value) => value,
        None if has_yielded(m) => Owned::NIL,
        None => return,
    };
    if let Stopped::Native(slots) = m.state().stopped {
        m.state().stopped = Stopped::Before;
        let (first, count) = slots.parts();
        drop_arguments(m, first, count);
    } else if let Some(((first, count), _)) = m.take_begun() {
        drop_arguments(m, first, count);
    }
    let Ok(()) = finish(m, value) else { unreachable!("an instruction that has its result ends") };
    m.account();
}

/// The others have had their turn for which the thread stopped, and nothing is asked of it.
fn has_yielded(m: &mut Machine<'_>) -> bool {
    let had_turn = m.state().parked.has_yielded() && m.thread.flags() == 0;
    if had_turn {
        m.state().parked = Memo::NOTHING;
    }
    had_turn
}

/// A function that a native called has returned: goes on with the native.
pub(super) fn resume_returned(m: &mut Machine<'_>) -> Step {
    let value = m.take((ENTRY_RESULT * SLOT) as u16);
    returned(m, value)
}

/// Goes on with a native, given the outcome of the function that it called.
pub(super) fn resume(m: &mut Machine<'_>, pending: Pending, outcome: Result<Owned, Owned>) -> Step {
    m.restore(pending.place);
    let Then::Called(called) = pending.then else { unreachable!("it called a function") };
    let Called { then, back, .. } = called;
    if let After::Instruction(asked) = then {
        return operators::resume(m, *asked, outcome, back);
    }
    let (first, count) = (pending.args, pending.count);
    // SAFETY: what refers to the native is in a register of the caller or lives as long as the VM.
    let native = unsafe { &*pending.native };
    let again = match method::receiver_again(m, native, pending.receiver) {
        Ok(again) => again,
        Err(error) => {
            drop_arguments(m, first, count);
            return Err(Exit::Throw(error));
        }
    };
    let receiver = again.receiver();
    let result = with_call(m, receiver, first, count, |call| match then {
        After::Native(resume) => resume(call, outcome),
        After::NativePlace(resume) => resume(call, outcome, back),
        After::Lent(resume) => resume(call, outcome, back),
        After::Instruction(_) => unreachable!("that was an instruction"),
    });
    conclude(m, native, receiver, (first, count), result)
}

/// Tells pending native `i`, whose thread has died, that the function it called has failed.
pub(super) fn tell(m: &mut Machine<'_>, i: usize, resume: Resume, error: Owned) {
    let pending = &mut m.state().pending[i];
    let (native, place) = (pending.native, pending.place);
    let (first, count, kept) = (pending.args, pending.count, pending.receiver.take());
    m.restore(place);
    // SAFETY: what refers to the native is in a register of the caller or lives as long as the VM.
    let native = unsafe { &*native };
    if let Ok(again) = method::receiver_again(m, native, kept) {
        drop(with_call(m, again.receiver(), first, count, |call| resume(call, Err(error))));
    }
}

/// Runs `run` with everything that a native sees.
#[inline(always)]
fn with_call<R>(
    m: &mut Machine<'_>,
    receiver: Receiver,
    first: usize,
    count: usize,
    run: impl FnOnce(&mut Call<'_>) -> R,
) -> R {
    let thread = m.thread;
    thread.wait.stand_at(m.pc);
    let args = arguments(m, first, count);
    // SAFETY: what the receiver's pointer leads to is a register or part of what one holds, and
    // nobody else touches registers while the native runs.
    let receiver = unsafe {
        match receiver {
            Receiver::None => ReceiverSlot::None,
            Receiver::Ref(value) | Receiver::Kept(value) => ReceiverSlot::Borrowed(&*value),
            Receiver::Last(value) => ReceiverSlot::Last(&mut *value),
            Receiver::Place(value) => ReceiverSlot::Place(&mut *value),
        }
    };
    // SAFETY: the context outlives the call. Its lifetime is made shorter, and nobody can put
    // another context in its place, since only the scheduler makes them.
    let context: &mut Cx<'_> = unsafe { &mut *m.context.cast() };
    // SAFETY: the state is this thread's, which runs here; the arguments are not part of it but of a
    // block that it points to.
    let state = unsafe { &mut *m.state };
    let mut call = Call { args, receiver, thread, state, context, charged: 0 };
    let result = run(&mut call);
    if call.charged != 0 {
        let charged = i64::try_from(call.charged).unwrap_or(i64::MAX);
        m.fuel = m.fuel.saturating_sub(charged);
    }
    result
}

#[inline(always)]
fn invoke(native: &NativeDef, call: &mut Call<'_>) -> NativeResult {
    match &native.run {
        NativeRun::Fn(run) => run(call),
        NativeRun::Host(run) => {
            // Unwind safe: the arguments are values, whole between any two steps; the host's own
            // data is the host's concern.
            let result = catch_unwind(AssertUnwindSafe(|| run(call)));
            result.unwrap_or_else(|panic| Err(panicked(&native.name, &panic_text(&*panic))))
        }
    }
}

/// The error that a panic in a function of the host becomes.
pub(super) fn panicked(name: &str, text: &str) -> Owned {
    let message = Owned::string(format!("`{name}` panicked: {text}"));
    Owned::error(ErrorObject::new(Owned::str("panic"), message, Owned::NIL))
}

/// What a panic says.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Goes on by what a native answered.
fn conclude(
    m: &mut Machine<'_>,
    native: &NativeDef,
    receiver: Receiver,
    slots: (usize, usize),
    result: NativeResult,
) -> Step {
    match answer(m, native, receiver, slots, result)? {
        Answer::Value(value) => finish(m, value),
        Answer::Called => Ok(()),
    }
}

/// Takes note of what a native answered.
fn answer(
    m: &mut Machine<'_>,
    native: &NativeDef,
    receiver: Receiver,
    (first, count): (usize, usize),
    mut result: NativeResult,
) -> Step<Answer> {
    while m.fuel > 0
        && let Ok(Next::Later(go_on)) = result
    {
        result = with_call(m, receiver, first, count, go_on);
        m.account();
    }
    let place = m.save();
    let native = std::ptr::from_ref(native);
    let pending = |then| {
        let receiver = match receiver {
            // SAFETY: the value is kept until the native's answer has been dealt with.
            Receiver::Kept(value) => Some(unsafe { (*value).clone() }),
            _ => None,
        };
        Pending { native, place, args: first, count, receiver, then }
    };
    match result {
        Ok(Next::Return(value)) => {
            drop_arguments(m, first, count);
            Ok(Answer::Value(value))
        }
        Ok(next @ (Next::Yield | Next::Park)) => {
            if matches!(receiver, Receiver::Kept(..)) {
                m.state().pending.push(pending(Then::Again));
            } else {
                m.state().stopped = Stopped::Native(Slots::new(first, count));
            }
            let parks = matches!(next, Next::Park);
            Err(Exit::Stop(if parks { Outcome::Parked } else { Outcome::Yielded }))
        }
        Ok(Next::Later(go_on)) => {
            m.state().pending.push(pending(Then::Later(go_on)));
            Err(Exit::Stop(Outcome::Yielded))
        }
        Ok(Next::Block(handoff, work)) => {
            // SAFETY: whatever refers to the native keeps it until the call has ended.
            m.thread.ask_call(&unsafe { &*native }.label);
            m.state().pending.push(pending(Then::Blocked(Blocked::Ready(work))));
            Err(Exit::Stop(Outcome::Blocking(handoff)))
        }
        Ok(Next::Call(function, arguments, resume)) => {
            let args = arguments.len();
            if let Err(error) = make_room(m, first + count, args) {
                drop_arguments(m, first, count);
                return Err(Exit::Throw(error));
            }
            let then = After::Native(resume);
            let called = Called { then, args, place: false, back: Owned::NIL };
            push_call(m, first + count, || pending(Then::Called(called)), function, arguments);
            call::start(m).map(|()| Answer::Called)
        }
        Ok(Next::CallPlace(function, value, resume)) => {
            if let Err(error) = make_room(m, first + count, 1) {
                let run = |call: &mut Call<'_>| resume(call, Err(error), value);
                let result = with_call(m, receiver, first, count, run);
                // SAFETY: whatever refers to the native keeps it until the call has ended.
                return answer(m, unsafe { &*native }, receiver, (first, count), result);
            }
            let back = places::unchanged(&function, &value);
            let called = Called { then: After::NativePlace(resume), args: 1, place: true, back };
            push_call(m, first + count, || pending(Then::Called(called)), function, [value]);
            call::start(m).map(|()| Answer::Called)
        }
        Err(value) => {
            drop_arguments(m, first, count);
            Err(Exit::Throw(value))
        }
    }
}

/// Ends the instruction whose native has given its result by its short way.
#[inline(always)]
pub(super) fn finish_new(m: &mut Machine<'_>, value: Owned) -> Step {
    m.fuel -= 1;
    finish(m, value)
}

/// Ends the instruction that called a native.
#[inline(always)]
fn finish(m: &mut Machine<'_>, value: Owned) -> Step {
    let word = m.word();
    if word.op == code::CallMethod && word.flags & KILL_B == 0 {
        // Natives get no places.
        m.put(word.a, value);
        return m.next(1 + METHOD_WORDS + usize::from(m.extension(1).flags));
    }
    finish_other(m, word, value)
}

/// One that is no plain call of a method.
fn finish_other(m: &mut Machine<'_>, word: Word, value: Owned) -> Step {
    let length = match word.op {
        code::IterNext => return iter::deliver(m, value),
        code::Import => return m.next(1),
        code::CallWith => 2,
        code::CallMethod => {
            let first = m.extension(1);
            drop(m.take(first.a));
            1 + METHOD_WORDS + usize::from(first.flags)
        }
        _ => 1,
    };
    m.put(word.a, value);
    m.next(length)
}

/// Makes room for a function and `count` arguments that are called from slot `slot` on.
pub(super) fn make_room(m: &mut Machine<'_>, slot: usize, count: usize) -> Result<(), Owned> {
    let end = (slot + ENTRY_ARGS + count) * SLOT;
    let base = m.save().base;
    if end > m.state().stack.bytes() { call::grow(m, end - base) } else { Ok(()) }
}

/// Goes to where a function is called for a native or an instruction, which `pending` makes, from a slot
/// on. There is room.
#[inline]
pub(super) fn push_call(
    m: &mut Machine<'_>,
    slot: usize,
    pending: impl FnOnce() -> Pending,
    function: Owned,
    arguments: impl IntoIterator<Item = Owned>,
) {
    let start = m.state().stack.start();
    m.put_at(start.wrapping_add(slot + ENTRY_CALLEE), function);
    for (i, argument) in arguments.into_iter().enumerate() {
        m.put_at(start.wrapping_add(slot + ENTRY_ARGS + i), argument);
    }
    push_in_place(&mut m.state().pending, pending);
    m.restore(Place { pc: callback(), base: slot * SLOT, constants: std::ptr::null() });
}

/// The bound arguments from slot `first` on.
fn arguments<'a>(m: &mut Machine<'_>, first: usize, count: usize) -> &'a mut [Owned] {
    let start = m.state().stack.start().wrapping_add(first).cast::<Owned>();
    debug_assert!(start.wrapping_add(count) <= m.limit.cast());
    // SAFETY: binding has filled these slots with owned values; until the call ends nobody but the
    // native touches them, and the stack does not move while it runs.
    unsafe { std::slice::from_raw_parts_mut(start, count) }
}

fn drop_arguments(m: &mut Machine<'_>, first: usize, count: usize) {
    for argument in arguments(m, first, count) {
        drop(argument.take());
    }
}
