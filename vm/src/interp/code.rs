//! The codes of the operations as constants, to be matched on: those of the table and the
//! interpreter's own.

use lisle_compiler::bytecode::Op;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $variant:ident ($a:ident $b:ident $c:ident) $ext:literal [$($flag:ident)*];)*) => {
        $($(#[$doc])* pub(crate) const $variant: u8 = Op::$variant as u8;)*
    };
}

lisle_compiler::for_each_op!(codes);

/// `JumpBack` to a `RangeLoop`, whose turn it does itself; it has the other's first operand.
pub(crate) const JUMP_BACK_RANGE: u8 = Op::ALL.len() as u8;

/// `JumpBack` to an `IterNext`, whose turn it does itself where that is one over a list; it has the
/// other's first operand and flags.
pub(crate) const JUMP_BACK_ITER: u8 = JUMP_BACK_RANGE + 1;

/// `CallConst` of a function that takes as many arguments as are given; `b` is the slot behind the
/// constants with its closure and its `Proto`.
pub(crate) const CALL_DIRECT: u8 = JUMP_BACK_ITER + 1;

/// `CallConst` of a native; `b` is the slot behind the constants with its address.
pub(crate) const CALL_NATIVE: u8 = CALL_DIRECT + 1;

/// As [`CALL_DIRECT`], with fewer arguments than there are parameters: the others may be left out.
pub(crate) const CALL_SHORT: u8 = CALL_NATIVE + 1;
