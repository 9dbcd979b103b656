//! Method calls: finding the receiver, the method, and whether the one may change the other.

#![expect(unsafe_code, reason = "the receiver is reached without counting")]

use std::{any::Any, sync::Arc};

use lisle_compiler::bytecode::{
    self, MAX_PLACES, METHOD_WORDS,
    Receiver::{Temporary, Var},
    op::{KILL_B, SPREAD},
};

use super::access::{Walked, walk, walk_from};
use super::call::{Given, call_function, call_native, drop_arguments, safepoint};
use super::machine::{Exit, Machine, Step};
use super::native::Receiver;
use super::operators::{Asked, ask_at};
use super::places::{self, Operand, Operands, call as call_with_places, receiver};
use super::records::{self, Static};
use super::{code, names, proto_of_closure};
use crate::{
    link::{CodeWord, KnownMethod, LINK, SLOT, STEP_INDEX, Word},
    methods::Method,
    native::{MethodMap, MethodTable, NativeDef},
    rc::{self, Heap, class},
    symbols::Symbol,
    thread::Then,
    value::{Kind, Owned, Raw, View, cell_access, error, tag},
};

/// The parts of a method call.
#[derive(Clone, Copy)]
struct MethodCall<'a> {
    word: Word,
    root: u16,
    kind: bytecode::Receiver,
    steps: &'a [CodeWord],
    symbol: Symbol,
    names: &'a [Box<str>],
    /// The words of the places among the arguments.
    places: usize,
}

/// What the receiver's path leads to.
pub(super) enum Found {
    /// A value in a register or in what one holds.
    Ref(*const Owned),
    /// A value made on the way.
    Temp(Owned),
}

impl Found {
    pub(super) fn into_owned(self) -> Owned {
        match self {
            // SAFETY: as in `get`.
            Self::Ref(value) => unsafe { &*value }.clone(),
            Self::Temp(value) => value,
        }
    }

    pub(super) fn get(&self) -> &Owned {
        match self {
            // SAFETY: nobody changes registers while the value is looked at.
            Self::Ref(value) => unsafe { &**value },
            Self::Temp(value) => value,
        }
    }
}

/// A receiver that was found again, with what keeps it alive.
pub(super) struct Again {
    receiver: Receiver,
    found: Option<Found>,
    /// It is of no other use to the native than to be read.
    made: bool,
}

impl Again {
    pub(super) fn receiver(&self) -> Receiver {
        match (&self.found, self.receiver) {
            (Some(Found::Temp(value)), Receiver::Kept(_)) if self.made => Receiver::Kept(value),
            (Some(Found::Temp(value)), _) => Receiver::Ref(value),
            (_, receiver) => receiver,
        }
    }
}

fn decode<'a>(m: &Machine<'a>) -> MethodCall<'a> {
    let (word, first, name) = (m.word(), m.extension(1), m.extension(METHOD_WORDS));
    let kind = bytecode::Receiver::from_code(first.op).expect("verified code has known receivers");
    let detail = name.wide_u32();
    let (symbol, names): (_, &[Box<str>]) = if name.flags == 0 {
        (Symbol(detail), &[])
    } else {
        let proto = m.proto();
        let site = proto.sites[detail as usize];
        (site.symbol, &proto.names[site.names as usize])
    };
    let steps = m.words(1 + METHOD_WORDS, first.flags as usize);
    let places = if first.b == 0 { 0 } else { Operands::of(m, None, 0).length() };
    MethodCall { word, root: first.a, kind, steps, symbol, names, places }
}

/// `CALL_METHOD a n`
pub(super) fn call_method(m: &mut Machine<'_>) -> Step {
    let call = decode(m);
    fill_places(m, &call);
    if let Some(value) = kept_receiver(m) {
        return go(m, &call, &Found::Temp(value), true);
    }
    let walked = find_receiver(m, &call);
    receiver_walked(m, &call, walked, false)
}

/// The registers of places are dead until the call; so that arguments can be dropped all alike, they
/// hold something that needs no drop.
fn fill_places(m: &mut Machine<'_>, call: &MethodCall<'_>) {
    if call.places > 0 {
        Operands::of(m, None, 0).fill(m, call.given(1));
    }
}

