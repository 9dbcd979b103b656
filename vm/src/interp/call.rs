//! Calls: finding the callee, binding arguments to parameters, pushing frames, growing the stack.

#![expect(unsafe_code, reason = "frames are written into the register stack")]

use lisle_compiler::bytecode::op::SPREAD;

use super::machine::{Exit, Machine, Step};
use super::native::Receiver;
use super::{names, native, places, proto_of_closure, records};
use crate::{
    link::{LINK, Proto, SLOT},
    native::{NativeDef, Param},
    rc,
    thread::{Frames, Slots, Stopped, Then},
    value::{Item, Kind, Owned, Raw, View, error, tag},
};

/// A call as the instruction gives it.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// The register of the result.
    pub(super) result: u16,
    /// The register of the first argument.
    pub(super) args: u16,
    /// How many registers the arguments take.
    pub(super) count: usize,
    /// How many of them the caller does not see: the receiver of a method.
    pub(super) hidden: usize,
    /// The names of the last ones.
    pub(super) names: &'a [Box<str>],
    /// The first one that is not hidden is a list of all positional arguments.
    pub(super) spread: bool,
    /// The words of the instruction.
    pub(super) length: usize,
}

impl Given<'_> {
    /// A call with positional arguments in an instruction of one word.
    pub(super) fn plain(result: u16, count: usize) -> Self {
        let args = result + LINK as u16;
        Self { result, args, count, hidden: 0, names: &[], spread: false, length: 1 }
    }
}

/// What is called, as binding sees it.
struct Callee<'a> {
    name: &'a str,
    params: &'a [Param],
    required: usize,
    /// The parameters are fields of a type.
    constructs: bool,
}

/// `CALL a b n`
pub(super) fn call(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    call_value(m, m.raw(word.b), Given::plain(word.a, word.c as usize))
}

/// `CALL_CONST a k n`
pub(super) fn call_const(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    call_value(m, m.constant(word.b as usize), Given::plain(word.a, word.c as usize))
}

/// The interpreter's own form of it.
pub(super) fn call_direct(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let closure = Raw { tag: tag::FUNCTION, bits: m.constant(word.b as usize).tag };
    call_value(m, closure, Given::plain(word.a, word.c as usize))
}

/// The interpreter's own form of it, for natives.
pub(super) fn call_known_native(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let native = known_native(m);
    call_native(m, native, Receiver::None, Given::plain(word.a, word.c as usize))
}

/// The native that the instruction calls.
pub(super) fn known_native<'a>(m: &Machine<'a>) -> &'a NativeDef {
    let address = m.constant(m.word().b as usize).tag as usize;
    // SAFETY: the linker put its address there; it is a constant of the VM.
    unsafe { &*std::ptr::with_exposed_provenance(address) }
}

/// `CALL_WITH a b n`
pub(super) fn call_with(m: &mut Machine<'_>) -> Step {
    let (word, ext) = (m.word(), m.extension(1));
    let names: &[Box<str>] =
        if ext.flags == 0 { &[] } else { &m.proto().names[ext.wide_u32() as usize] };
    let spread = word.flags & SPREAD != 0;
    let plain = Given::plain(word.a, word.c as usize);
    call_value(m, m.raw(word.b), Given { names, spread, length: 2, ..plain })
}

/// The first call of a new thread, or of a function that a native calls.
pub(super) fn start(m: &mut Machine<'_>) -> Step {
    let count = m.state().start_args();
    let given = Given::plain(m.word().a, count);
    let callee = m.raw(0);
    let place = match m.state().pending.last().map(|pending| &pending.then) {
        Some(Then::Called(called)) => called.place,
        _ => false,
    };
    if place && changes(callee) {
        return places::start_called(m, callee, given);
    }
    call_value(m, callee, given)
}

/// Enters the function of a new thread, if there is fuel and its arguments need no binding: what the
/// thread's first instruction does otherwise, in full.
#[inline]
pub(super) fn enter_first(m: &mut Machine<'_>) {
    let (callee, count) = (m.raw(0), m.state().start_args());
    if callee.tag == tag::FUNCTION && m.fuel > 0 {
        // SAFETY: the callee is alive, its code lives as long as the VM, and the stack was made for it.
        let proto: &Proto = unsafe { &*proto_of_closure(callee) };
        if proto.exact as usize == count {
            enter(m, callee, Given::plain(m.word().a, count));
        }
    }
}

/// True for a function with `mut` parameters.
fn changes(callee: Raw) -> bool {
    // SAFETY: the caller's callee is alive, and code lives as long as the VM.
    callee.tag == tag::FUNCTION && unsafe { (*proto_of_closure(callee)).places } != 0
}

