//! What a host gets when something goes wrong.
//!
//! An [`Error`] is what a script threw and nobody caught, what is wrong with a script's text, or
//! what the host itself reports: [`Error::new`] is how natives throw. It has a kind, a message, the
//! place it is about, and the calls that led there; its `Display` is the whole report, as the
//! `lisle` command prints it:
//!
//! ```text
//! error: index: no element 9 in a list of 2
//!  --> sum.lisle:2:5
//!   |
//! 2 |     xs[9]
//!   |     ^^^^^
//!   in low (sum.lisle:2:5)
//!   in main (sum.lisle:4:7)
//! ```
//!
//! An error that went through a script keeps the thrown value, so that throwing it again throws
//! the same thing, and what cannot be caught stays so.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use lisle_compiler::{
    diagnostics::{self, Diagnostic},
    source::{Source, Span},
};

use crate::{
    convert::Value,
    value::{self, Owned, TraceEntry, View},
    vm::VmShared,
};

/// The name that sources of the prelude start with: their places are not shown.
pub(crate) const PRELUDE: &str = "<prelude>";

/// Of which kind an error is.
///
/// Most are kinds that scripts know by the same name, `index` or `io`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
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
    /// No arm of a `match` fits.
    Match,
    /// A module cannot be loaded.
    Import,
    /// The text of a script is wrong: [`Error::diagnostics`] has all that was found.
    Syntax,
    /// An assertion does not hold.
    Assert,
    /// The script threw something that is no error: [`Error::value`] has it.
    Thrown,
    /// The script called `os.exit` with this status.
    Exit(i32),
    /// A kind of the script's or the host's own.
    Other(Box<str>),
}

macro_rules! kind_names {
    ($($variant:ident $name:literal)*) => {
        impl ErrorKind {
            /// Its name, as scripts see it in `.kind`.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Thrown => "thrown",
                    Self::Exit(_) => "exit",
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for ErrorKind {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    _ => Self::Other(name.into()),
                }
            }
        }
    };
}