/// Goes on with a method call on whose receiver's path the `[]` of a type was asked.
pub(super) fn receiver_found(
    m: &mut Machine<'_>,
    outcome: Result<Owned, Owned>,
    next: usize,
) -> Step {
    let call = decode(m);
    fill_places(m, &call);
    let walked = outcome.and_then(|value| walk_from(m, Found::Temp(value), call.steps, next));
    receiver_walked(m, &call, walked, true)
}

fn receiver_walked(
    m: &mut Machine<'_>,
    call: &MethodCall<'_>,
    walked: Result<Walked, Owned>,
    asked: bool,
) -> Step {
    match walked {
        Ok(Walked::Found(found)) => go(m, call, &found, asked),
        Ok(Walked::Ask { function, args, next }) => {
            let given = call.given(1);
            let first = m.slot_of(m.reg(given.args));
            let own = (first, given.count);
            ask_at(m, function, args, Asked::Path(next), own, false).or_else(|exit| match exit {
                Exit::Throw(error) => fail(m, call, error),
                stop @ Exit::Stop(_) => Err(stop),
            })
        }
        Err(error) => fail(m, call, error),
    }
}

/// Calls the method of a receiver that was found; `made` by the `[]` of a type.
fn go(m: &mut Machine<'_>, call: &MethodCall<'_>, found: &Found, made: bool) -> Step {
    let method = match find_method(m, found.get(), call) {
        Ok(method) => method,
        Err(error) => return fail(m, call, error),
    };
    remember(m, found.get(), &method);
    match method {
        Callee::Native { native, inside } => {
            let given = call.given(1);
            // SAFETY: the method lives as long as the VM, or as the handle that has it, which is
            // not dropped before the call has ended.
            let native: &NativeDef = unsafe { &*native };
            if call.places > 0 {
                let text =
                    format!("`{}` changes none of its arguments: take the `&` away", native.name);
                return fail(m, call, error(Kind::Type, text));
            }
            let enters = inside.is_some();
            let found = inside.as_ref().unwrap_or(found);
            match receiver_for(m, call, found, native.mutating, (made, enters)) {
                Ok(receiver) => call_native(m, native, receiver, given),
                Err(error) => fail(m, call, error),
            }
        }
        Callee::Static(function) => {
            safepoint(m, call.given(1))?;
            // There is no receiver: the arguments start where it would stand.
            let arguments = m.take_all(call.given(1).args, call.given(1).count);
            let given = Given { hidden: 0, count: arguments.len(), ..call.given(0) };
            for (i, argument) in arguments.into_iter().enumerate() {
                m.put_at(m.reg_after(given.args, i), argument);
            }
            drop_dying_root(m, call);
            let operands = Operands::of(m, None, 0);
            if operands.is_empty() {
                return call_function(m, function, given);
            }
            call_with_places(m, function, given, operands)
        }
        Callee::Script { function, changes: true, enters } => {
            if made {
                let error = not_changeable(m, &MethodCall { kind: Temporary, ..*call });
                return fail(m, call, error);
            }
            let receiver = receiver(m, enters);
            if let Err(error) = check_changeable(m, call, receiver) {
                return fail(m, call, error);
            }
            let operands = Operands::of(m, Some(receiver), 1);
            call_with_places(m, function, call.given(0), operands)
        }
        Callee::Script { function, changes: false, enters } => {
            safepoint(m, call.given(1))?;
            let value = match if enters { inside(found.get()) } else { Ok(found.get()) } {
                Ok(value) => value.clone(),
                Err(error) => return fail(m, call, error),
            };
            let given = call.given(0);
            m.put(given.args, value);
            drop_dying_root(m, call);
            let operands = Operands::of(m, None, 1);
            if !operands.is_empty() {
                return call_with_places(m, function, given, operands);
            }
            call_function(m, function, given)
        }
    }
}

/// Remembers the method of the receiver's own class, for the loop. As with fields, one of several.
fn remember(m: &Machine<'_>, receiver: &Owned, method: &Callee) {
    let word = &m.words(2, 1)[0];
    if receiver.is_nil() || (!word.is_vacant() && m.fuel & 15 != 0) {
        return;
    }
    let class = rc::class_of_value(receiver);
    let known = match *method {
        Callee::Native { native, inside: None } if has_fixed_methods(class) => {
            KnownMethod::native(native)
        }
        Callee::Script { function, enters: false, .. } if class >= class::FIRST => {
            // SAFETY: functions of types are immortal, and so is their code.
            let proto = unsafe { &*proto_of_closure(function) };
            debug_assert!(proto.function.same(function), "functions of types capture nothing");
            KnownMethod::script(proto)
        }
        _ => return,
    };
    word.remember_method(class, known);
}