/// Calls a value.
fn call_value(m: &mut Machine<'_>, callee: Raw, given: Given<'_>) -> Step {
    // SAFETY: the callee is in a register or constant, which keeps it alive and stays as it is
    // until the call has ended.
    let value: &Owned = unsafe { Owned::borrow_raw(&callee) };
    match value.view() {
        View::Function(_) => {
            safepoint(m, given)?;
            call_function(m, callee, given)
        }
        View::Native(native) => {
            let native = native.downcast::<NativeDef>().expect("every native is a `NativeDef`");
            call_native(m, native, Receiver::None, given)
        }
        View::Type(ty) => match ty.info().constructor() {
            Some(constructor) => {
                safepoint(m, given)?;
                // Functions of types are immortal.
                call_function(m, constructor.as_raw(), given)
            }
            None => {
                drop_arguments(m, given);
                Err(Exit::Throw(records::no_constructor(&ty.info())))
            }
        },
        _ => {
            drop_arguments(m, given);
            Err(error(Kind::Type, format!("cannot call {}", value.type_name())).into())
        }
    }
}

/// The safepoint at a call, whose arguments have not been consumed yet.
pub(super) fn safepoint(m: &mut Machine<'_>, given: Given<'_>) -> Step {
    if m.fuel > 0 {
        return Ok(());
    }
    let result = m.safepoint();
    match &result {
        Ok(()) => {}
        Err(Exit::Throw(_)) => drop_arguments(m, given),
        Err(Exit::Stop(_)) => {
            let first = m.slot_of(m.reg(given.args));
            m.state().stopped = Stopped::Call(Slots::new(first, given.count));
        }
    }
    result
}

/// Calls a script function: binds its arguments and pushes its frame.
pub(super) fn call_function(m: &mut Machine<'_>, callee: Raw, given: Given<'_>) -> Step {
    // SAFETY: the caller keeps the function alive; its code lives as long as the VM.
    let proto: &Proto = unsafe { &*proto_of_closure(callee) };
    if proto.places != 0 {
        let wrong =
            check_count(proto, given.count).and_then(|()| places::require(proto, 0, usize::MAX));
        drop_arguments(m, given);
        let Err(error) = wrong else { unreachable!("it has `mut` parameters") };
        return Err(Exit::Throw(error));
    }
    reserve(m, given, proto.frame.max((proto.params.len() + given.count) * SLOT))?;
    bind_arguments(m, given, proto)?;
    enter(m, callee, given);
    Ok(())
}

/// An error when so many positional arguments are too few or too many.
pub(super) fn check_count(proto: &Proto, count: usize) -> Result<(), Owned> {
    let has_rest = proto.params.last().is_some_and(|param| param.rest);
    if count < proto.required as usize || (count > proto.params.len() && !has_rest) {
        return Err(names::wrong_count(&proto.name.name, &proto.params, count));
    }
    Ok(())
}

/// Lays the arguments of a script function out as its parameters say.
pub(super) fn bind_arguments(m: &mut Machine<'_>, given: Given<'_>, proto: &Proto) -> Step {
    let plain = proto.plain && proto.params.len() == given.count;
    if plain && !given.spread && given.names.is_empty() {
        return Ok(());
    }
    let callee = Callee {
        name: &proto.name.name,
        params: &proto.params,
        required: proto.required as usize,
        constructs: proto.constructs,
    };
    bind(m, given, &callee, |_| Owned::ABSENT)
}

/// Pushes the frame of a function whose parameters are in place.
pub(super) fn enter(m: &mut Machine<'_>, callee: Raw, given: Given<'_>) {
    // SAFETY: the caller keeps the function alive; its code lives as long as the VM.
    let proto: &Proto = unsafe { &*proto_of_closure(callee) };
    let back = m.pc.wrapping_add(given.length);
    let link = Raw { tag: back.addr() as u64, bits: m.constants.addr() as u64 };
    let base = m.base.wrapping_add(given.result as usize + LINK);
    // SAFETY: `reserve` made room for the frame; the link's slots are dead.
    unsafe { base.sub(LINK).cast::<Raw>().write(callee) };
    // SAFETY: as above.
    unsafe { base.sub(SLOT).cast::<Raw>().write(link) };
    (m.base, m.constants, m.pc) = (base, proto.constants, proto.code);
    m.fuel -= 1;
}

/// Calls a native: binds its arguments and runs it; or goes on with one that has not ended.
pub(super) fn call_native(
    m: &mut Machine<'_>,
    native: &NativeDef,
    receiver: Receiver,
    given: Given<'_>,
) -> Step {
    if let Some((arguments, then)) = m.take_begun() {
        return native::run(m, native, receiver, arguments, then);
    }
    m.fuel -= 1;
    let params = native.signature.params();
    let bytes = given.count.max(params.len()) * SLOT;
    if !fits(m, given, bytes) {
        reserve(m, given, bytes)?;
        if !matches!(receiver, Receiver::None) {
            // It may have moved with the stack: the instruction finds it again.
            return Ok(());
        }
    }
    let plain = params.len() == given.count && !given.spread && given.names.is_empty();
    if !plain || params.last().is_some_and(|param| param.rest) {
        let required = native.signature.required();
        let callee = Callee { name: &native.name, params, required, constructs: false };
        bind(m, given, &callee, |i| native.signature.default(i))?;
    }
    let first = m.slot_of(m.reg(given.args));
    native::run(m, native, receiver, (first, params.len()), Then::Again)
}

