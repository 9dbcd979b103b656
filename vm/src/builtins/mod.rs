//! What is built in everywhere: functions, and the methods of the built-in types.
//!
//! Tables, one row each: the name, the signature, a line of help, the code. Methods that call
//! functions (`map`, `filter`, `sort_by`, ...) are written in Lisle, in the standard library's
//! prelude.

/// A table of methods. Row: a line of help, `mut` for those that change their receiver, the name,
/// the parameters, the code.
macro_rules! methods {
    ($($(#[doc = $doc:literal])+ $($change:ident)? $name:literal $signature:literal => $run:expr;)*) => {
        /// The methods.
        pub(crate) const METHODS: &[crate::native::MethodDef] = &[$(crate::native::MethodDef {
            name: $name,
            signature: $signature,
            doc: concat!($($doc),+).trim_ascii(),
            mutating: !stringify!($($change)?).is_empty(),
            run: $run,
        }),*];
    };
}

/// A table of functions. Row: a line of help, the name, the parameters, the code.
macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $name:literal $signature:literal => $run:expr;)*) => {
        /// The functions.
        pub(crate) const FUNCTIONS: &[FunctionDef] = &[$(FunctionDef {
            name: $name,
            signature: $signature,
            doc: concat!($($doc),+).trim_ascii(),
            run: $run,
        }),*];
    };
}

mod arguments;
pub(crate) mod channel;
mod char_set;
mod error;
mod functions;
mod list;
mod map;
mod number;
mod range;
pub(crate) mod runtime;
mod sort;
mod string;
#[cfg(test)]
mod tests;
pub(crate) mod thread;
pub(crate) mod time;

use crate::native::{FunctionDef, MethodDef};
use crate::value::tag;

/// The methods of the built-in types: which tags, and the rows.
pub(crate) fn methods() -> &'static [(&'static [u64], &'static [MethodDef])] {
    const ALL: &[(&[u64], &[MethodDef])] = &[
        (&[tag::STR], string::METHODS),
        (&[tag::LIST], list::METHODS),
        (&[tag::MAP], map::METHODS),
        (&[tag::RANGE], range::METHODS),
        (&[tag::INT, tag::FLOAT], number::METHODS),
        (&[tag::ERROR], error::METHODS),
        (&[tag::CHANNEL], channel::METHODS),
        (&[tag::THREAD], thread::METHODS),
    ];
    ALL
}

/// The functions that are built in everywhere.
pub(crate) fn functions() -> impl Iterator<Item = &'static FunctionDef> {
    functions::FUNCTIONS.iter().chain(channel::FUNCTIONS).chain(thread::GLOBALS)
}
