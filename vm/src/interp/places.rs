//! Places handed over: `&x` arguments and the receivers of `mut self` methods.
//!
//! # Invariants
//!
//! - A function with `mut` parameters runs only in a frame that has a [`Handed`] on the thread's list,
//!   with the same base. The frames and the list are in the same order, so whoever pops such a frame
//!   pops the last entry.
//! - While the frame is there its `mut` parameters are owned wherever it can be left, and what they
//!   stand for is nil in its place. Nobody looks there: the caller waits, its containers on the way
//!   are its own alone, and a cell on the way is in use, which makes every access an error.
//! - So the walk back to the place cannot fail, and copies nothing. It starts from the same registers
//!   by the same steps; where a cell is on the way, from that cell, whoever has it meanwhile.
//!
//! # Handing over
//!
//! [`call`] has a callee, arguments and places. Everything that may go wrong comes first: the callee,
//! the number of arguments, whether each `&` has its `mut`, room on the stack. Then all places are
//! walked, each level made unique, and the addresses on the way noted: two places overlap when the
//! end of one lies on the way of the other. Only then cells are marked and the values moved out. An
//! error before leaves all places as they were, and the arguments are dropped.
//!
//! # Giving back
//!
//! A return ([`ret_places`]) and unwinding ([`leave`]) do the same: free the cells, put the values where
//! the caller's instruction says. Then, after a success, the roots are dropped that die there, and
//! the result is written. Where a native or an operator called the function, the values wait in the
//! pending call. When the program is ended at once all is dropped where it stands.

#![expect(unsafe_code, reason = "values are moved between places and registers by address")]

use lisle_compiler::bytecode::{
    self, MAX_PLACES, METHOD_WORDS,
    op::{KILL_B, READ_ROOT},
};
use thin_vec::{ThinVec, thin_vec};

use super::access::{plain_step, raw_step, walk, walk_mut};
use super::call::{
    Given, bind_arguments, check_count, drop_arguments, enter, make_room, reserve, safepoint,
};
use super::machine::{Exit, Machine, Step};
use super::{code, native, proto_of_closure};
use crate::{
    link::{CodeWord, PLAIN, Proto, SLOT},
    rc::Heap,
    thread::{Handed, InUse, Slots, Stopped, Then, caller, push_in_place},
    value::{self, Kind, Owned, Raw, View, cell_access, error},
};

/// A place as an instruction names it.
#[derive(Clone, Copy)]
pub(super) struct Operand<'a> {
    pub(super) kind: bytecode::Receiver,
    pub(super) root: u16,
    pub(super) steps: &'a [CodeWord],
    /// Which parameter gets it.
    pub(super) param: usize,
    /// The value is what a cell at the end of the path stands for.
    pub(super) enters: bool,
}

/// The places of a call.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    /// That of a `mut self` method.
    pub(super) receiver: Option<Operand<'a>>,
    /// The parameters before the first argument.
    pub(super) hidden: u8,
    /// The words of the others.
    words: &'a [CodeWord],
}

impl<'a> Operands<'a> {
    /// Those of the call instruction at hand.
    pub(super) fn of(m: &Machine<'a>, receiver: Option<Operand<'a>>, hidden: u8) -> Self {
        let (start, count) = match m.word().op {
            code::CallPlaces => (3, m.extension(2).b),
            _ => {
                let receiver = m.extension(1);
                (1 + METHOD_WORDS + usize::from(receiver.flags), receiver.b)
            }
        };
        let mut length = 0;
        for _ in 0..count {
            length += 1 + usize::from(m.extension(start + length).flags);
        }
        Self { receiver, hidden, words: m.words(start, length) }
    }

