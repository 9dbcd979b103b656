//! Import statements: the top level of another module runs, once.

use super::call;
use super::machine::{Machine, Step};
use super::native::{self, Receiver};
use crate::{link::SLOT, thread::Then};

/// Runs the module that constant `b` names. It is a call of a native, whose argument stands behind
/// all that the function has.
pub(super) fn import(m: &mut Machine<'_>) -> Step {
    let native = m.thread.vm().files.import();
    if let Some((arguments, then)) = m.take_begun() {
        return native::run(m, native, Receiver::None, arguments, then);
    }
    let name = m.constant_value(m.word().b as usize).clone();
    let register = m.proto().registers() * SLOT;
    if m.base.wrapping_add(register + SLOT) > m.limit {
        call::grow(m, register + SLOT)?;
    }
    let slot = m.reg(register as u16);
    m.put_at(slot, name);
    let first = m.slot_of(slot);
    native::run(m, native, Receiver::None, (first, 1), Then::Again)
}

/// `a = ` the value of a `let` of another module, where there was no room for a cell
pub(super) fn get_foreign(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let index = m.constant(word.b as usize).as_i64();
    let value = m.proto().foreign[index as usize].value()?;
    m.put(word.a, value);
    m.next(1)
}
