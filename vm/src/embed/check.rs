//! A look at a text without running it.

use std::sync::Arc;

use lisle_compiler::{diagnostics, source::Source};

use super::{color, host::Host, load, not_utf8};

/// What there is to say about a text that was not run: see [`Vm::check`](super::Vm::check).
#[derive(Clone, Debug)]
pub struct Checked {
    errors: usize,
    warnings: usize,
    report: Arc<str>,
}

impl Checked {
    /// How many errors there are; 0 if the text could run.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// All of them, as they are shown when the text is run; empty if all is well.
    pub fn report(&self) -> &str {
        &self.report
    }
}

/// Every kind of diagnostic: its code, and what it is about.
pub fn diagnostic_codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    diagnostics::Code::ALL.iter().map(|code| (code.text(), code.explanation()))
}

pub(super) fn check(host: &Host, name: &str, bytes: &[u8]) -> Checked {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let report = not_utf8(name, bytes, error).report(color(host.is_colored()));
            return Checked { errors: 1, warnings: 0, report: report.into() };
        }
    };
    let mut checked = (0, 0, String::new());
    for (source, found) in load::findings(host, &Source::new(name, text)) {
        let errors = found.iter().filter(|diagnostic| diagnostic.is_error()).count();
        checked.0 += errors;
        checked.1 += found.len() - errors;
        checked.2.push_str(&diagnostics::render(&found, &source, host.is_colored()));
    }
    let (errors, warnings, report) = checked;
    Checked { errors, warnings, report: report.into() }
}