    /// The places, the receiver first.
    pub(super) fn iter(self) -> impl Iterator<Item = Operand<'a>> {
        let mut words = self.words;
        let arguments = std::iter::from_fn(move || {
            let (root, rest) = words.split_first()?;
            let root = root.get();
            let (steps, rest) = rest.split_at(usize::from(root.flags));
            words = rest;
            let kind =
                bytecode::Receiver::from_code(root.op).expect("verified code has known roots");
            let param = usize::from(self.hidden) + usize::from(root.c);
            Some(Operand { kind, root: root.b, steps, param, enters: false })
        });
        self.receiver.into_iter().chain(arguments)
    }

    /// True when there is none.
    pub(super) fn is_empty(self) -> bool {
        self.receiver.is_none() && self.words.is_empty()
    }

    /// How many words of the instruction the arguments' places take.
    pub(super) fn length(self) -> usize {
        self.words.len()
    }

    /// Makes the registers of the places hold something that needs no drop: they are dead.
    pub(super) fn fill(self, m: &mut Machine<'_>, given: Given<'_>) {
        for operand in self.iter() {
            m.put_at(m.reg_after(given.args, operand.param), Owned::NIL);
        }
    }
}

/// `CALL_PLACES a b n`
pub(super) fn call_places(m: &mut Machine<'_>) -> Step {
    let (word, ext) = (m.word(), m.extension(1));
    let names: &[Box<str>] =
        if ext.flags == 0 { &[] } else { &m.proto().names[ext.wide_u32() as usize] };
    let operands = Operands::of(m, None, 0);
    let given = Given {
        names,
        spread: word.flags & bytecode::op::SPREAD != 0,
        length: 3 + operands.length(),
        ..Given::plain(word.a, word.c as usize)
    };
    call_value(m, m.raw(word.b), given, operands)
}

/// Calls a value, and hands places over.
pub(super) fn call_value(
    m: &mut Machine<'_>,
    callee: Raw,
    given: Given<'_>,
    operands: Operands<'_>,
) -> Step {
    operands.fill(m, given);
    // SAFETY: the callee is in a register or constant, which keeps it as long as the call lasts.
    let value = unsafe { Owned::borrow_raw(&callee) };
    let text = match value.view() {
        View::Function(_) => return call(m, callee, given, operands),
        View::Native(native) => {
            format!("`{}` changes none of its arguments: take the `&` away", native.code().name())
        }
        View::Type(_) => {
            format!("`{}` changes none of its arguments: take the `&` away", value::display(value))
        }
        _ => format!("cannot call {}", value.type_name()),
    };
    drop_arguments(m, given);
    Err(error(Kind::Type, text).into())
}

/// Calls a function of a script, and hands places over.
pub(super) fn call(
    m: &mut Machine<'_>,
    callee: Raw,
    given: Given<'_>,
    operands: Operands<'_>,
) -> Step {
    operands.fill(m, given);
    safepoint(m, given)?;
    // SAFETY: the caller keeps the function alive; its code lives as long as the VM.
    let proto: &Proto = unsafe { &*proto_of_closure(callee) };
    if let Err(error) = check(proto, given, operands) {
        drop_arguments(m, given);
        return Err(Exit::Throw(error));
    }
    reserve(m, given, proto.frame.max((proto.params.len() + given.count) * SLOT))?;
    bind_arguments(m, given, proto)?;
    match move_out(m, given, operands) {
        Ok(cells) => {
            let pc = m.pc;
            let is_register = |receiver: Operand<'_>| !receiver.enters && receiver.steps.is_empty();
            let plain = m.word().flags & (PLAIN | KILL_B) == PLAIN
                && cells.is_empty()
                && operands.receiver.is_none_or(is_register);
            enter(m, callee, given);
            let base = m.save().base;
            let receiver = operands.receiver.map(|receiver| receiver.enters);
            let hidden = operands.hidden;
            let handed = || Handed { base, pc, hidden, receiver, cells, plain };
            push_in_place(&mut m.state().handed, handed);
            Ok(())
        }
        Err(error) => {
            drop(m.take_all(given.args, proto.params.len()));
            Err(Exit::Throw(error))
        }
    }
}