/// The native that is remembered for the receiver's class.
fn remembered(m: &Machine<'_>, receiver: &Owned) -> Option<*const NativeDef> {
    // The class of nil is that of nothing remembered.
    let class = (!receiver.is_nil()).then(|| rc::class_of_value(receiver))?;
    m.words(2, 1)[0].method(class)?.as_native()
}

/// All values of this class have the same methods, for good. (Channels and threads have those of
/// their tag.)
fn has_fixed_methods(class: u16) -> bool {
    let tag = u64::from(class);
    class >= class::FIRST || !matches!(tag, tag::TYPE | tag::RECORD | tag::HANDLE)
}

/// Lets go of a receiver's root that is read for the last time: the callee has what it needs.
fn drop_dying_root(m: &mut Machine<'_>, call: &MethodCall<'_>) {
    if call.word.flags & KILL_B != 0 && !handler_reads(m, call.root) {
        drop(m.take(call.root));
    }
}

impl<'a> MethodCall<'a> {
    /// The arguments without the receiver (`skip` is 1), or with it.
    fn given(&self, skip: usize) -> Given<'a> {
        Given {
            result: self.word.a,
            args: self.word.a + (LINK + skip * SLOT) as u16,
            count: self.word.c as usize + 1 - skip,
            hidden: 1 - skip,
            names: self.names,
            spread: self.word.flags & SPREAD != 0,
            length: 1 + METHOD_WORDS + self.steps.len() + self.places,
        }
    }
}

fn fail(m: &mut Machine<'_>, call: &MethodCall<'_>, error: Owned) -> Step {
    drop_arguments(m, call.given(1));
    Err(Exit::Throw(error))
}

fn find_receiver(m: &Machine<'_>, call: &MethodCall<'_>) -> Result<Walked, Owned> {
    if call.steps.is_empty() {
        return Ok(Walked::Found(Found::Ref(m.get(call.root))));
    }
    walk(m, m.get(call.root), call.steps)
}

/// The receiver of the native call at hand, which goes on, when the `[]` of a type made it.
fn kept_receiver(m: &mut Machine<'_>) -> Option<Owned> {
    let place = m.save();
    let pending = m.state().pending.last()?;
    if pending.place != place || matches!(pending.then, Then::Called(_)) {
        return None;
    }
    pending.receiver.clone()
}

/// What a method call calls.
enum Callee {
    /// A native; for a method of what a cell stands for, that.
    Native { native: *const NativeDef, inside: Option<Found> },
    /// A function of a type, which has no receiver.
    Static(Raw),
    /// A method of a script. It may be one of what the cell stands for that was found.
    Script { function: Raw, changes: bool, enters: bool },
}

/// How many cells may stand inside one another before a method is looked for in vain: they may
/// stand in a circle.
const NESTED_CELLS: usize = 1000;

/// The method of the receiver; else, when that is a cell, of what it stands for.
fn find_method(m: &Machine<'_>, receiver: &Owned, call: &MethodCall<'_>) -> Result<Callee, Owned> {
    if let Some(native) = remembered(m, receiver) {
        return Ok(Callee::Native { native, inside: None });
    }
    let mut value = receiver;
    for depth in 0..NESTED_CELLS {
        if let Some(callee) = direct_method(m, value, call)? {
            return Ok(match callee {
                Callee::Native { native, .. } if depth > 0 => {
                    Callee::Native { native, inside: Some(Found::Ref(value)) }
                }
                Callee::Script { function, changes, .. } => {
                    Callee::Script { function, changes, enters: depth > 0 }
                }
                callee @ (Callee::Native { .. } | Callee::Static(_)) => callee,
            });
        }
        if value.as_cell().is_none() {
            break;
        }
        value = inside_once(value)?;
    }
    Err(unknown(m, value, call))
}