kind_names! {
    Type "type" Name "name" Index "index" Key "key" Arity "arity" Overflow "overflow"
    Divide "divide" Value "value" Io "io" Closed "closed" Cancelled "cancelled" Timeout "timeout"
    Deadlock "deadlock" Memory "memory" Fuel "fuel" Stack "stack" Match "match" Import "import"
    Syntax "syntax" Assert "assert"
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place in a source text.
#[derive(Clone)]
pub struct Place {
    source: Source,
    span: Span,
}

impl Place {
    fn new(source: Source, span: Span) -> Self {
        Self { source, span }
    }

    /// The name of the source: a path as it was given, or `<eval>` and the like.
    pub fn source(&self) -> &str {
        self.source.name()
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.source.line_column(self.span.start).0
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> usize {
        self.source.line_column(self.span.start).1
    }

    /// The text of the line.
    pub fn text(&self) -> &str {
        self.source.line(self.line())
    }
}

/// As `file:line:column`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.source.line_column(self.span.start);
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A call that was going on when an error was thrown, or a sample taken.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The name of the function.
    pub function: String,
    /// Where in it; `None` in code that is built in.
    pub place: Option<Place>,
}

impl Frame {
    /// A call of the function that stands at `span`.
    pub(crate) fn new(function: &str, source: &Source, span: Span) -> Self {
        let built_in = source.name().starts_with(PRELUDE);
        let place = (!built_in).then(|| Place::new(source.clone(), span));
        Self { function: function.to_owned(), place }
    }
}

/// Something that went wrong in a script, with its text, or in the host.
///
/// One word, so that results stay small. `Display` gives the whole report.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    /// What was thrown, if it went through a script.
    value: Option<Value>,
    place: Option<Place>,
    trace: Vec<Frame>,
    /// The name of the user thread it was thrown in.
    thread: Option<Arc<str>>,
    /// What came after it.
    also: Vec<Error>,
    /// What is wrong with texts, each with the text.
    diagnostics: Vec<(Source, Vec<Diagnostic>)>,
    /// The host's own error behind it.
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of the host. A native that gives it throws it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            value: None,
            place: None,
            trace: Vec::new(),
            thread: None,
            also: Vec::new(),
            diagnostics: Vec::new(),
            cause: None,
        }))
    }

    /// An error of the host with a value for `.data`.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.0.value = Some(data);
        self
    }

    /// Of which kind it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The message alone, without kind and place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The place it is about, when there is one.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The calls that were going on, the innermost first.
    pub fn trace(&self) -> &[Frame] {
        &self.0.trace
    }

    /// The name of the user thread that it was thrown in.
    pub fn thread(&self) -> Option<&str> {
        self.0.thread.as_deref()
    }

    /// What was thrown, when it was no error.
    pub fn value(&self) -> Option<&Value> {
        self.0.value.as_ref().filter(|_| self.0.kind == ErrorKind::Thrown)
    }

    /// Further errors: of cleanup, or of other threads of a scope.
    pub fn also(&self) -> &[Self] {
        &self.0.also
    }

    /// What is wrong with the script's text: messages with their places.
    pub fn diagnostics(&self) -> impl Iterator<Item = (&str, Place)> {
        self.0.diagnostics.iter().flat_map(|(source, list)| {
            list.iter().map(|d| (d.message.as_str(), Place::new(source.clone(), d.span)))
        })
    }

    /// The status that the script gave to `os.exit`, if that is how it ended.
    pub fn exit_status(&self) -> Option<i32> {
        if let ErrorKind::Exit(status) = self.0.kind { Some(status) } else { None }
    }

    /// The whole report; with terminal colours if `color`.
    pub fn report(&self, color: Color) -> String {
        let mut text = String::new();
        self.report_into(&mut text, color);
        text
    }

    /// The same, told from further out: `context: message`.
    #[must_use]
    pub fn context(mut self, context: &str) -> Self {
        if self.0.value.is_none() {
            self.0.message = format!("{context}: {}", self.0.message);
        }
        self
    }

    /// What a text that does not compile gives.
    pub(crate) fn from_diagnostics(source: Source, diagnostics: Vec<Diagnostic>) -> Self {
        Self::from_findings(vec![(source, diagnostics)])
    }

    /// What texts give that do not compile.
    pub(crate) fn from_findings(findings: Vec<(Source, Vec<Diagnostic>)>) -> Self {
        let all = findings.iter().flat_map(|(source, list)| list.iter().map(move |d| (source, d)));
        let first = all.clone().find(|(_, d)| d.is_error()).or(all.clone().next());
        let message = first.map_or("", |(_, d)| d.message.as_str()).to_owned();
        let place = first.map(|(source, d)| Place::new(source.clone(), d.span));
        let mut error = Self::new(ErrorKind::Syntax, message);
        error.0.place = place;
        error.0.diagnostics = findings;
        error
    }

    /// What a script threw and nobody caught.
    pub(crate) fn from_thrown(thrown: Owned, home: Option<&Arc<VmShared>>) -> Self {
        Self::from_thrown_with(thrown, &[], None, home)
    }

    /// What a script threw, with the trace of a value that cannot keep its own.
    pub(crate) fn from_thrown_with(
        thrown: Owned,
        trace: &[TraceEntry],
        thread: Option<Arc<str>>,
        home: Option<&Arc<VmShared>>,
    ) -> Self {
        let mut error = Self::from_view(&thrown, trace, ALSO_DEPTH);
        if error.0.thread.is_none() {
            error.0.thread = thread;
        }
        error.0.value = Some(Value::new_in(thrown, home));
        error
    }

    /// `depth`: how far down errors of cleanup that came with errors of cleanup are looked at.
    fn from_view(thrown: &Owned, trace: &[TraceEntry], depth: usize) -> Self {
        let View::Error(object) = thrown.view() else {
            let mut error = Self::new(ErrorKind::Thrown, cut(value::literal(thrown), SHOWN));
            error.set_trace(trace);
            return error;
        };
        let mut error = Self::new(object.kind().into(), object.message());
        error.set_trace(if object.trace.is_empty() { trace } else { &object.trace });
        error.0.thread = object.thread.clone();
        if depth > 0 {
            error.0.also =
                object.also.iter().map(|other| Self::from_view(other, &[], depth - 1)).collect();
        }
        error
    }

    /// What an error of the host's own becomes.
    pub(crate) fn from_host<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let mut slot = Some(error);
        let any: &mut dyn std::any::Any = &mut slot;
        if let Some(ours) = any.downcast_mut::<Option<Self>>().and_then(Option::take) {
            return ours;
        }
        if let Some(io) = any.downcast_mut::<Option<io::Error>>().and_then(Option::take) {
            return io.into();
        }
        match slot {
            Some(error) => {
                let mut wrapped = Self::new(ErrorKind::Other("host".into()), error.to_string());
                wrapped.0.cause = Some(Box::new(error));
                wrapped
            }
            None => Self::new(ErrorKind::Other("host".into()), "unknown"),
        }
    }

    /// What a panic of the host becomes.
    pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::new(ErrorKind::Other("panic".into()), format!("a native function panicked: {text}"))
    }

    /// The value to throw.
    pub(crate) fn into_thrown(self) -> Owned {
        let inner = *self.0;
        let data = match inner.value {
            // Went through a script already: the same thing again.
            Some(value)
                if !inner.trace.is_empty() || value.as_ref().owned().as_error().is_some() =>
            {
                return match crate::convert::IntoValue::into_value(&value) {
                    Ok(local) => local.into_owned(),
                    Err(error) => Owned::str(error.message()),
                };
            }
            Some(value) if inner.kind == ErrorKind::Thrown => {
                return value.as_ref().owned().clone();
            }
            Some(value) => value.as_ref().owned().clone(),
            None => Owned::NIL,
        };
        let (kind, message) = (Owned::str(inner.kind.name()), Owned::string(inner.message));
        let mut object = value::ErrorObject::new(kind, message, data);
        object.uncatchable = matches!(inner.kind, ErrorKind::Exit(_));
        Owned::error(object)
    }

    fn set_trace(&mut self, trace: &[TraceEntry]) {
        let frame = |entry: &TraceEntry| Frame::new(&entry.function, &entry.source, entry.span);
        self.0.trace = trace.iter().map(frame).collect();
        self.0.place = self.0.trace.iter().find_map(|frame| frame.place.clone());
    }

    fn title(&self) -> String {
        match &self.0.kind {
            ErrorKind::Thrown => format!("uncaught value: {}", cut(self.0.message.clone(), SHOWN)),
            // One line for each thread, and their number is bounded.
            ErrorKind::Deadlock => format!("deadlock: {}", self.0.message),
            kind => format!("{kind}: {}", cut(self.0.message.clone(), SHOWN)),
        }
    }

    fn report_into(&self, text: &mut String, color: Color) {
        let color = color == Color::Terminal;
        for (source, list) in &self.0.diagnostics {
            text.push_str(&diagnostics::render(list, source, color));
        }
        if !self.0.diagnostics.is_empty() {
            return;
        }
        match &self.0.place {
            Some(place) => {
                text.push_str(&diagnostics::render_at(
                    &self.title(),
                    &place.source,
                    place.span,
                    color,
                ));
            }
            None => {
                text.push_str("error: ");
                text.push_str(&self.title());
                text.push('\n');
            }
        }
        let shorten = self.0.trace.len() > TRACE_HEAD + TRACE_TAIL + 1;
        for (i, frame) in self.0.trace.iter().enumerate() {
            if shorten && i == TRACE_HEAD {
                let left = self.0.trace.len() - TRACE_HEAD - TRACE_TAIL;
                text.push_str(&format!("  ... {left} more calls\n"));
            }
            if shorten && (TRACE_HEAD..self.0.trace.len() - TRACE_TAIL).contains(&i) {
                continue;
            }
            text.push_str("  in ");
            text.push_str(&frame.function);
            if let Some(place) = &frame.place {
                text.push_str(&format!(" ({place})"));
            }
            text.push('\n');
        }
        if let Some(thread) = self.0.thread.as_deref().filter(|name| *name != MAIN) {
            text.push_str(&format!("  in thread `{thread}`\n"));
        }
        for error in &self.0.also {
            text.push_str("also ");
            error.report_into(text, if color { Color::Terminal } else { Color::Plain });
        }
    }
}

