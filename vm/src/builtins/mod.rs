//! What is built in everywhere: functions, and the methods of the built-in types.
//!
//! Tables, one row each: the name, the signature, a line of help, the code. Methods that call
//! functions (`map`, `filter`, `sort_by`, ...) are written in Lisle, in the standard library's
//! prelude.

macro_rules! shortcut {
    () => {
        None
    };
    ($shortcut:expr) => {
        Some(crate::native::Shortcut::new($shortcut))
    };
}

/// A table of methods. Row: a line of help, `mut` for those that change their receiver, the name,
/// the parameters, the code, and `short` with an [`AtOnce`](crate::native::AtOnce) for what is called
/// very often.
macro_rules! methods {
    ($(
        $(#[doc = $doc:literal])+
        $($change:ident)? $name:literal $signature:literal => $run:expr $(, short $shortcut:expr)?;
    )*) => {
        /// The methods.
        pub(crate) const METHODS: &[crate::native::MethodDef] = &[$(crate::native::MethodDef {
            name: $name,
            signature: $signature,
            doc: concat!($($doc),+).trim_ascii(),
            mutating: !stringify!($($change)?).is_empty(),
            run: $run,
            shortcut: shortcut!($($shortcut)?),
        }),*];
    };
}

/// A table of functions. Row: as in a table of methods.
macro_rules! functions {
    ($(
        $(#[doc = $doc:literal])+
        $name:literal $signature:literal => $run:expr $(, short $shortcut:expr)?;
    )*) => {
        /// The functions.
        pub(crate) const FUNCTIONS: &[FunctionDef] = &[$(FunctionDef {
            name: $name,
            signature: $signature,
            doc: concat!($($doc),+).trim_ascii(),
            run: $run,
            shortcut: shortcut!($($shortcut)?),
        }),*];
    };
}

mod arguments;
mod bytes;
pub(crate) mod channel;
mod char_set;
mod compare;
mod elements;
mod error;
pub(crate) mod foreign;
mod functions;
mod list;
pub(crate) mod long;
mod map;
mod number;
mod passes;
mod range;
mod ranking;
pub(crate) mod runtime;
mod set;
mod sort;
mod string;
#[cfg(test)]
mod tests;
mod texts;
pub(crate) mod thread;
pub(crate) mod time;

use crate::native::{FunctionDef, MethodDef};
use crate::value::tag;

/// Row of the table of built-in types.
#[derive(Debug)]
pub(crate) struct TypeDef {
    /// What `type(v)` says.
    pub(crate) name: &'static str,
    /// One line for help.
    pub(crate) doc: &'static str,
    /// The tags of its values.
    pub(crate) tags: &'static [u64],
    /// Its methods, but for those that the prelude adds.
    pub(crate) methods: &'static [MethodDef],
}

/// The built-in types.
pub(crate) const TYPES: &[TypeDef] = &[
    TypeDef {
        name: "bool",
        doc: "`true` or `false`. In a condition only `nil` and `false` are false.",
        tags: &[tag::FALSE, tag::TRUE],
        methods: &[],
    },
    TypeDef {
        name: "int",
        doc: "A 64-bit signed integer. Overflow is an error.",
        tags: &[tag::INT],
        methods: number::METHODS,
    },
    TypeDef {
        name: "float",
        doc: "A double. A duration is a float, in seconds: `250ms`.",
        tags: &[tag::FLOAT],
        methods: number::METHODS,
    },
    TypeDef {
        name: "string",
        doc: "A text that never changes. Positions count characters.",
        tags: &[tag::STR],
        methods: string::METHODS,
    },
    TypeDef {
        name: "list",
        doc: "Values in a row: `[1, 2, 3]`.",
        tags: &[tag::LIST],
        methods: list::METHODS,
    },
    TypeDef {
        name: "map",
        doc: "Values by key, in the order in which the keys came: `[name: \"Ada\", 2: nil]`. \
              Functions get key and value.",
        tags: &[tag::MAP],
        methods: map::METHODS,
    },
    TypeDef {
        name: "range",
        doc: "Ints from one to another, made when they are needed: `0..10`, `0..=10 by 2`.",
        tags: &[tag::RANGE],
        methods: range::METHODS,
    },
    TypeDef {
        name: "set",
        doc: "Values that are there once, in the order in which they came: `set([1, 2])`.",
        tags: &[tag::SET],
        methods: set::METHODS,
    },
    TypeDef {
        name: "bytes",
        doc: "Ints from 0 to 255, one byte each: `bytes(\"abc\")`, `bytes([1, 2])`, `bytes(16)`.",
        tags: &[tag::BYTES],
        methods: bytes::METHODS,
    },
    TypeDef {
        name: "cell",
        doc: "A value that all who have the handle see, in one thread: `c.value`. A method or field \
              that it has not is its value's.",
        tags: &[tag::CELL],
        methods: &[],
    },
    TypeDef {
        name: "error",
        doc: "What is thrown: it has `message`, `kind`, `data`, `trace` and `also`.",
        tags: &[tag::ERROR],
        methods: error::METHODS,
    },
    TypeDef {
        name: "channel",
        doc: "Where threads hand values to each other. `for` takes them until it is closed.",
        tags: &[tag::CHANNEL],
        methods: channel::METHODS,
    },
    TypeDef {
        name: "thread",
        doc: "A thread that `spawn` has started.",
        tags: &[tag::THREAD],
        methods: thread::METHODS,
    },
];

/// The functions that are built in everywhere.
pub(crate) fn functions() -> impl Iterator<Item = &'static FunctionDef> {
    functions::FUNCTIONS.iter().chain(channel::FUNCTIONS).chain(thread::GLOBALS)
}