/// Each `&` must have its `mut`, and the other way round.
fn check(proto: &Proto, given: Given<'_>, operands: Operands<'_>) -> Result<(), Owned> {
    let name = &proto.name.name;
    if given.spread && !operands.words.is_empty() {
        return Err(error(Kind::Type, "a call with `...` takes no `&` arguments"));
    }
    let mut mask = 0;
    for operand in operands.iter() {
        let bit = if operand.param < MAX_PLACES { 1 << operand.param } else { 0 };
        if proto.places & bit == 0 {
            let text = match proto.params.get(operand.param) {
                Some(param) if !param.rest => format!(
                    "`{name}` does not change its parameter `{}`: take the `&` away, or declare it `mut`",
                    param.name
                ),
                _ => format!("`{name}` does not change this argument: take the `&` away"),
            };
            return Err(error(Kind::Type, text));
        }
        mask |= bit;
    }
    // What a spread gives has no place.
    require(proto, mask, if given.spread { usize::MAX } else { given.count })
}

/// All `mut` parameters must get a place; those behind the arguments are another error's matter.
pub(super) fn require(proto: &Proto, mask: u32, count: usize) -> Result<(), Owned> {
    let missing = proto.places & !mask;
    if missing == 0 || missing.trailing_zeros() as usize >= count {
        return Ok(());
    }
    let (name, param) = (&proto.name.name, &proto.params[missing.trailing_zeros() as usize].name);
    let text = if **param == *"self" {
        format!("`{name}` changes its `self`: call it as a method of a place, `x.name()`")
    } else {
        format!("`{name}` changes its parameter `{param}`: hand over a place, with `&`")
    };
    Err(error(Kind::Type, text))
}

/// Refuses a function that is to be called without places: in a new thread, by the host.
pub(crate) fn refuse_places(callee: &Owned) -> Result<(), Owned> {
    match super::proto_of_function(callee) {
        Some(proto) if proto.places != 0 => {
            let first = proto.places.trailing_zeros() as usize;
            let (name, param) = (&proto.name.name, &proto.params[first].name);
            let text = format!(
                "`{name}` has the `mut` parameter `{param}`, so it needs a place of its caller: it \
                 cannot be called from here"
            );
            Err(error(Kind::Type, text))
        }
        _ => Ok(()),
    }
}

/// A place that was walked to.
struct Reached {
    end: *mut Owned,
    cell: Option<(Owned, usize)>,
}

/// Walks all places, and moves what is there into the parameters.
fn move_out(
    m: &mut Machine<'_>,
    given: Given<'_>,
    operands: Operands<'_>,
) -> Result<ThinVec<InUse>, Owned> {
    if let (Some(receiver), []) = (operands.receiver, operands.words) {
        let reached = reach(m, receiver, None)?;
        let mut cells = ThinVec::new();
        mark(m, &mut cells, 0, &reached)?;
        // SAFETY: the place was reached just now.
        let value = unsafe { (*reached.end).take() };
        m.put_at(m.reg_after(given.args, receiver.param), value);
        return Ok(cells);
    }
    let mut ways: Vec<(Reached, Vec<*const Owned>)> = Vec::new();
    for operand in operands.iter() {
        let mut way = Vec::new();
        let reached = reach(m, operand, Some(&mut way))?;
        let end: *const Owned = reached.end;
        if ways
            .iter()
            .any(|(other, passed)| way.contains(&other.end.cast_const()) || passed.contains(&end))
        {
            let text = "two places of this call overlap: one is, or is a part of, the other";
            return Err(error(Kind::Value, text));
        }
        ways.push((reached, way));
    }
    let mut cells = ThinVec::new();
    for (i, (reached, _)) in ways.iter().enumerate() {
        if let Err(error) = mark(m, &mut cells, i, reached) {
            free(&cells);
            return Err(error);
        }
    }
    for (operand, (reached, _)) in operands.iter().zip(&ways) {
        // SAFETY: the place was reached just now, and overlaps no other.
        let value = unsafe { (*reached.end).take() };
        m.put_at(m.reg_after(given.args, operand.param), value);
    }
    Ok(cells)
}

