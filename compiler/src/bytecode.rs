//! Bytecode: the instruction set, what a compiled unit holds, and the passes over finished code.

pub mod disasm;
pub mod effects;
pub mod op;
pub mod verify;

pub(crate) mod assemble;
pub(crate) mod draft;
mod jumps;
mod liveness;
mod peephole;
mod unit;

pub(crate) use unit::places_of;

pub use op::{Op, Operand};
pub use unit::{
    Arm, Constant, Function, Global, GlobalKind, Handler, LiveMap, MAX_PLACES, METHOD_WORDS,
    Parameter, Receiver, Step, TypeBody, TypeDecl, TypeFunction, Unit, VariantDecl, Word,
};
