//! Operations in full, outside the loop: one line each, leading to the file that does it.

use lisle_compiler::bytecode::Op;

use super::arith::{self, operation};
use super::machine::{Exit, Machine, Step};
use super::{
    access, call, code, data, import, iter, method, native, operators, places, records, run,
    threads, unwind,
};
use crate::{
    link::{HALT, RESUME, START},
    rc,
    sched::Outcome,
    value::{Owned, ops},
};

/// Does the current instruction, which the loop could not. Gives an outcome when the slice ends.
#[cold]
#[inline(never)]
pub(super) fn step(m: &mut Machine<'_>) -> Option<Outcome> {
    if m.word().op == code::Landing && m.word().flags == HALT {
        // Each thread ends so.
        return Some(run::halt(m));
    }
    let step = operate(m);
    settle(m, step)
}

/// Does the current instruction by `operation`, which the loop knows.
#[inline(never)]
pub(super) fn done(
    m: &mut Machine<'_>,
    operation: impl FnOnce(&mut Machine<'_>) -> Step,
) -> Option<Outcome> {
    let step = operation(m);
    settle(m, step)
}

/// Takes note of how an instruction ended. Gives an outcome when the slice ends.
#[inline]
pub(super) fn settle(m: &mut Machine<'_>, step: Step) -> Option<Outcome> {
    let outcome = match step {
        Ok(()) => None,
        Err(Exit::Stop(outcome)) => Some(outcome),
        Err(Exit::Throw(value)) => unwind::throw(m, value),
    };
    m.account();
    if outcome.is_none() && rc::has_dead() {
        // It goes on when they are freed.
        return Some(Outcome::Yielded);
    }
    outcome
}

fn operate(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let Some(op) = Op::from_code(word.op) else {
        return match word.op {
            code::CALL_DIRECT | code::CALL_SHORT => call::call_direct(m),
            code::CALL_NATIVE => call::call_known_native(m),
            _ => m.safepoint(),
        };
    };
    match op {
        Op::Landing => match word.flags {
            START => call::start(m),
            HALT => unreachable!("it has been dealt with"),
            RESUME => native::resume_returned(m),
            _ => m.next(1),
        },
        Op::Copy => data::copy(m),
        Op::LoadConst => data::load_const(m),
        Op::Drop => data::drop_register(m),
        Op::GetGlobal => data::get_global(m),
        Op::SetGlobal => data::set_global(m),
        Op::GetForeign => import::get_foreign(m),
        Op::Import => import::import(m),
        Op::TakeGlobal => data::take_global(m),
        Op::Closure => data::closure(m),

        Op::Add => arith::add(m),
        Op::Sub
        | Op::Mul
        | Op::Div
        | Op::FloorDiv
        | Op::Rem
        | Op::Pow
        | Op::BitAnd
        | Op::BitOr
        | Op::BitXor
        | Op::Shl
        | Op::Shr => arith::binary(m, operation(op)),
        Op::AddImm | Op::SubImm | Op::MulImm | Op::FloorDivImm | Op::RemImm => {
            arith::immediate(m, operation(op))
        }
        Op::AddConst | Op::SubConst | Op::MulConst | Op::DivConst | Op::RemConst => {
            arith::with_constant(m, operation(op))
        }
        Op::Neg => arith::unary(m, ops::neg),
        Op::BitNot => arith::unary(m, ops::bit_not),
        Op::Not => arith::unary(m, |value| Ok(Owned::bool(!value.truthy()))),
        Op::Eq | Op::Ne | Op::JumpEq | Op::JumpNe => arith::equality(m),
        Op::Lt | Op::Le | Op::JumpLt | Op::JumpLe | Op::JumpNotLt | Op::JumpNotLe => {
            arith::order(m)
        }
        Op::In => operators::is_in(m),
        Op::IsType => arith::is_type(m),
        Op::IsRecord => records::is_record(m),
        Op::GetVariant => records::get_variant(m),
        Op::MatchList => records::match_list(m),
        Op::MatchMap => records::match_map(m),

        Op::JumpBack => m.safepoint(),
        Op::JumpIf => arith::jump_on(m, Owned::truthy),
        Op::JumpIfNot => arith::jump_on(m, |value| !value.truthy()),
        Op::JumpIfNil => arith::jump_on(m, Owned::is_nil),
        Op::JumpIfSome => arith::jump_on(m, |value| !value.is_nil()),
        Op::JumpLtImm => arith::jump_immediate(m, ops::less, true),
        Op::JumpLeImm => arith::jump_immediate(m, ops::less_equal, true),
        Op::JumpGtImm => arith::jump_immediate(m, arith::greater, true),
        Op::JumpGeImm => arith::jump_immediate(m, arith::greater_equal, true),
        Op::JumpNotLtImm => arith::jump_immediate(m, ops::less, false),
        Op::JumpNotLeImm => arith::jump_immediate(m, ops::less_equal, false),
        Op::JumpNotGtImm => arith::jump_immediate(m, arith::greater, false),
        Op::JumpNotGeImm => arith::jump_immediate(m, arith::greater_equal, false),
        Op::JumpEqImm => arith::jump_immediate(m, arith::equals, true),
        Op::JumpNeImm => arith::jump_immediate(m, arith::equals, false),
        Op::JumpEqConst => arith::jump_constant(m, true),
        Op::JumpNeConst => arith::jump_constant(m, false),

        Op::RangeLoopStart => iter::range_loop_start(m),
        Op::IterStart => iter::iter_start(m),
        Op::IterNext => iter::iter_next(m),

        Op::NewList => data::new_list(m),
        Op::ListAppend => data::list_append(m),
        Op::NewMap => data::new_map(m),
        Op::NewRecord => records::new_record(m),
        Op::MapExtend => data::map_extend(m),
        Op::MapInsert => data::map_insert(m),
        Op::NewRange => data::new_range(m),
        Op::Concat => data::concat(m),
        Op::Format => data::format(m),

        Op::GetIndex => access::get_index(m),
        Op::GetField => access::get_field(m),
        Op::GetFieldOpt => access::get_field_opt(m),
        Op::Slice => access::slice(m),
        Op::GetPath => access::get_path(m),
        Op::SetIndex => access::set_index(m),
        Op::SetField => access::set_field(m),
        Op::SetPath => access::set_path(m),
        Op::UpdatePath => access::update_path(m),
        Op::PathVacant => access::path_vacant(m),
        Op::PlaceStart => access::place_start(m),
        Op::PlaceTake => places::place_take(m),
        Op::PlaceBack => places::place_back(m),

        Op::Call => call::call(m),
        Op::CallConst => call::call_const(m),
        Op::CallWith => call::call_with(m),
        Op::CallMethod => method::call_method(m),
        Op::CallPlaces => places::call_places(m),
        Op::RetPlaces => places::ret_places(m),

        Op::Spawn => threads::spawn(m),
        Op::MatchError => data::match_error(m),
        Op::Throw | Op::Rethrow => Err(Exit::Throw(m.take(word.a))),
        Op::Also => unwind::also(m),
        Op::Shield => threads::shield(m),
        Op::ShieldEnd => threads::shield_end(m),
        Op::ScopeEnter => threads::scope_enter(m),
        Op::ScopeLeave => threads::scope_leave(m),
        Op::ScopeAbort => threads::scope_abort(m),
        Op::Select => threads::select(m),

        Op::Move
        | Op::LoadNil
        | Op::LoadBool
        | Op::LoadInt
        | Op::GetCapture
        | Op::GetSelfFn
        | Op::Jump
        | Op::JumpIfGiven
        | Op::RangeLoop
        | Op::Ret
        | Op::RetNil => unreachable!("the loop does `{}` itself", op.name()),
    }
}
