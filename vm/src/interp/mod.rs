//! The interpreter: the dispatch loop, and nothing else.
//!
//! [`execute`] runs a thread until its slice ends. Each arm of its `match` does one operation on
//! numbers, or whatever else needs no more than a few machine instructions, and goes on with
//! `continue`. An arm that finds anything else falls out of the `match`: the operation is done in
//! full by [`slow`], outside, and the loop goes on from the state that it leaves. So:
//!
//! - an arm drops no last reference: kill flags matter to slow paths only, since a number needs no
//!   drop, and [`try_release`] leaves the last one to them;
//! - an arm writes nothing before it is sure to finish;
//! - an arm calls nothing, with one exception: the [`Shortcut`](crate::native::Shortcut) of a native,
//!   which keeps the same rules. What never gets by without a call says so: `outside!` saves the
//!   state, and goes straight to what does it.
//!
//! # What makes it fast
//!
//! Measured on a prototype; look at the assembly after changing anything here.
//!
//! - The state is in four local variables: place, base, constants, fuel. As fields of a record they
//!   would be in memory at every instruction.
//! - Operands are byte offsets; a register access is one addition.
//! - Two operands are compared by tag first, then the tag decides between int and float.
//! - Conditional jumps are branches, not conditional moves of the place: [`taken`].
//! - A value is copied as two words: fused into one 16-byte move it would wait for both halves to
//!   leave the store buffer: [`load`].
//!
//! # Safety
//!
//! As the text of [`machine`] says: code is verified, so registers, constants and jump targets that
//! it names exist, and a register that it reads holds a value.

#![expect(unsafe_code, reason = "registers are read unchecked, as verified code says")]

mod access;
mod arith;
mod call;
mod code;
mod data;
mod death;
mod import;
mod iter;
mod machine;
mod method;
mod names;
mod native;
mod operators;
mod places;
mod quick;
mod records;
mod run;
mod sample;
mod slots;
mod slow;
#[cfg(all(test, not(loom)))]
mod tests;
mod threads;
mod unwind;

use std::arch::asm;
use std::hint::unreachable_unchecked;
use std::ptr::with_exposed_provenance;

pub(crate) use code::{CALL_DIRECT, CALL_NATIVE, CALL_SHORT, JUMP_BACK_ITER, JUMP_BACK_RANGE};
pub(crate) use machine::proto_of;
pub(crate) use operators::Asked;
pub(crate) use places::refuse_places;
pub(crate) use run::{entry, is_running, registers_of};
pub(crate) use unwind::abandon;

use crate::{
    link::{Cell, CodeWord, DIRECT, KnownMethod, LINK, PLAIN, Proto, SLOT, Word},
    rc,
    sched::Outcome,
    symbols::Symbol,
    thread::{Handed, Place},
    value::{
        Closure, ListObject, Owned, Packing, Raw, RecordObject,
        tag::{ABSENT, FALSE, FLOAT, FUNCTION, HEAP, INT, LIST, NIL, RECORD, TRUE},
    },
};
use lisle_compiler::bytecode::{
    METHOD_WORDS, Receiver,
    op::{BORROWED, INCLUSIVE, KILL_A, KILL_B, KILL_C, PAIR, READ_ROOT},
};
use machine::Machine;
use slots::{Spot, change, field_slot, own_element, part, step_at, walked};
use thin_vec::ThinVec;

