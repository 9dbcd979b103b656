//! Errors and warnings about a source text: what is wrong, where, and what to do about it.
//!
//! A pass pushes [`Diagnostic`]s on a list and goes on; nobody stops at the first. Messages are for
//! people: they name what was found and what to write instead, never the compiler's own states.
//! [`codes`] lists every kind there is, [`render`](fn@render) turns a list into text.

pub mod codes;
mod render;
mod review;

use crate::source::Span;

pub use codes::Code;
pub use render::{render, render_at};
pub(crate) use review::review;

/// Whether a program with it may run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may.
    Warning,
}

/// One error or warning.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// The place that is blamed.
    pub span: Span,
    /// What to say at that place, where the message alone is not clear.
    pub label: Option<String>,
    /// Other places, with what to say there.
    pub labels: Vec<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    fn new(severity: Severity, code: Code, span: Span, message: String) -> Self {
        Self { severity, code, message, span, label: None, labels: Vec::new(), help: None }
    }

    /// The same, with a remark at `span`: at the blamed place if it is that one.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        if span == self.span && self.label.is_none() {
            self.label = Some(text.into());
        } else {
            self.labels.push((span, text.into()));
        }
        self
    }

    /// The same, with advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// True for errors.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