/// Marks the cell on the way to a place as in use.
fn mark(
    m: &Machine<'_>,
    cells: &mut ThinVec<InUse>,
    place: usize,
    reached: &Reached,
) -> Result<(), Owned> {
    let Some((cell, from)) = &reached.cell else { return Ok(()) };
    let known = cells.iter().any(|used| used.cell.is_same(cell));
    if !known {
        begin_use(cell, line(m))?;
    }
    cells.push(InUse { place, cell: cell.clone(), from: *from });
    Ok(())
}

/// Notes that a call has the value of a cell or a part of it as a place; throws when another one has.
fn begin_use(cell: &Owned, line: u32) -> Result<(), Owned> {
    let Some(object) = cell.as_cell() else { unreachable!("it was found to be a cell") };
    // SAFETY: the borrow ends here.
    unsafe { cell_access(object) }.map(|content| content.in_use = line.max(1))
}

fn free(cells: &[InUse]) {
    for used in cells {
        // SAFETY: the borrow ends here.
        if let Some(content) = used.cell.as_cell().and_then(|cell| unsafe { cell.content() }) {
            content.in_use = 0;
        }
    }
}

/// The line of the current instruction.
fn line(m: &Machine<'_>) -> u32 {
    let proto = m.proto();
    let start = proto.span_at(proto.index_of(m.pc)).start;
    u32::try_from(proto.source().line_column(start).0).unwrap_or(u32::MAX)
}

/// Walks to a place for writing. `way` gets the addresses that the walk passes, the end among them.
fn reach(
    m: &mut Machine<'_>,
    operand: Operand<'_>,
    mut way: Option<&mut Vec<*const Owned>>,
) -> Result<Reached, Owned> {
    let cell = last_cell(m, operand)?;
    let (mut place, from) = match &cell {
        Some((cell, from)) => (inside(cell)?, *from),
        None if operand.kind == bytecode::Receiver::Var => (m.reg(operand.root).cast(), 0),
        None => return Err(unchangeable(operand.kind)),
    };
    let mut note = |place: *mut Owned| {
        if let Some(way) = &mut way {
            way.push(place.cast_const());
        }
    };
    note(place);
    for word in &operand.steps[from..] {
        // SAFETY: it starts from a register or the value of a cell of this thread, and each further
        // place is part of what the one before holds alone.
        let container = unsafe { &mut *place };
        place = value::slot_mut(container, raw_step(m, word, container).step())?;
        note(place);
    }
    Ok(Reached { end: place, cell })
}

/// Walks to a place for writing: the receiver of a native that changes it.
pub(super) fn reach_receiver(
    m: &mut Machine<'_>,
    operand: Operand<'_>,
) -> Result<*mut Owned, Owned> {
    reach(m, operand, None).map(|reached| reached.end)
}

/// What a cell stands for.
fn inside(cell: &Owned) -> Result<*mut Owned, Owned> {
    let Some(object) = cell.as_cell() else { unreachable!("it was found to be a cell") };
    // SAFETY: the pointer is used as long as nothing else looks into cells: no code of a script runs
    // before it is gone.
    unsafe { cell_access(object) }.map(|content| &raw mut content.value)
}

/// The last cell on the way to a place, whose value the rest of the path starts from.
pub(super) fn last_cell(
    m: &Machine<'_>,
    operand: Operand<'_>,
) -> Result<Option<(Owned, usize)>, Owned> {
    if !Heap::has_cells() {
        return Ok(None);
    }
    let found = cell_on_way(m, operand.root, operand.steps)?;
    if !operand.enters {
        return Ok(found);
    }
    let end = walk(m, m.get(operand.root), operand.steps)?.no_question()?;
    let mut cell = end.get().clone();
    loop {
        // SAFETY: nothing runs while the pointer is used.
        let content = unsafe { &*inside(&cell)? };
        if content.as_cell().is_none() {
            return Ok(Some((cell, operand.steps.len())));
        }
        cell = content.clone();
    }
}

