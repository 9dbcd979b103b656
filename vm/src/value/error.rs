//! Errors as values, and the making of the VM's own.

use std::fmt;
use std::sync::Arc;

use lisle_compiler::source::{Source, Span};

use super::{ListObject, MapObject, Owned, tag};
use crate::rc::Body;

/// The kinds of the VM's own errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub(crate) enum Kind {
    /// A value of a type that the operation has no meaning for.
    Type,
    /// An unknown name, method or member.
    Name,
    /// An index outside of a list or string.
    Index,
    /// A key that a map does not have.
    Key,
    /// Too few or too many arguments.
    Arity,
    /// An integer result outside of 64 bits.
    Overflow,
    /// Integer division by zero.
    Divide,
    /// A value of the right type that makes no sense here.
    Value,
    /// Files, sockets, processes.
    Io,
    /// Use of something closed.
    Closed,
    /// The thread was cancelled.
    Cancelled,
    /// Time has run out.
    Timeout,
    /// Everything waits for each other.
    Deadlock,
    /// A memory limit was passed.
    Memory,
    /// The fuel given by the host is used up.
    Fuel,
    /// Calls nest too deep.
    Stack,
    /// An assertion does not hold.
    Assert,
    /// No arm of a `match` fits.
    Match,
    /// A module that cannot be found or loaded.
    Import,
}

impl Kind {
    /// As scripts see it in `.kind`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Name => "name",
            Self::Index => "index",
            Self::Key => "key",
            Self::Arity => "arity",
            Self::Overflow => "overflow",
            Self::Divide => "divide",
            Self::Value => "value",
            Self::Io => "io",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::Deadlock => "deadlock",
            Self::Memory => "memory",
            Self::Fuel => "fuel",
            Self::Stack => "stack",
            Self::Assert => "assert",
            Self::Match => "match",
            Self::Import => "import",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call that was going on when an error was thrown.
#[derive(Clone, Debug)]
pub(crate) struct TraceEntry {
    /// The function's name.
    pub function: Arc<str>,
    /// The text it comes from.
    pub source: Source,
    /// Where in it.
    pub span: Span,
}

/// The body of an error.
#[derive(Clone, Debug)]
pub(crate) struct ErrorObject {
    /// What is wrong: a string.
    pub message: Owned,
    /// Of which kind it is: a string.
    pub kind: Owned,
    /// Whatever the thrower added.
    pub data: Owned,
    /// Where it was thrown, innermost call first; empty until then.
    pub trace: Vec<TraceEntry>,
    /// The name of the thread it was thrown in; none until then.
    pub thread: Option<Arc<str>>,
    /// Errors of cleanup and of other threads of the scope that came after it.
    pub also: Vec<Owned>,
    /// It passes every `catch`: cancellation and its like.
    pub uncatchable: bool,
}

#[expect(unsafe_code, reason = "says which tag belongs to this type")]
// SAFETY: errors have a tag of their own.
unsafe impl Body for ErrorObject {
    const TAG: u64 = tag::ERROR;

    fn buffer_bytes(&self) -> usize {
        // Traces and lists of further errors are bounded and not accounted.
        0
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        visit(&self.message);
        visit(&self.kind);
        visit(&self.data);
        self.also.iter().for_each(visit);
    }
}

impl ErrorObject {
    /// An error that was not thrown yet.
    pub(crate) fn new(kind: Owned, message: Owned, data: Owned) -> Self {
        let (trace, also) = (Vec::new(), Vec::new());
        Self { message, kind, data, trace, thread: None, also, uncatchable: false }
    }

    /// The message.
    pub(crate) fn message(&self) -> &str {
        self.message.as_str().unwrap_or_default()
    }

    /// The kind.
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_str().unwrap_or_default()
    }

    /// The trace as scripts see it: a list of maps.
    pub(crate) fn trace_value(&self) -> Owned {
        let entry = |entry: &TraceEntry| {
            let (line, column) = entry.source.line_column(entry.span.start);
            let mut map = MapObject::with_capacity(4);
            map.insert_str("function", Owned::str(&entry.function));
            map.insert_str("file", Owned::str(entry.source.name()));
            map.insert_str("line", Owned::int(line as i64));
            map.insert_str("column", Owned::int(column as i64));
            Owned::map(map)
        };
        Owned::from(self.trace.iter().map(entry).collect::<ListObject>())
    }
}

/// An error of the VM.
#[cold]
pub(crate) fn error(kind: Kind, message: impl Into<String>) -> Owned {
    let message = Owned::string(message.into());
    Owned::error(ErrorObject::new(Owned::str(kind.name()), message, Owned::NIL))
}

/// An error that passes every `catch`.
#[cold]
pub(crate) fn uncatchable(kind: Kind, message: impl Into<String>) -> Owned {
    let message = Owned::string(message.into());
    let mut body = ErrorObject::new(Owned::str(kind.name()), message, Owned::NIL);
    body.uncatchable = true;
    Owned::error(body)
}