/// The method that a value itself has.
fn direct_method(
    m: &Machine<'_>,
    receiver: &Owned,
    call: &MethodCall<'_>,
) -> Result<Option<Callee>, Owned> {
    let script = |function, changes| Callee::Script { function, changes, enters: false };
    match receiver.view() {
        View::Record(record) => {
            if let Some(method) = record.info().method(call.symbol) {
                if method.takes_self {
                    return Ok(Some(script(method.function, method.self_mutable)));
                }
                let (name, ty) = (&method.name, record.info().owner().name());
                let text =
                    format!("`{name}` has no `self`: call it on the type, `{ty}.{name}(...)`");
                return Err(error(Kind::Type, text));
            }
        }
        View::Type(ty) => match records::of_type(ty.info(), &m.vm().symbols.name(call.symbol)) {
            // Functions of types are immortal.
            Static::Function(function) => return Ok(Some(Callee::Static(function.as_raw()))),
            Static::Error(error) => return Err(error),
        },
        _ => {}
    }
    match m.vm().methods.find(receiver.tag(), call.symbol) {
        Some(Method::Native(native)) => {
            return Ok(Some(Callee::Native { native: &raw const **native, inside: None }));
        }
        Some(Method::Script(function)) => {
            return Ok(Some(script(function.as_owned().as_raw(), false)));
        }
        None => {}
    }
    match own_method(receiver, &m.vm().symbols.name(call.symbol)) {
        Some(native) => Ok(Some(Callee::Native { native, inside: None })),
        None => Ok(None),
    }
}

/// What a cell stands for.
fn inside_once(cell: &Owned) -> Result<&Owned, Owned> {
    let Some(object) = cell.as_cell() else { unreachable!("it was found to be a cell") };
    // SAFETY: it is looked at only as long as no script runs and nothing is written.
    unsafe { cell_access(object) }.map(|content| &content.value)
}

/// What a cell, or a cell in a cell, stands for.
fn inside(cell: &Owned) -> Result<&Owned, Owned> {
    let mut value = cell;
    for _ in 0..NESTED_CELLS {
        if value.as_cell().is_none() {
            return Ok(value);
        }
        value = inside_once(value)?;
    }
    Err(error(Kind::Type, "cells stand inside one another without end"))
}

/// A method that a handle brings along.
pub(super) fn own_method<'v>(value: &'v Owned, name: &str) -> Option<&'v NativeDef> {
    let methods = own_methods(value)?;
    if let Some(table) = methods.downcast_ref::<MethodTable>() {
        return table.find(name);
    }
    methods.downcast_ref::<MethodMap>()?.methods.get(name).map(|native| &**native)
}

fn own_methods(value: &Owned) -> Option<&dyn Any> {
    match value.view() {
        View::Channel(handle) | View::Thread(handle) | View::Handle(handle) => {
            Some(handle.get().methods())
        }
        _ => None,
    }
}

/// The receiver as the native gets it. `made`: by the `[]` of a type; `enters`: it is what a cell stands
/// for.
fn receiver_for(
    m: &mut Machine<'_>,
    call: &MethodCall<'_>,
    found: &Found,
    mutating: bool,
    (made, enters): (bool, bool),
) -> Result<Receiver, Owned> {
    if mutating && made {
        return Err(not_changeable(m, &MethodCall { kind: Temporary, ..*call }));
    }
    if mutating {
        let receiver = receiver(m, enters);
        check_changeable(m, call, receiver)?;
        return Ok(Receiver::Place(places::reach_receiver(m, receiver)?));
    }
    // What a function that the native calls may change is not found a second time.
    let fields = call.steps.iter().any(|step| step.get().op != STEP_INDEX);
    let in_cell = enters || (fields && Heap::has_cells());
    let dies = call.word.flags & KILL_B != 0;
    Ok(match found {
        _ if made || in_cell => Receiver::Kept(found.get()),
        Found::Ref(_) if dies && call.steps.is_empty() && !enters => {
            Receiver::Last(m.reg(call.root).cast())
        }
        _ => Receiver::Ref(found.get()),
    })
}

/// An error when the receiver may not be changed: it starts from no `var`, and no cell is on the way.
fn check_changeable(
    m: &Machine<'_>,
    call: &MethodCall<'_>,
    receiver: Operand<'_>,
) -> Result<(), Owned> {
    if receiver.kind == Var || places::last_cell(m, receiver)?.is_some() {
        return Ok(());
    }
    Err(not_changeable(m, call))
}