/// The last cell whose `.value` a path names, and how many steps lead there.
pub(super) fn cell_on_way(
    m: &Machine<'_>,
    root: u16,
    words: &[CodeWord],
) -> Result<Option<(Owned, usize)>, Owned> {
    if !Heap::has_cells() {
        return Ok(None);
    }
    let raws: Vec<_> = words.iter().map(|word| plain_step(m, word.get())).collect();
    let steps: Vec<_> = raws.iter().map(|raw| raw.step()).collect();
    value::last_cell(m.get(root), &steps)
}

/// Where a path that changes something starts: a register, or the value of the last cell on the way;
/// and how many steps lead there.
pub(super) fn start(
    m: &mut Machine<'_>,
    root: u16,
    words: &[CodeWord],
    flags: u8,
) -> Result<(*mut Owned, usize), Owned> {
    match cell_on_way(m, root, words)? {
        Some((cell, from)) => Ok((inside(&cell)?, from)),
        None if flags & READ_ROOT != 0 => Err(unchangeable(bytecode::Receiver::Let)),
        None => Ok((m.reg(root).cast(), 0)),
    }
}

/// Why a place cannot be changed.
#[cold]
fn unchangeable(kind: bytecode::Receiver) -> Owned {
    let why = match kind {
        bytecode::Receiver::Temporary => {
            "nothing names this value, and no cell has it: the change would be lost"
        }
        bytecode::Receiver::Parameter => {
            "this is a part of a parameter without `mut`, and of no cell: copy it to a `var` first"
        }
        bytecode::Receiver::Captured => {
            "this is a part of a captured variable, and of no cell: copy it to a `var` first"
        }
        bytecode::Receiver::Var | bytecode::Receiver::Let | bytecode::Receiver::Bound => {
            "this is a part of a name that cannot be changed, and of no cell: declare it with `var`"
        }
    };
    error(Kind::Type, why)
}

/// `RET_PLACES a`, with the parameters that go back.
pub(super) fn ret_places(m: &mut Machine<'_>) -> Step {
    let (word, mask) = (m.word(), m.extension(1).wide_u32());
    let result = m.take(word.a);
    if m.state().handed.last().is_some_and(|handed| handed.pc.is_null()) {
        drop(m.state().handed.pop());
        let value = if mask & 1 == 0 { Owned::NIL } else { m.take(0) };
        give_back(m, value);
        // Nothing stands between the frame and what called the function.
        return native::returned(m, result);
    }
    if let Some(root) = leave(m, mask) {
        drop(m.take(root));
    }
    let last = m.word();
    m.put(last.a, result);
    m.next(1)
}

/// Pops the frame of a function with `mut` parameters, of which those in `mask` are owned, and gives
/// them back. Gives the root of the receiver if that dies when the call has succeeded.
///
/// Leaves the machine at the last word of the caller's instruction.
pub(super) fn leave(m: &mut Machine<'_>, mask: u32) -> Option<u16> {
    let base = m.save().base;
    let handed = loop {
        let handed = m.state().handed.pop().expect("the frame has an entry");
        // When the program is ended from inside, turns of loops are left open.
        if !is_turn(&handed) {
            break handed;
        }
    };
    debug_assert_eq!(handed.base, base, "frames and entries are in the same order");
    let start = m.state().stack.start().cast();
    if handed.pc.is_null() {
        let value = if mask & 1 == 0 { Owned::NIL } else { m.take(0) };
        // SAFETY: the frame is that of a script function.
        m.restore(unsafe { caller(start, base) });
        give_back(m, value);
        return None;
    }
    let bits = (0..MAX_PLACES).filter(|i| mask >> i & 1 != 0);
    let mut values: Vec<(usize, Owned)> = bits.map(|i| (i, m.take((i * SLOT) as u16))).collect();
    // SAFETY: as above.
    m.restore(unsafe { caller(start, base) });
    let last = std::mem::replace(&mut m.pc, handed.pc);
    free(&handed.cells);
    let receiver = handed.receiver.map(|enters| receiver(m, enters));
    let operands = Operands::of(m, receiver, handed.hidden);
    for (place, operand) in operands.iter().enumerate() {
        let Some(at) = values.iter().position(|(param, _)| *param == operand.param) else {
            continue;
        };
        let (_, value) = values.swap_remove(at);
        let used = handed.cells.iter().find(|used| used.place == place);
        if let Some(end) = walk_back(m, operand, used) {
            // SAFETY: the place was reached just now.
            unsafe { *end = value };
        }
    }
    let word = m.word();
    let dies = receiver.filter(|_| word.op == code::CallMethod && word.flags & KILL_B != 0);
    m.pc = last;
    dies.map(|receiver| receiver.root)
}

