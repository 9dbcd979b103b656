//! Method calls: finding the receiver, the method, and whether the one may change the other.

#![expect(unsafe_code, reason = "the receiver is reached without counting")]

use std::{any::Any, sync::Arc};

use lisle_compiler::bytecode::{
    self,
    op::{KILL_B, SPREAD},
};

use super::access::{walk, walk_mut};
use super::call::{Given, call_function, call_native, drop_arguments, safepoint};
use super::machine::{Exit, Machine, Step};
use super::native::Receiver;
use super::{code, names};
use crate::{
    link::{LINK, SLOT, Word},
    methods::Method,
    native::{MethodMap, MethodTable, NativeDef},
    symbols::Symbol,
    value::{Kind, Owned, View, error},
};

/// The parts of a method call.
#[derive(Clone, Copy)]
struct MethodCall<'a> {
    word: Word,
    root: u16,
    kind: bytecode::Receiver,
    steps: &'a [Word],
    symbol: Symbol,
    names: &'a [Box<str>],
}

/// What the receiver's path leads to.
pub(super) enum Found {
    /// A value in a register or in what one holds.
    Ref(*const Owned),
    /// A value made on the way.
    Temp(Owned),
}

impl Found {
    fn get(&self) -> &Owned {
        match self {
            // SAFETY: nobody changes registers while the receiver is looked at.
            Self::Ref(value) => unsafe { &**value },
            Self::Temp(value) => value,
        }
    }
}

/// A receiver that was found again, with what keeps it alive.
pub(super) struct Again {
    receiver: Receiver,
    found: Option<Found>,
}

impl Again {
    pub(super) fn receiver(&self) -> Receiver {
        match &self.found {
            Some(Found::Temp(value)) => Receiver::Ref(value),
            Some(Found::Ref(_)) | None => self.receiver,
        }
    }
}

fn decode<'a>(m: &Machine<'a>) -> MethodCall<'a> {
    let (word, first, second) = (m.word(), m.extension(1), m.extension(2));
    let kind = bytecode::Receiver::from_code(first.op).expect("verified code has known receivers");
    let detail = second.wide_u32();
    let (symbol, names): (_, &[Box<str>]) = if second.flags == 0 {
        (Symbol(detail), &[])
    } else {
        let proto = m.proto();
        let site = proto.sites[detail as usize];
        (site.symbol, &proto.names[site.names as usize])
    };
    let steps = m.words(3, first.flags as usize);
    MethodCall { word, root: first.a, kind, steps, symbol, names }
}

/// `CALL_METHOD a n`
pub(super) fn call_method(m: &mut Machine<'_>) -> Step {
    let call = decode(m);
    let found = match find_receiver(m, &call) {
        Ok(found) => found,
        Err(error) => return fail(m, &call, error),
    };
    let Some(method) = find_method(m, found.get(), call.symbol) else {
        let error = unknown(m, found.get(), &call);
        return fail(m, &call, error);
    };
    match method {
        Callee::Native(native) => {
            let given = call.given(1);
            // SAFETY: the method lives as long as the VM, or as the handle that has it, which is
            // not dropped before the call has ended.
            let native: &NativeDef = unsafe { &*native };
            match receiver_for(m, &call, &found, native.mutating) {
                Ok(receiver) => call_native(m, native, receiver, given),
                Err(error) => fail(m, &call, error),
            }
        }
        Callee::Script(function) => {
            safepoint(m, call.given(1))?;
            let receiver = found.get().clone();
            if call.word.flags & KILL_B != 0 && !handler_reads(m, call.root) {
                drop(m.take(call.root));
            }
            let given = call.given(0);
            m.put(given.args, receiver);
            call_function(m, function, given)
        }
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
            length: 3 + self.steps.len(),
        }
    }
}

fn fail(m: &mut Machine<'_>, call: &MethodCall<'_>, error: Owned) -> Step {
    drop_arguments(m, call.given(1));
    Err(Exit::Throw(error))
}

fn find_receiver(m: &Machine<'_>, call: &MethodCall<'_>) -> Result<Found, Owned> {
    if call.steps.is_empty() {
        return Ok(Found::Ref(m.get(call.root)));
    }
    walk(m, m.get(call.root), call.steps)
}

enum Callee {
    Native(*const NativeDef),
    Script(crate::value::Raw),
}

fn find_method(m: &Machine<'_>, receiver: &Owned, symbol: Symbol) -> Option<Callee> {
    match m.vm().methods.find(receiver.tag(), symbol) {
        Some(Method::Native(native)) => return Some(Callee::Native(&raw const **native)),
        Some(Method::Script(function)) => {
            return Some(Callee::Script(function.as_owned().as_raw()));
        }
        None => {}
    }
    own_method(receiver, &m.vm().symbols.name(symbol)).map(|native| Callee::Native(native))
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

/// The receiver as the native gets it.
fn receiver_for(
    m: &mut Machine<'_>,
    call: &MethodCall<'_>,
    found: &Found,
    mutating: bool,
) -> Result<Receiver, Owned> {
    let last = (call.word.flags & KILL_B != 0).then_some(call.root);
    if mutating {
        if call.kind != bytecode::Receiver::Var {
            return Err(not_changeable(m, call));
        }
        let place = walk_mut(m, call.root, call.steps)?;
        return Ok(Receiver::Place(place, last));
    }
    Ok(match (found, last) {
        (Found::Temp(value), None) => Receiver::Ref(value),
        (Found::Temp(value), Some(register)) => Receiver::RefOfLast(value, register),
        (&Found::Ref(value), None) => Receiver::Ref(value),
        (&Found::Ref(_), Some(register)) if call.steps.is_empty() => {
            Receiver::Last(m.reg(register).cast(), register)
        }
        (&Found::Ref(value), Some(register)) => Receiver::RefOfLast(value, register),
    })
}

/// The receiver of a method that has called a function and now goes on.
pub(super) fn receiver_again(m: &mut Machine<'_>, native: &NativeDef) -> Result<Again, Owned> {
    match m.word().op {
        code::CallMethod => {
            let call = decode(m);
            let found = find_receiver(m, &call)?;
            let receiver = receiver_for(m, &call, &found, native.mutating)?;
            Ok(Again { receiver, found: Some(found) })
        }
        code::IterNext => {
            let receiver = Receiver::Ref(m.get(m.word().a));
            Ok(Again { receiver, found: None })
        }
        _ => Ok(Again { receiver: Receiver::None, found: None }),
    }
}

/// True when a handler of the current instruction reads the register.
fn handler_reads(m: &Machine<'_>, register: u16) -> bool {
    let proto = m.proto();
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
        bytecode::Receiver::Var => "it may be changed",
        bytecode::Receiver::Temporary => {
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
    let mut known: Vec<_> =
        vm.methods.symbols(receiver.tag()).map(|symbol| vm.symbols.name(symbol)).collect();
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