/// The receiver of a method that has called a function and now goes on; `kept` is one that only the
/// `[]` of a type could find.
pub(super) fn receiver_again(
    m: &mut Machine<'_>,
    native: &NativeDef,
    kept: Option<Owned>,
) -> Result<Again, Owned> {
    match m.word().op {
        code::CallMethod => {
            let (word, first) = (m.word(), m.extension(1));
            let in_register = first.flags == 0 && kept.is_none() && !native.mutating;
            if in_register && m.get(first.a).as_cell().is_none() {
                let register = m.reg(first.a).cast();
                let dies = word.flags & KILL_B != 0;
                let receiver =
                    if dies { Receiver::Last(register) } else { Receiver::Ref(register) };
                return Ok(Again { receiver, found: None, made: false });
            }
            let call = decode(m);
            let made = kept.is_some();
            let mut found = match kept {
                Some(value) => Found::Temp(value),
                None => find_receiver(m, &call)?.no_question()?,
            };
            let own = m.vm().methods.find(found.get().tag(), call.symbol).is_some();
            let enters = found.get().as_cell().is_some() && !own;
            if enters {
                found = Found::Ref(inside(found.get())?);
            }
            let receiver = receiver_for(m, &call, &found, native.mutating, (made, enters))?;
            Ok(Again { receiver, found: Some(found), made })
        }
        code::IterNext => {
            let receiver = Receiver::Ref(m.get(m.word().a));
            Ok(Again { receiver, found: None, made: false })
        }
        _ => Ok(Again { receiver: Receiver::None, found: None, made: false }),
    }
}

/// True when a throw at the current instruction leads to where the register is read.
pub(super) fn handler_reads(m: &Machine<'_>, register: u16) -> bool {
    let proto = m.proto();
    // A `mut` parameter goes back as it was when the instruction throws.
    if usize::from(register) / SLOT < MAX_PLACES
        && proto.places >> (usize::from(register) / SLOT) & 1 != 0
    {
        return true;
    }
    let index = proto.index_of(m.pc);
    let register = register / SLOT as u16;
    let covering = proto.handlers.iter().filter(|h| (h.start..h.end).contains(&index));
    covering.map(|handler| proto.live.owned(handler.target)).any(|owned| owned.contains(&register))
}

/// Why the receiver cannot be changed.
#[cold]
fn not_changeable(m: &Machine<'_>, call: &MethodCall<'_>) -> Owned {
    let method = m.vm().symbols.name(call.symbol);
    let why = match call.kind {
        Var => "it may be changed",
        Temporary => {
            let text = format!(
                "`{method}` changes its receiver, which nothing names here: the change would be lost"
            );
            return error(Kind::Type, text);
        }
        bytecode::Receiver::Let => "that is a `let`: declare it with `var`",
        bytecode::Receiver::Parameter => "that is a parameter: copy it to a `var` first",
        bytecode::Receiver::Captured => "that is captured by value: copy it to a `var` first",
        bytecode::Receiver::Bound => {
            "that is bound by `for`, a pattern or `catch`: copy it to a `var` first"
        }
    };
    error(Kind::Type, format!("`{method}` changes its receiver, and {why}"))
}

#[cold]
fn unknown(m: &Machine<'_>, receiver: &Owned, call: &MethodCall<'_>) -> Owned {
    let vm = m.vm();
    let name = vm.symbols.name(call.symbol);
    if let Some(map) = receiver.as_map()
        && map.get_str(&name).is_some()
    {
        let text = format!(
            "map has no method `{name}`; to call the function in that field, write (x.{name})(...)"
        );
        return error(Kind::Name, text);
    }
    if let Some(record) = receiver.as_record() {
        let info = record.info();
        if info.field_by_text(&name).is_some() {
            let text = format!(
                "{} has no method `{name}`; to call the function in that field, write (x.{name})(...)",
                receiver.type_name()
            );
            return error(Kind::Name, text);
        }
        let methods = info.methods().filter(|method| method.takes_self);
        let known: Vec<Arc<str>> = methods.map(|method| Arc::from(&*method.name)).collect();
        return names::unknown_method(receiver, &name, &known);
    }
    let mut known: Vec<_> = vm
        .methods
        .symbols(receiver.tag())
        .into_iter()
        .map(|symbol| vm.symbols.name(symbol))
        .collect();
    if let Some(methods) = own_methods(receiver) {
        if let Some(table) = methods.downcast_ref::<MethodTable>() {
            known.extend(table.names().map(Arc::from));
        }
        if let Some(map) = methods.downcast_ref::<MethodMap>() {
            known.extend(map.methods.keys().map(|name| Arc::from(&**name)));
        }
    }
    names::unknown_method(receiver, &name, &known)
}