/// Drops the arguments of a call that does not happen.
pub(super) fn drop_arguments(m: &mut Machine<'_>, given: Given<'_>) {
    drop(m.take_all(given.args, given.count));
}

/// Lays the given arguments out as the parameters say: by position, by name, the rest as a list.
/// `default` gives what a parameter is that was left out. Drops them all when they do not fit.
fn bind(
    m: &mut Machine<'_>,
    given: Given<'_>,
    callee: &Callee<'_>,
    default: impl Fn(usize) -> Owned,
) -> Step {
    let (first, hidden) = (given.args, given.hidden);
    let params = callee.params;
    let named = given.names.len();
    let has_rest = params.last().is_some_and(|param| param.rest);
    let fixed = params.len() - usize::from(has_rest);
    let positional = given.names.is_empty() && !given.spread && !has_rest;
    if positional && (callee.required..=fixed).contains(&given.count) {
        for i in given.count..fixed {
            m.put_at(m.reg_after(first, i), default(i));
        }
        return Ok(());
    }
    let mut values = m.take_all(first, given.count);
    let by_name = values.split_off(given.count - named);
    let mut positional = values;
    if given.spread {
        let list = positional.pop().expect("a spread has its list");
        let items = list.as_list().expect("a spread is a list");
        rc::work_on(items.element_bytes());
        positional.extend(items.iter().map(Item::to_owned));
    }
    let count = positional.len() + named - hidden;
    let wrong = || {
        let wrong = if callee.constructs { names::wrong_fields } else { names::wrong_count };
        Err(wrong(callee.name, &params[hidden..], count).into())
    };
    if positional.len() > fixed && !has_rest {
        return wrong();
    }
    let rest = if positional.len() > fixed { positional.split_off(fixed) } else { Vec::new() };
    let mut bound: Vec<Option<Owned>> = positional.into_iter().map(Some).collect();
    bound.resize_with(fixed, || None);
    for (name, value) in given.names.iter().zip(by_name) {
        let at = params[..fixed].iter().position(|param| param.name == *name);
        let Some(at) = at.filter(|at| *at >= hidden) else {
            let unknown =
                if callee.constructs { names::unknown_field } else { names::unknown_argument };
            return Err(unknown(callee.name, &params[hidden..], name).into());
        };
        if bound[at].replace(value).is_some() {
            let text = format!("`{}` is given `{name}` twice", callee.name);
            return Err(error(Kind::Arity, text).into());
        }
    }
    let missing =
        bound.iter().zip(params).position(|(value, param)| value.is_none() && !param.optional);
    if let Some(missing) = missing {
        if callee.constructs {
            return Err(names::missing_fields(callee.name, params, &bound).into());
        }
        if named > 0 && count >= callee.required - hidden {
            let text = format!("`{}` is not given `{}`", callee.name, params[missing].name);
            return Err(error(Kind::Arity, text).into());
        }
        return wrong();
    }
    for (i, value) in bound.into_iter().enumerate() {
        let value = value.unwrap_or_else(|| default(i));
        m.put_at(m.reg_after(first, i), value);
    }
    if has_rest {
        m.put_at(m.reg_after(first, fixed), Owned::list(rest));
    }
    Ok(())
}

/// True when `bytes` from the first argument on are inside the stack.
fn fits(m: &Machine<'_>, given: Given<'_>, bytes: usize) -> bool {
    m.base.wrapping_add(given.args as usize + bytes) <= m.limit
}

/// Makes room for `bytes` from the first argument on. When there cannot be it drops the arguments
/// and throws.
pub(super) fn reserve(m: &mut Machine<'_>, given: Given<'_>, bytes: usize) -> Step {
    if fits(m, given, bytes) {
        return Ok(());
    }
    grow(m, given.args as usize + bytes).map_err(|error| {
        drop_arguments(m, given);
        Exit::Throw(error)
    })
}

/// As [`reserve`], but leaves the arguments as they are.
pub(super) fn make_room(m: &mut Machine<'_>, given: Given<'_>, bytes: usize) -> Result<(), Owned> {
    if fits(m, given, bytes) { Ok(()) } else { grow(m, given.args as usize + bytes) }
}

/// Above so many slots the frames are counted before the stack grows.
const UNCOUNTED: usize = 1 << 16;

/// Makes the stack reach `bytes` beyond the current base.
#[cold]
pub(super) fn grow(m: &mut Machine<'_>, bytes: usize) -> Result<(), Owned> {
    let options = &m.vm().options;
    let place = m.save();
    let needed = (place.base + bytes).div_ceil(SLOT) + 4;
    let state = m.state();
    let slots = state.stack.slots();
    if needed > UNCOUNTED {
        let deep = Frames::new(state, place).nth(options.max_depth).is_some();
        if deep || needed > options.max_slots {
            let depth = Frames::new(state, place).count();
            return Err(error(Kind::Stack, format!("calls nest too deep: {depth} of them")));
        }
    }
    let new = needed.max(slots * 2).min(options.max_slots.max(needed));
    crate::value::room((new - slots) * SLOT)?;
    state.stack.resize(new);
    m.limit = state.stack.end().cast();
    m.restore(place);
    Ok(())
}