/// Runs a thread until its slice ends. `PROFILED`: it looks before each instruction whether a sample
/// is due; this loop is compiled twice, so that the other one pays nothing.
#[inline(never)]
fn execute<const PROFILED: bool>(m: &mut Machine<'_>) -> Outcome {
    let (mut pc, mut base, mut constants, mut fuel) = (m.pc, m.base, m.constants, m.fuel);
    let mut limit = m.limit;
    let (clock, mut seen) = if PROFILED { sample::start(m) } else { (None, 0) };

    /// The address of a register.
    macro_rules! reg {
        ($operand:expr) => {{
            let address = base.add($operand as usize);
            debug_assert!(address < limit, "a register is inside the stack");
            address.cast::<Raw>()
        }};
    }
    /// Goes on with the next instruction.
    macro_rules! next {
        () => {{
            pc = pc.add(1);
            continue;
        }};
    }
    /// The same, by a jump of its own: what ends alike shares its end otherwise, and the processor
    /// cannot tell from a jump that is shared what comes next.
    macro_rules! next_apart {
        () => {{
            pc = pc.add(1);
            // Unlike any other end.
            asm!("/* {} */", const line!(), options(nomem, nostack, preserves_flags));
            continue;
        }};
    }
    /// Jumps when the condition holds, else goes on.
    macro_rules! jump_if {
        ($condition:expr, $offset:expr) => {{
            if $condition {
                taken();
                pc = pc.offset($offset as isize + 1);
            } else {
                pc = pc.add(1);
            }
            continue;
        }};
    }
    /// `a = b op c` on two ints or two floats.
    macro_rules! arith {
        ($w:expr, $q:expr, $checked:ident, $float:tt) => {{
            let (p, q): (*mut Raw, *const Raw) = (reg!($w.b), $q);
            let t = (*p).tag;
            if t == (*q).tag {
                if t == INT {
                    if let Some(n) = (*p).as_i64().$checked((*q).as_i64()) {
                        store(reg!($w.a), Raw::int(n));
                        next!();
                    }
                } else if t == FLOAT {
                    store(reg!($w.a), Raw::float((*p).as_f64() $float (*q).as_f64()));
                    next_apart!();
                }
            } else if numbers(t, (*q).tag) {
                store(reg!($w.a), Raw::float(as_f64(p) $float as_f64(q)));
                next!();
            }
        }};
    }
    /// `a = b op immediate`.
    macro_rules! arith_imm {
        ($w:expr, $checked:ident, $float:tt) => {{
            let p = reg!($w.b);
            let n = $w.c.cast_signed();
            if (*p).tag == INT {
                if let Some(n) = (*p).as_i64().$checked(i64::from(n)) {
                    store(reg!($w.a), Raw::int(n));
                    next!();
                }
            } else if (*p).tag == FLOAT {
                store(reg!($w.a), Raw::float((*p).as_f64() $float f64::from(n)));
                next!();
            }
        }};
    }
    /// `a = b / c`.
    macro_rules! divide {
        ($w:expr, $q:expr) => {{
            let (p, q): (*mut Raw, *const Raw) = (reg!($w.b), $q);
            if (*p).tag == FLOAT && (*q).tag == FLOAT {
                store(reg!($w.a), Raw::float((*p).as_f64() / (*q).as_f64()));
                next_apart!();
            }
            if numbers((*p).tag, (*q).tag) && !((*q).tag == INT && (*q).bits == 0) {
                store(reg!($w.a), Raw::float(as_f64(p) / as_f64(q)));
                next_apart!();
            }
        }};
    }
    /// `a = b % c` on two ints.
    macro_rules! remainder {
        ($w:expr, $q:expr) => {{
            let (p, q): (*mut Raw, *const Raw) = (reg!($w.b), $q);
            if (*p).tag == INT && (*q).tag == INT {
                let (x, y) = ((*p).as_i64(), (*q).as_i64());
                // 0 and -1 are not ordinary.
                if (y as u64).wrapping_add(1) > 1 {
                    store(reg!($w.a), Raw::int(floor_rem(x, y)));
                    next!();
                }
            }
        }};
    }
    /// `a = b op c` on two ints.
    macro_rules! bits {
        ($w:expr, $x:ident, $y:ident, $result:expr) => {{
            let (p, q) = (reg!($w.b), reg!($w.c));
            if (*p).tag == INT && (*q).tag == INT {
                let ($x, $y) = ((*p).as_i64(), (*q).as_i64());
                store(reg!($w.a), Raw::int($result));
                next!();
            }
        }};
    }
    /// What two ints or two floats give.
    macro_rules! compare {
        ($p:expr, $q:expr, $x:ident, $y:ident, $holds:expr, $use:ident, $($rest:tt)*) => {{
            let (p, q) = ($p, $q);
            let t = (*p).tag;
            if t == (*q).tag {
                if t == INT {
                    let ($x, $y) = ((*p).as_i64(), (*q).as_i64());
                    $use!($holds, $($rest)*);
                } else if t == FLOAT {
                    let ($x, $y) = ((*p).as_f64(), (*q).as_f64());
                    $use!($holds, $($rest)*);
                }
            }
        }};
    }
    /// A comparison with an immediate, and a jump.
    macro_rules! compare_imm {
        ($w:expr, $x:ident, $y:ident, $holds:expr) => {{
            let p = reg!($w.a);
            let n = $w.b.cast_signed();
            if (*p).tag == INT {
                let ($x, $y) = ((*p).as_i64(), i64::from(n));
                jump_if!($holds, $w.c.cast_signed());
            } else if (*p).tag == FLOAT {
                let ($x, $y) = ((*p).as_f64(), f64::from(n));
                jump_if!($holds, $w.c.cast_signed());
            }
        }};
    }
    /// Writes a bool to the register.
    macro_rules! put_bool {
        ($condition:expr, $register:expr) => {{
            let value = Raw::bool($condition);
            store($register, value);
            next!();
        }};
    }
    /// Whether two values are equal, where that takes no call.
    macro_rules! equal {
        ($p:expr, $q:expr, $equal:ident, $use:ident, $($rest:tt)*) => {{
            let (p, q): (*const Raw, *const Raw) = ($p, $q);
            let (t, u) = ((*p).tag, (*q).tag);
            if t == INT && u == INT {
                let $equal = (*p).bits == (*q).bits;
                $use!($($rest)*);
            } else if t == FLOAT && u == FLOAT {
                let $equal = (*p).as_f64() == (*q).as_f64();
                $use!($($rest)*);
            } else if t < HEAP && u < HEAP && !numbers(t, u) {
                // Short strings too are equal exactly when they are the same.
                let $equal = t == u && (*p).bits == (*q).bits;
                $use!($($rest)*);
            } else if (t < INT || u < INT) && (*pc).flags & (KILL_A | KILL_B | KILL_C) == 0 {
                // Nil or a bool beside an object.
                let $equal = false;
                $use!($($rest)*);
            }
        }};
    }
    /// Enters a function whose arguments need no binding, if there is fuel and room.
    macro_rules! enter {
        ($closure:expr, $proto:expr) => {{
            let proto: *const Proto = $proto;
            let new = base.add((*pc).a as usize + LINK);
            if fuel > 0 && new.wrapping_add((*proto).frame) <= limit {
                push_frame!($closure, proto, new, 1);
            }
        }};
    }
    /// Enters a function whose arguments are in place, from an instruction of so many words.
    macro_rules! push_frame {
        ($closure:expr, $proto:ident, $new:ident, $length:expr) => {{
            fuel -= 1;
            store($new.sub(LINK).cast(), Raw { tag: FUNCTION, bits: $closure });
            let back = pc.add($length).addr() as u64;
            store($new.sub(SLOT).cast(), Raw { tag: back, bits: constants.addr() as u64 });
            base = $new;
            constants = (*$proto).constants;
            pc = (*$proto).code;
            continue;
        }};
    }
    /// Notes that the frame at `$new` has places of the instruction at hand, if that takes no call.
    macro_rules! hand_over {
        ($new:ident, $hidden:expr, $receiver:expr) => {{
            let state = &mut *m.state;
            let at = $new.addr() - state.stack.start().addr();
            let handed = &mut state.handed;
            let room = handed.len() < handed.capacity();
            if room {
                let (base, hidden, receiver, cells) = (at, $hidden, $receiver, ThinVec::new());
                let entry = Handed { base, pc, hidden, receiver, cells, plain: true };
                handed.as_mut_ptr().add(handed.len()).write(entry);
                handed.set_len(handed.len() + 1);
            }
            room
        }};
    }
    /// Done outside by `$step`, with the state in the machine meanwhile.
    macro_rules! outside {
        ($step:expr) => {{
            (m.pc, m.base, m.constants, m.fuel) = (pc, base, constants, fuel);
            let from = if PROFILED { m.save() } else { Place::ENDED };
            let outcome = $step;
            if PROFILED {
                sample::after(m, from, outcome);
                seen = sample::seen();
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
            (pc, base, constants, fuel) = (m.pc, m.base, m.constants, m.fuel);
            limit = m.limit;
        }};
    }
    /// Returns a value to the caller.
    macro_rules! leave {
        ($value:expr) => {{
            let value: Raw = $value;
            let link = base.sub(SLOT).cast::<Raw>();
            let back: *const Word = with_exposed_provenance((*link).tag as usize);
            constants = with_exposed_provenance((*link).bits as usize);
            let result = base.sub(LINK);
            store(result.cast(), value);
            base = result.sub(step_at(back.sub(1), 0).a as usize);
            pc = back;
            continue;
        }};
    }
    /// One turn of a range loop whose instruction is at `$at`.
    macro_rules! range_turn {
        ($at:expr) => {{
            let at: *const Word = $at;
            let p = reg!((*at).a);
            let turns = (*p.add(1)).bits;
            if turns != 0 {
                (*p.add(1)).bits = turns - 1;
                let n = (*p).bits.wrapping_add((*p.add(2)).bits);
                (*p).bits = n;
                store(p.add(3), Raw { tag: INT, bits: n });
                pc = at.add(1);
            } else {
                taken();
                pc = at.offset((*at).wide_i32() as isize + 1);
            }
            continue;
        }};
    }

    /// One turn of a walk over a list. Its `IterNext` is at `$at`, whose first operand and flags are
    /// those of the instruction at hand too.
    macro_rules! walk_turn {
        ($at:expr) => {{
            let p = reg!((*pc).a);
            if (*p).tag == LIST {
                let list = rc::body::<ListObject>(*p);
                let index = (*p.add(1)).bits;
                if index >= list.len() as u64 {
                    taken();
                    let at: *const Word = $at;
                    pc = at.offset((*at).wide_i32() as isize + 1);
                    continue;
                }
                let packing = list.packing();
                if packing > Packing::Bools {
                    let bits = *list.start::<u64>().add(index as usize);
                    walked_to!($at, p, index, Raw { tag: packing as u64, bits });
                } else if packing == Packing::Values {
                    let value = load(list.start::<Raw>().add(index as usize));
                    if (*pc).flags & BORROWED != 0 || rc::try_retain(value) {
                        walked_to!($at, p, index, value);
                    }
                } else {
                    let bool = *list.start::<bool>().add(index as usize);
                    walked_to!($at, p, index, Raw::bool(bool));
                }
            }
        }};
    }
    /// Gives the body of a loop the element that its walk has come to.
    macro_rules! walked_to {
        ($at:expr, $p:ident, $index:ident, $element:expr) => {{
            let element: Raw = $element;
            (*$p.add(1)).bits = $index + 1;
            if (*pc).flags & PAIR != 0 {
                store($p.add(3), Raw { tag: INT, bits: $index });
                store($p.add(4), element);
                pc = $at;
                next_apart!();
            }
            store($p.add(3), element);
            pc = $at;
            next!();
        }};
    }

    loop {
        if PROFILED && clock.is_some_and(|clock| clock.ticks() != seen) {
            (m.pc, m.base, m.constants) = (pc, base, constants);
            sample::take(m);
            seen = sample::seen();
        }
        // SAFETY: the module's text.
        unsafe {
            // The operands are read where they are used: the less stands here, the more of the
            // arms get a copy of the dispatch.
            match (*pc).op {
                code::Copy => {
                    let value = load(reg!((*pc).b));
                    if rc::try_retain(value) {
                        store(reg!((*pc).a), value);
                        next!();
                    }
                }
                code::Move => {
                    store(reg!((*pc).a), load(reg!((*pc).b)));
                    next!();
                }
                code::LoadNil => {
                    store(reg!((*pc).a), Raw::NIL);
                    next!();
                }
                code::LoadBool => {
                    store(reg!((*pc).a), Raw { tag: FALSE + u64::from((*pc).b), bits: 0 });
                    next!();
                }
                code::LoadInt => {
                    store(reg!((*pc).a), Raw::int((*pc).wide_i32().into()));
                    next!();
                }
                code::LoadConst => {
                    if (*pc).flags & DIRECT == 0 {
                        store(reg!((*pc).a), load(constants.add((*pc).wide_u32() as usize)));
                        next!();
                    }
                }
                code::Drop => {
                    if rc::try_release(load(reg!((*pc).a))) {
                        next!();
                    }
                    outside!(slow::done(m, data::drop_register));
                    continue;
                }
                code::GetGlobal => {
                    if (*pc).flags & DIRECT == 0 {
                        let value = (*constants.add((*pc).b as usize).cast::<Cell>()).load();
                        let borrowed = (*pc).flags & BORROWED != 0;
                        if value.tag != ABSENT && (borrowed || rc::try_retain(value)) {
                            store(reg!((*pc).a), value);
                            next!();
                        }
                    }
                }
                code::GetCapture => {
                    let closure = *base.sub(LINK).cast::<Raw>();
                    let captures = rc::body::<Closure>(closure).captures_ptr();
                    store(reg!((*pc).a), load(captures.add((*pc).b as usize)));
                    next!();
                }
                code::GetSelfFn => {
                    store(reg!((*pc).a), load(base.sub(LINK).cast()));
                    next!();
                }

                code::Add => arith!((*pc), reg!((*pc).c), checked_add, +),
                code::Sub => arith!((*pc), reg!((*pc).c), checked_sub, -),
                code::Mul => arith!((*pc), reg!((*pc).c), checked_mul, *),
                code::AddConst => arith!((*pc), constants.add((*pc).c as usize), checked_add, +),
                code::SubConst => arith!((*pc), constants.add((*pc).c as usize), checked_sub, -),
                code::MulConst => arith!((*pc), constants.add((*pc).c as usize), checked_mul, *),
                code::AddImm => arith_imm!((*pc), checked_add, +),
                code::SubImm => arith_imm!((*pc), checked_sub, -),
                code::MulImm => arith_imm!((*pc), checked_mul, *),
                code::Div => divide!((*pc), reg!((*pc).c)),
                code::DivConst => divide!((*pc), constants.add((*pc).c as usize)),
                code::FloorDiv => {
                    let (p, q) = (reg!((*pc).b), reg!((*pc).c));
                    if (*p).tag == INT && (*q).tag == INT {
                        let (x, y) = ((*p).as_i64(), (*q).as_i64());
                        if (y as u64).wrapping_add(1) > 1 {
                            store(reg!((*pc).a), Raw::int(floor_div(x, y)));
                            next!();
                        }
                    }
                }
                code::Rem => remainder!((*pc), reg!((*pc).c)),
                code::RemConst => remainder!((*pc), constants.add((*pc).c as usize)),
                code::FloorDivImm => {
                    let p = reg!((*pc).b);
                    let y = i64::from((*pc).c.cast_signed());
                    if (*p).tag == INT && y > 0 {
                        store(reg!((*pc).a), Raw::int(floor_div((*p).as_i64(), y)));
                        next!();
                    }
                }
                code::RemImm => {
                    let p = reg!((*pc).b);
                    let y = i64::from((*pc).c.cast_signed());
                    if (*p).tag == INT && y > 0 {
                        store(reg!((*pc).a), Raw::int(floor_rem((*p).as_i64(), y)));
                        next!();
                    }
                }
                code::BitAnd => bits!((*pc), x, y, x & y),
                code::BitOr => bits!((*pc), x, y, x | y),
                code::BitXor => bits!((*pc), x, y, x ^ y),
                code::Shl => {
                    let (p, q) = (reg!((*pc).b), reg!((*pc).c));
                    if (*p).tag == INT && (*q).tag == INT && (*q).bits < 64 {
                        store(reg!((*pc).a), Raw::int((*p).as_i64() << (*q).bits));
                        next!();
                    }
                }
                code::Shr => {
                    let (p, q) = (reg!((*pc).b), reg!((*pc).c));
                    if (*p).tag == INT && (*q).tag == INT && (*q).bits < 64 {
                        store(reg!((*pc).a), Raw::int((*p).as_i64() >> (*q).bits));
                        next!();
                    }
                }
                code::Neg => {
                    let p = reg!((*pc).b);
                    if (*p).tag == INT && (*p).as_i64() != i64::MIN {
                        store(reg!((*pc).a), Raw::int(-(*p).as_i64()));
                        next!();
                    } else if (*p).tag == FLOAT {
                        store(reg!((*pc).a), Raw::float(-(*p).as_f64()));
                        next!();
                    }
                }
                code::BitNot => {
                    let p = reg!((*pc).b);
                    if (*p).tag == INT {
                        store(reg!((*pc).a), Raw::int(!(*p).as_i64()));
                        next!();
                    }
                }
                code::Not => {
                    let t = (*reg!((*pc).b)).tag;
                    if t < HEAP {
                        put_bool!(t < TRUE, reg!((*pc).a));
                    }
                }
                code::Eq => {
                    equal!(reg!((*pc).b), reg!((*pc).c), equal, put_bool, equal, reg!((*pc).a))
                }
                code::Ne => {
                    equal!(reg!((*pc).b), reg!((*pc).c), equal, put_bool, !equal, reg!((*pc).a))
                }
                code::Lt => {
                    compare!(reg!((*pc).b), reg!((*pc).c), x, y, x < y, put_bool, reg!((*pc).a))
                }
                code::Le => {
                    compare!(
                        reg!((*pc).b),
                        reg!((*pc).c),
                        x,
                        y,
                        !less(y, x),
                        put_bool,
                        reg!((*pc).a)
                    );
                }
                code::IsType => {
                    let t = (*reg!((*pc).b)).tag;
                    if t < HEAP {
                        put_bool!(is_type(t, (*pc).c), reg!((*pc).a));
                    }
                }

                code::Jump => {
                    pc = pc.offset((*pc).wide_i32() as isize + 1);
                    continue;
                }
                code::JumpBack => {
                    if fuel > 0 {
                        fuel -= 1;
                        pc = pc.offset((*pc).wide_i32() as isize + 1);
                        continue;
                    }
                }
                JUMP_BACK_RANGE => {
                    if fuel > 0 {
                        fuel -= 1;
                        range_turn!(pc.offset((*pc).wide_i32() as isize + 1));
                    }
                }
                JUMP_BACK_ITER => {
                    if fuel > 0 {
                        fuel -= 1;
                        walk_turn!(pc.offset((*pc).wide_i32() as isize + 1));
                        pc = pc.offset((*pc).wide_i32() as isize + 1);
                    }
                }
                code::JumpIf => {
                    let t = (*reg!((*pc).a)).tag;
                    if t < HEAP || (*pc).flags & KILL_A == 0 || rc::try_release(*reg!((*pc).a)) {
                        jump_if!(t >= TRUE, (*pc).wide_i32());
                    }
                }
                code::JumpIfNot => {
                    let t = (*reg!((*pc).a)).tag;
                    if t < HEAP || (*pc).flags & KILL_A == 0 || rc::try_release(*reg!((*pc).a)) {
                        jump_if!(t < TRUE, (*pc).wide_i32());
                    }
                }
                code::JumpIfNil => {
                    let t = (*reg!((*pc).a)).tag;
                    if t < HEAP || (*pc).flags & KILL_A == 0 || rc::try_release(*reg!((*pc).a)) {
                        jump_if!(t == NIL, (*pc).wide_i32());
                    }
                }
                code::JumpIfSome => {
                    let t = (*reg!((*pc).a)).tag;
                    if t < HEAP || (*pc).flags & KILL_A == 0 || rc::try_release(*reg!((*pc).a)) {
                        jump_if!(t != NIL, (*pc).wide_i32());
                    }
                }
                code::JumpIfGiven => jump_if!((*reg!((*pc).a)).tag != ABSENT, (*pc).wide_i32()),
                code::JumpLt => {
                    let j = (*pc).c.cast_signed();
                    compare!(reg!((*pc).a), reg!((*pc).b), x, y, x < y, jump_if, j);
                }
                code::JumpLe => {
                    let j = (*pc).c.cast_signed();
                    compare!(reg!((*pc).a), reg!((*pc).b), x, y, !less(y, x), jump_if, j);
                }
                code::JumpNotLt => {
                    let j = (*pc).c.cast_signed();
                    compare!(reg!((*pc).a), reg!((*pc).b), x, y, !less(x, y), jump_if, j);
                }
                code::JumpNotLe => {
                    let j = (*pc).c.cast_signed();
                    compare!(reg!((*pc).a), reg!((*pc).b), x, y, y < x, jump_if, j);
                }
                code::JumpEq => {
                    let j = (*pc).c.cast_signed();
                    equal!(reg!((*pc).a), reg!((*pc).b), equal, jump_if, equal, j);
                }
                code::JumpNe => {
                    let j = (*pc).c.cast_signed();
                    equal!(reg!((*pc).a), reg!((*pc).b), equal, jump_if, !equal, j);
                }
                code::JumpEqConst => {
                    let j = (*pc).c.cast_signed();
                    equal!(
                        reg!((*pc).a),
                        constants.add((*pc).b as usize),
                        equal,
                        jump_if,
                        equal,
                        j
                    );
                }
                code::JumpNeConst => {
                    let j = (*pc).c.cast_signed();
                    equal!(
                        reg!((*pc).a),
                        constants.add((*pc).b as usize),
                        equal,
                        jump_if,
                        !equal,
                        j
                    );
                }
                code::JumpLtImm => compare_imm!((*pc), x, y, x < y),
                code::JumpLeImm => compare_imm!((*pc), x, y, !less(y, x)),
                code::JumpGtImm => compare_imm!((*pc), x, y, y < x),
                code::JumpGeImm => compare_imm!((*pc), x, y, !less(x, y)),
                code::JumpNotLtImm => compare_imm!((*pc), x, y, !less(x, y)),
                code::JumpNotLeImm => compare_imm!((*pc), x, y, y < x),
                code::JumpNotGtImm => compare_imm!((*pc), x, y, !less(y, x)),
                code::JumpNotGeImm => compare_imm!((*pc), x, y, x < y),
                code::JumpEqImm => {
                    let p = reg!((*pc).a);
                    if (*p).tag == INT {
                        jump_if!(
                            (*p).as_i64() == i64::from((*pc).b.cast_signed()),
                            (*pc).c.cast_signed()
                        );
                    }
                }
                code::JumpNeImm => {
                    let p = reg!((*pc).a);
                    if (*p).tag == INT {
                        jump_if!(
                            (*p).as_i64() != i64::from((*pc).b.cast_signed()),
                            (*pc).c.cast_signed()
                        );
                    }
                }

                code::RangeLoopStart => {
                    let p = reg!((*pc).a);
                    let step = (*p.add(2)).as_i64();
                    if (*p).tag == INT
                        && (*p.add(1)).tag == INT
                        && (*p.add(2)).tag == INT
                        && step == 1
                    {
                        let (first, end) = ((*p).as_i64(), (*p.add(1)).as_i64());
                        let inclusive = u64::from((*pc).flags & INCLUSIVE != 0);
                        let turns = if first <= end {
                            (end.wrapping_sub(first) as u64).saturating_add(inclusive)
                        } else {
                            0
                        };
                        (*p).bits = first.wrapping_sub(1) as u64;
                        (*p.add(1)).bits = turns;
                        next!();
                    }
                }
                code::RangeLoop => range_turn!(pc),
                code::IterNext => walk_turn!(pc),

                code::GetField => {
                    if let Some(slot) = field_slot(reg!((*pc).b), step_at(pc, 1)) {
                        let value = load(slot);
                        if rc::try_retain(value) {
                            store(reg!((*pc).a), value);
                            pc = pc.add(2);
                            continue;
                        }
                    }
                }
                code::SetField => {
                    let p: *mut Raw = reg!((*pc).a);
                    if (*pc).flags & READ_ROOT == 0
                        && let Some(slot) = field_slot(p, step_at(pc, 1))
                        && rc::is_unique(*p)
                        && rc::try_release(load(slot))
                    {
                        store(slot, load(reg!((*pc).c)));
                        pc = pc.add(2);
                        continue;
                    }
                }
                code::GetPath => {
                    if let Some(value) = part(pc, base, reg!((*pc).b))
                        && rc::try_retain(value)
                    {
                        store(reg!((*pc).a), value);
                        pc = pc.add(1 + (*pc).c as usize);
                        continue;
                    }
                }
                code::SetPath => {
                    let new = |old| rc::try_release(old).then(|| load(reg!((*pc).b)));
                    if change(pc, base, reg!((*pc).a), 1, new) {
                        pc = pc.add(1 + (*pc).c as usize);
                        continue;
                    }
                }
                code::UpdatePath => {
                    // What it needs is read last: there are not so many registers.
                    let new = |old| update((*pc.add(1)).op, old, *reg!((*pc).b));
                    if change(pc, base, reg!((*pc).a), 2, new) {
                        pc = pc.add(2 + (*pc).c as usize);
                        continue;
                    }
                }
                code::GetIndex => {
                    let (p, q) = (reg!((*pc).b), reg!((*pc).c));
                    if (*p).tag == LIST && (*q).tag == INT {
                        let list = rc::body::<ListObject>(*p);
                        let at = (*q).bits;
                        if at < list.len() as u64 {
                            let spot = Spot::element(list, at);
                            if let Spot::Value(place) = spot {
                                let value = load(place);
                                if rc::try_retain(value) {
                                    store(reg!((*pc).a), value);
                                    next!();
                                }
                            } else {
                                store(reg!((*pc).a), spot.load());
                                next!();
                            }
                        }
                    }
                    outside!(slow::done(m, access::get_index));
                    continue;
                }
                code::SetIndex => {
                    let (p, q) = (reg!((*pc).a), reg!((*pc).b));
                    if (*p).tag == LIST && (*q).tag == INT && rc::is_unique(*p) {
                        let list = rc::body::<ListObject>(*p);
                        let at = (*q).bits;
                        if at < list.len() as u64
                            && Spot::element(list, at).replace(load(reg!((*pc).c)))
                        {
                            next!();
                        }
                    }
                    outside!(slow::done(m, access::set_index));
                    continue;
                }

                // Common, and nothing that could be done here.
                code::NewRecord => {
                    outside!(slow::done(m, records::new_record));
                    continue;
                }
                code::NewList => {
                    outside!(slow::done(m, data::new_list));
                    continue;
                }
                code::Concat => {
                    outside!(slow::done(m, data::concat));
                    continue;
                }
                code::ListAppend => {
                    outside!(slow::done(m, data::list_append));
                    continue;
                }
                code::Closure => {
                    outside!(slow::done(m, data::closure));
                    continue;
                }
                code::Spawn => {
                    outside!(slow::done(m, threads::spawn));
                    continue;
                }
                CALL_NATIVE => {
                    outside!(quick::call_native(m));
                    continue;
                }

                code::Call => {
                    let callee = load(reg!((*pc).b));
                    if callee.tag == FUNCTION {
                        let proto = proto_of_closure(callee);
                        if (*proto).exact == u32::from((*pc).c) {
                            enter!(callee.bits, proto);
                        }
                    }
                }
                CALL_DIRECT => {
                    let direct = constants.add((*pc).b as usize);
                    enter!((*direct).tag, with_exposed_provenance((*direct).bits as usize));
                }
                CALL_SHORT => {
                    let direct = constants.add((*pc).b as usize);
                    let proto: *const Proto = with_exposed_provenance((*direct).bits as usize);
                    let new = base.add((*pc).a as usize + LINK);
                    if fuel > 0 && new.wrapping_add((*proto).frame) <= limit {
                        let params = &(*proto).params;
                        for i in (*pc).c as usize..params.len() {
                            store(new.add(i * SLOT).cast(), Raw { tag: ABSENT, bits: 0 });
                        }
                        push_frame!((*direct).tag, proto, new, 1);
                    }
                }
                code::CallMethod => {
                    let (word, first) = (*pc, *pc.add(1));
                    if word.flags & PLAIN != 0 {
                        let root = reg!(first.a);
                        let cache = &*pc.add(2).cast::<CodeWord>();
                        if first.flags == 0
                            && (*root).tag >= HEAP
                            && let Some(known) = cache
                                .method(rc::class_of(*root))
                                .or_else(|| own_method(*root, *pc.add(METHOD_WORDS)))
                        {
                            let dies = word.flags & KILL_B != 0;
                            let is_var = first.op == Receiver::Var as u8;
                            if let Some(proto) = known.as_script()
                                && (*proto).arity == u32::from(word.c) + 1
                                && fuel > 0
                                && let new = base.add(word.a as usize + LINK)
                                && new.wrapping_add((*proto).frame) <= limit
                            {
                                let (receiver, places) = (load(root), (*proto).places);
                                let function = (*proto).function.bits;
                                if places == 0 && (dies || rc::try_retain(receiver)) {
                                    if dies {
                                        // It is still owned here when the method throws.
                                        store(root, Raw::NIL);
                                    }
                                    store(new.cast(), receiver);
                                    push_frame!(function, proto, new, 1 + METHOD_WORDS);
                                }
                                if places == 1 && is_var && !dies && hand_over!(new, 1, Some(false))
                                {
                                    store(new.cast(), receiver);
                                    store(root, Raw::NIL);
                                    push_frame!(function, proto, new, 1 + METHOD_WORDS);
                                }
                            } else if let Some(native) = known.as_native()
                                && (*native).takes_exactly(word.c.into())
                            {
                                if let Some(shortcut) = (*native).shortcut {
                                    let args: *mut Owned = reg!(word.a).add(LINK / SLOT + 1).cast();
                                    let args = std::slice::from_raw_parts_mut(args, word.c.into());
                                    if !dies
                                        && (is_var || !(*native).mutating)
                                        && let Some(value) =
                                            (shortcut.at_once)(&mut *root.cast(), args)
                                    {
                                        store(reg!(word.a), value.into_raw());
                                        fuel -= 1;
                                        pc = pc.add(1 + METHOD_WORDS);
                                        continue;
                                    }
                                    if let Some(or_park) = shortcut.or_park {
                                        outside!(quick::call_or_park(m, &*native, or_park));
                                        continue;
                                    }
                                }
                                if let Some(loan) = &(*native).loan {
                                    outside!(quick::call_lending(m, &*native, loan));
                                    continue;
                                }
                                if !(*native).mutating {
                                    outside!(quick::call_known(m, &*native));
                                    continue;
                                }
                            }
                        }
                        outside!(quick::call_method(m));
                        continue;
                    }
                }
                code::CallPlaces => {
                    let (word, callee) = (*pc, load(reg!((*pc).b)));
                    if word.flags & PLAIN != 0 && callee.tag == FUNCTION {
                        let proto = proto_of_closure(callee);
                        let new = base.add(word.a as usize + LINK);
                        let count = (*pc.add(2)).b as usize;
                        let mut places = 0;
                        for i in 0..count {
                            places |= 1 << (*pc.add(3 + i)).c;
                        }
                        if (*proto).arity == u32::from(word.c)
                            && (*proto).places == places
                            && fuel > 0
                            && new.wrapping_add((*proto).frame) <= limit
                            && hand_over!(new, 0, None)
                        {
                            for i in 0..count {
                                let place = *pc.add(3 + i);
                                let root = reg!(place.b);
                                store(new.add(place.c as usize * SLOT).cast(), load(root));
                                store(root, Raw::NIL);
                            }
                            push_frame!(callee.bits, proto, new, 3 + count);
                        }
                    }
                }
                code::PlaceTake => {
                    let word = *pc;
                    if let Some(list) = walked(pc, base, reg!(word.b))
                        && let Some(element) = own_element(list, reg!(word.a), word.flags)
                    {
                        store(reg!(word.a).add(1), element.load());
                        if let Spot::Value(place) = element {
                            store(place, Raw::NIL);
                        }
                        pc = pc.add(1 + word.c as usize);
                        continue;
                    }
                }
                code::PlaceBack => {
                    let word = *pc;
                    // A turn that has an entry of its own had a cell on its way.
                    let state = &*m.state;
                    let at = base.addr() - state.stack.start().addr();
                    let is_turn = |last: &Handed| {
                        last.base == at
                            && !last.plain
                            && !last.pc.is_null()
                            && (*last.pc).op == code::PlaceTake
                    };
                    if !state.handed.last().is_some_and(is_turn)
                        && let Some(list) = walked(pc, base, reg!(word.b))
                        && let Some(element) = own_element(list, reg!(word.a), word.flags)
                        && element.replace(load(reg!(word.a).add(1)))
                    {
                        pc = pc.add(1 + word.c as usize);
                        continue;
                    }
                }
                code::RetPlaces => {
                    let handed = &mut (*m.state).handed;
                    if let Some(last) = handed.last()
                        && !last.plain
                        && last.pc.is_null()
                    {
                        outside!(quick::return_called(m));
                        continue;
                    }
                    if let Some(last) = handed.last()
                        && last.plain
                    {
                        let (at, value) = (last.pc, load(reg!((*pc).a)));
                        handed.set_len(handed.len() - 1);
                        let link = base.sub(SLOT).cast::<Raw>();
                        let back: *const Word = with_exposed_provenance((*link).tag as usize);
                        constants = with_exposed_provenance((*link).bits as usize);
                        let (callee, result) = (base, base.sub(LINK));
                        base = result.sub(step_at(back.sub(1), 0).a as usize);
                        if (*at).op == code::CallMethod {
                            store(reg!((*at.add(1)).a), load(callee.cast()));
                        } else {
                            for i in 0..(*at.add(2)).b as usize {
                                let place = *at.add(3 + i);
                                let parameter = callee.add(place.c as usize * SLOT);
                                store(reg!(place.b), load(parameter.cast()));
                            }
                        }
                        store(result.cast(), value);
                        pc = back;
                        continue;
                    }
                }
                code::Ret => leave!(load(reg!((*pc).a))),
                code::RetNil => leave!(Raw::NIL),
                code::Landing => {
                    if (*pc).flags == 0 {
                        next!();
                    }
                }
                // Done outside. Each is a block of its own: else they would become the default of
                // the table of jumps, which then needs a check and is not copied into every arm.
                code::SetGlobal => outside::<{ code::SetGlobal }>(),
                code::TakeGlobal => outside::<{ code::TakeGlobal }>(),
                code::Pow => outside::<{ code::Pow }>(),
                code::In => outside::<{ code::In }>(),
                code::IterStart => outside::<{ code::IterStart }>(),
                code::NewMap => outside::<{ code::NewMap }>(),
                code::MapExtend => outside::<{ code::MapExtend }>(),
                code::MapInsert => outside::<{ code::MapInsert }>(),
                code::NewRange => outside::<{ code::NewRange }>(),
                code::Format => outside::<{ code::Format }>(),
                code::GetFieldOpt => outside::<{ code::GetFieldOpt }>(),
                code::Slice => outside::<{ code::Slice }>(),
                code::PathVacant => outside::<{ code::PathVacant }>(),
                code::CallConst => outside::<{ code::CallConst }>(),
                code::CallWith => outside::<{ code::CallWith }>(),
                code::GetForeign => outside::<{ code::GetForeign }>(),
                code::Import => outside::<{ code::Import }>(),
                code::IsRecord => outside::<{ code::IsRecord }>(),
                code::GetVariant => outside::<{ code::GetVariant }>(),
                code::MatchList => outside::<{ code::MatchList }>(),
                code::MatchMap => outside::<{ code::MatchMap }>(),
                code::PlaceStart => outside::<{ code::PlaceStart }>(),
                code::MatchError => outside::<{ code::MatchError }>(),
                code::Throw => outside::<{ code::Throw }>(),
                code::Rethrow => outside::<{ code::Rethrow }>(),
                code::Also => outside::<{ code::Also }>(),
                code::Shield => outside::<{ code::Shield }>(),
                code::ShieldEnd => outside::<{ code::ShieldEnd }>(),
                code::ScopeEnter => outside::<{ code::ScopeEnter }>(),
                code::ScopeLeave => outside::<{ code::ScopeLeave }>(),
                code::ScopeAbort => outside::<{ code::ScopeAbort }>(),
                code::Select => outside::<{ code::Select }>(),
                // SAFETY: linked code has these codes only.
                _ => unreachable_unchecked(),
            }
        }
        outside!(slow::step(m));
    }
}

/// `place op= operand` on two ints or two floats.
#[inline(always)]
fn update(operator: u8, place: Raw, operand: Raw) -> Option<Raw> {
    if place.tag != operand.tag {
        return None;
    }
    if place.tag == INT {
        let (x, y) = (place.as_i64(), operand.as_i64());
        let result = match operator {
            code::Add => x.checked_add(y),
            code::Sub => x.checked_sub(y),
            code::Mul => x.checked_mul(y),
            _ => None,
        };
        return result.map(Raw::int);
    }
    if place.tag == FLOAT {
        let (x, y) = (place.as_f64(), operand.as_f64());
        return match operator {
            code::Add => Some(Raw::float(x + y)),
            code::Sub => Some(Raw::float(x - y)),
            code::Mul => Some(Raw::float(x * y)),
            _ => None,
        };
    }
    None
}

/// Reads a value as two words. (Volatile: so that they are not fused into one 16-byte load, which
/// would wait for two stores of 8 bytes to leave the store buffer.)
#[inline(always)]
unsafe fn load(from: *const Raw) -> Raw {
    // SAFETY: the caller has a register, a constant or an element.
    unsafe {
        let tag = (&raw const (*from).tag).read_volatile();
        Raw { tag, bits: (&raw const (*from).bits).read_volatile() }
    }
}

/// Writes a value as two words.
#[inline(always)]
unsafe fn store(to: *mut Raw, value: Raw) {
    // SAFETY: the caller has a register or an element.
    unsafe {
        (*to).tag = value.tag;
        (*to).bits = value.bits;
    }
}

/// Stands in the taken arm of a conditional jump: keeps it a branch. As a conditional move the next
/// instruction's decoding would wait for the operands that are compared.
#[inline(always)]
fn taken() {
    // SAFETY: no instruction at all.
    unsafe { asm!("", options(nomem, nostack, preserves_flags)) };
}

/// An arm that does nothing, unlike any other.
#[inline(always)]
fn outside<const CODE: u8>() {
    // SAFETY: a comment.
    unsafe { asm!("/* {} */", const CODE, options(nomem, nostack, preserves_flags)) };
}

/// The method of a record's own type that the last word of a method call names.
#[inline(always)]
unsafe fn own_method(receiver: Raw, name: Word) -> Option<KnownMethod> {
    if receiver.tag != RECORD {
        return None;
    }
    // SAFETY: it is a record.
    let info = unsafe { rc::body::<RecordObject>(receiver) }.info();
    let method = info.method_at_once(Symbol(name.wide_u32()))?;
    // SAFETY: functions of types are immortal.
    method.takes_self.then(|| KnownMethod::script(unsafe { proto_of_closure(method.function) }))
}

/// Are these the tags of two numbers?
#[inline(always)]
fn numbers(t: u64, u: u64) -> bool {
    t.wrapping_sub(INT) <= FLOAT - INT && u.wrapping_sub(INT) <= FLOAT - INT
}

/// A number as a float.
#[inline(always)]
unsafe fn as_f64(p: *const Raw) -> f64 {
    // SAFETY: the caller has a register or a constant.
    let value = unsafe { *p };
    if value.tag == INT { value.as_i64() as f64 } else { value.as_f64() }
}

/// `x < y`, to be negated where NaN makes a difference.
#[inline(always)]
fn less<T: PartialOrd>(x: T, y: T) -> bool {
    x < y
}

#[inline(always)]
fn is_type(t: u64, tags: u16) -> bool {
    t.wrapping_sub(u64::from(tags & 0xff)) <= u64::from((tags >> 8) - (tags & 0xff))
}

/// Division rounding down; `y` is neither 0 nor -1. The narrow division is the faster one.
#[inline(always)]
fn floor_div(x: i64, y: i64) -> i64 {
    if (x as u64 | y as u64) >> 32 == 0 {
        return i64::from(x as u32 / y as u32);
    }
    let quotient = x / y;
    if x % y != 0 && (x ^ y) < 0 { quotient - 1 } else { quotient }
}

/// The rest of a division rounding down; `y` is neither 0 nor -1.
#[inline(always)]
fn floor_rem(x: i64, y: i64) -> i64 {
    if (x as u64 | y as u64) >> 32 == 0 {
        return i64::from(x as u32 % y as u32);
    }
    let rest = x % y;
    if rest != 0 && (rest ^ y) < 0 { rest + y } else { rest }
}

/// The function that a closure runs.
#[inline(always)]
pub(crate) unsafe fn proto_of_closure(closure: Raw) -> *const Proto {
    // SAFETY: the caller has a live closure.
    unsafe { rc::body::<Closure>(closure) }.code().cast()
}

/// What a value runs that is a function of a script.
pub(crate) fn proto_of_function(value: &Owned) -> Option<&Proto> {
    // SAFETY: the closure is live, and its code lives as long as it.
    (value.tag() == FUNCTION).then(|| unsafe { &*proto_of_closure(value.as_raw()) })
}