/// The name of the thread that runs a program's top-level code.
pub(crate) const MAIN: &str = "main";

/// Whether a report is for a terminal that shows colours.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Color {
    /// Text only.
    #[default]
    Plain,
    /// With the escape sequences of terminals.
    Terminal,
}

/// How far down errors that came with errors are shown.
const ALSO_DEPTH: usize = 4;
/// Of a long message or value this many characters are shown.
const SHOWN: usize = 1_000;
/// Of a long trace this many calls are shown at the throw.
const TRACE_HEAD: usize = 12;
/// And this many at the start of the thread.
const TRACE_TAIL: usize = 6;

fn cut(mut text: String, limit: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// What the system says about an error, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

/// As kind `io`, with the system's reason. Better say for what, too: see [`Error::context`].
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let mut ours = Self::new(ErrorKind::Io, reason(&error));
        ours.0.cause = Some(Box::new(error));
        ours
    }
}

impl From<std::str::Utf8Error> for Error {
    fn from(error: std::str::Utf8Error) -> Self {
        Self::new(ErrorKind::Value, format!("not valid UTF-8: {error}"))
    }
}

impl From<std::num::ParseIntError> for Error {
    fn from(error: std::num::ParseIntError) -> Self {
        Self::new(ErrorKind::Value, error.to_string())
    }
}

impl From<std::num::ParseFloatError> for Error {
    fn from(error: std::num::ParseFloatError) -> Self {
        Self::new(ErrorKind::Value, error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.report(Color::Plain).trim_end_matches('\n'))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}