/// The receiver of the method call at hand, as a place.
pub(super) fn receiver<'a>(m: &Machine<'a>, enters: bool) -> Operand<'a> {
    let first = m.extension(1);
    let kind = bytecode::Receiver::from_code(first.op).expect("verified code has known receivers");
    let steps = m.words(1 + METHOD_WORDS, usize::from(first.flags));
    Operand { kind, root: first.a, steps, param: 0, enters }
}

/// The place that a value was moved out of. Always found, by the module's invariants.
fn walk_back(
    m: &mut Machine<'_>,
    operand: Operand<'_>,
    used: Option<&InUse>,
) -> Option<*mut Owned> {
    let (mut place, from) = match used {
        Some(used) => {
            // SAFETY: the cell belongs to this thread, and nothing looks into it now.
            let content = unsafe { used.cell.as_cell()?.content() }?;
            (&raw mut content.value, used.from)
        }
        None => (m.reg(operand.root).cast(), 0),
    };
    for word in &operand.steps[from..] {
        // SAFETY: as in `reach`.
        let container = unsafe { &mut *place };
        place = value::slot_mut(container, raw_step(m, word, container).step()).ok()?;
    }
    Some(place)
}

/// What the place among the arguments of a native's call comes back as, as far as that is known: one
/// that the function does not change comes back as it is.
pub(super) fn unchanged(function: &Owned, argument: &Owned) -> Owned {
    let changed = super::proto_of_function(function).is_some_and(|proto| proto.places & 1 != 0);
    if changed { Owned::NIL } else { argument.clone() }
}

/// Gives the place that a native or an operator has handed over back to it.
fn give_back(m: &mut Machine<'_>, value: Owned) {
    if let Some(Then::Called(called)) = m.state().pending.last_mut().map(|p| &mut p.then) {
        called.back = value;
    }
}

/// Starts a function with `mut` parameters that a native or an operator has called with its first
/// argument a place.
pub(super) fn start_called(m: &mut Machine<'_>, callee: Raw, given: Given<'_>) -> Step {
    // SAFETY: the callee stands below its arguments until the call has ended.
    let proto: &Proto = unsafe { &*proto_of_closure(callee) };
    let bytes = proto.frame.max((proto.params.len() + given.count) * SLOT);
    let ready = check_count(proto, given.count)
        .and_then(|()| require(proto, 1, given.count))
        .map_err(Exit::Throw)
        .and_then(|()| m.safepoint())
        .and_then(|()| make_room(m, given, bytes).map_err(Exit::Throw));
    match ready {
        Ok(()) => {}
        Err(Exit::Stop(outcome)) => {
            let first = m.slot_of(m.reg(given.args));
            m.state().stopped = Stopped::Call(Slots::new(first, given.count));
            return Err(Exit::Stop(outcome));
        }
        Err(Exit::Throw(error)) => {
            rescue(m, given, proto.places & 1 != 0);
            return Err(Exit::Throw(error));
        }
    }
    bind_arguments(m, given, proto)?;
    enter(m, callee, given);
    note_called(m);
    Ok(())
}

/// The frame that was entered just now is that of a function which a native or an operator has called
/// with its first argument a place.
pub(super) fn note_called(m: &mut Machine<'_>) {
    let (base, pc) = (m.save().base, std::ptr::null());
    push_in_place(&mut m.state().handed, || {
        let (hidden, receiver, cells) = (0, None, ThinVec::new());
        Handed { base, pc, hidden, receiver, cells, plain: false }
    });
}

/// Gives the place back of a call that does not happen, if it is `changed`, and drops the other
/// arguments.
fn rescue(m: &mut Machine<'_>, given: Given<'_>, changed: bool) {
    let mut arguments = m.take_all(given.args, given.count);
    if changed && let Some(first) = arguments.first_mut() {
        let place = first.take();
        give_back(m, place);
    }
}

/// A turn of `for &`, and no frame.
fn is_turn(handed: &Handed) -> bool {
    // SAFETY: it is null, or an instruction, which lives as long as the VM.
    !handed.pc.is_null() && unsafe { (*handed.pc).op } == code::PlaceTake
}

/// Moves element `a` of what the path of `c` steps from `b` leads to out to `a + 1`.
pub(super) fn place_take(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let words = m.words(1, word.c as usize);
    let cell = cell_on_way(m, word.b, words)?;
    let container = walk_mut(m, word.b, words, word.flags)?;
    let position = m.get(word.a).as_int().and_then(|i| usize::try_from(i).ok());
    // SAFETY: the place was reached just now.
    let Some(value) = position.and_then(|at| lend(unsafe { &mut *container }, at)) else {
        let text = "what this `for &` walks has become shorter meanwhile";
        return Err(error(Kind::Value, text).into());
    };
    // The walk has found the cell free.
    if let Some((cell, from)) = cell {
        let line = line(m);
        begin_use(&cell, line)?;
        let (base, pc) = (m.save().base, m.pc);
        let cells = thin_vec![InUse { place: 0, cell, from }];
        let (hidden, receiver) = (0, None);
        m.state().handed.push(Handed { base, pc, hidden, receiver, cells, plain: false });
    }
    m.put_at(m.reg_after(word.a, 1), value);
    m.next(1 + words.len())
}

/// Puts `a + 1` back to where [`place_take`] took it from.
pub(super) fn place_back(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take_at(m.reg_after(word.a, 1));
    let steps = m.words(1, word.c as usize);
    let base = m.save().base;
    let is_this = m.state().handed.last().is_some_and(|handed| {
        // SAFETY: as in `is_turn`.
        handed.base == base && is_turn(handed) && unsafe { (*handed.pc).a } == word.a
    });
    let turn = if is_this { m.state().handed.pop() } else { None };
    if let Some(turn) = &turn {
        free(&turn.cells);
    }
    let used = turn.as_ref().and_then(|turn| turn.cells.first());
    let kind = bytecode::Receiver::Var;
    let operand = Operand { kind, root: word.b, steps, param: 0, enters: false };
    let position = m.get(word.a).as_int().and_then(|i| usize::try_from(i).ok());
    if let (Some(container), Some(at)) = (walk_back(m, operand, used), position) {
        // SAFETY: the place was reached just now.
        restore(unsafe { &mut *container }, at, value);
    }
    m.next(1 + steps.len())
}

/// Moves element `at` of a list, or the value of entry `at` of a map, out.
fn lend(container: &mut Owned, at: usize) -> Option<Owned> {
    match container.list_mut() {
        Some(list) => (at < list.len()).then(|| list.lend(at)),
        None => container.map_mut()?.nth_mut(at).map(Owned::take),
    }
}

/// Puts it back.
fn restore(container: &mut Owned, at: usize, value: Owned) {
    if let Some(list) = container.list_mut() {
        if at < list.len() {
            list.set(at, value);
        }
    } else if let Some(place) = container.map_mut().and_then(|map| map.nth_mut(at)) {
        *place = value;
    }
}
