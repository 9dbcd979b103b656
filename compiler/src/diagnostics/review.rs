//! Which of the diagnostics that the passes found are shown: what only follows from another mistake
//! is not, what is said of many places is said once, and there is an end to it.

use std::collections::{HashMap, HashSet};

use super::{Code, Diagnostic, Severity};
use crate::parse::Doubt;
use crate::source::{Source, Span};

/// The most diagnostics that one text gets.
const MAX_DIAGNOSTICS: usize = 100;

/// The most lines that are listed where the same is said of several.
const MAX_LINES: usize = 5;

/// What is shown of `diagnostics`, in the order of the text. The first `syntax` of them come from
/// the parser, which left `doubt`.
pub(crate) fn review(
    source: &Source,
    mut diagnostics: Vec<Diagnostic>,
    syntax: usize,
    doubt: &Doubt,
) -> Vec<Diagnostic> {
    let mut found = diagnostics.split_off(syntax);
    let broken: Vec<Span> = diagnostics.iter().filter(|d| d.is_error()).map(|d| d.span).collect();
    if !broken.is_empty() {
        found.retain(|diagnostic| {
            let Span { start, end } = diagnostic.span;
            let overlaps = |other: &Span| other.start < end && start < other.end;
            !doubt.covers(text_at(source, diagnostic.span)) && !broken.iter().any(overlaps)
        });
    }
    let suspects = suspects(source, &found);
    found.retain(|diagnostic| !follows(source, diagnostic, &suspects));
    diagnostics.append(&mut found);
    if diagnostics.iter().any(Diagnostic::is_error) {
        // A name that is misspelt once is unused at the one place and unknown at the other.
        diagnostics.retain(|d| d.is_error() || d.code == Code::LooksContinued);
    }
    diagnostics.sort_by_key(|d| d.span.start);
    // A defer is compiled once for every way out of its block, with the same findings.
    diagnostics.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    // Two passes may find the same mistake at the same place: who has advice is heard.
    diagnostics.dedup_by(|next, kept| {
        let same = next.span == kept.span && next.is_error() && kept.is_error();
        if same && kept.help.is_none() && next.help.is_some() {
            std::mem::swap(next, kept);
        }
        same
    });
    let mut diagnostics = once_each(source, joined(diagnostics));
    let unseen = diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
    if unseen > 0 {
        diagnostics.truncate(MAX_DIAGNOSTICS);
        let last = diagnostics[MAX_DIAGNOSTICS - 1].span;
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        let message = format!("{unseen} more errors and warnings follow");
        let severity = if failed { Severity::Error } else { Severity::Warning };
        diagnostics
            .push(Diagnostic { severity, ..Diagnostic::error(Code::TooMany, last, message) });
    }
    diagnostics
}

/// The names that an error leaves without a meaning: of an import that failed, a declaration that
/// does not count, a second definition.
fn suspects<'s>(source: &'s Source, found: &[Diagnostic]) -> HashSet<&'s str> {
    let mut names = HashSet::new();
    for diagnostic in found.iter().filter(|diagnostic| diagnostic.is_error()) {
        match diagnostic.code {
            Code::UnknownModule => {
                let line = source.line(source.line_column(diagnostic.span.start).0);
                if line.trim_start().starts_with("import") {
                    names.extend(words(line));
                }
            }
            Code::MisplacedDeclaration | Code::DuplicateName => {
                names.extend(words(text_at(source, diagnostic.span)));
            }
            _ => {}
        }
    }
    names
}

/// True when an error says no more than that one of `suspects` has no meaning.
fn follows(source: &Source, diagnostic: &Diagnostic, suspects: &HashSet<&str>) -> bool {
    matches!(diagnostic.code, Code::UnknownName | Code::UnknownType | Code::WrongArguments)
        && words(text_at(source, diagnostic.span))
            .next()
            .is_some_and(|word| suspects.contains(word))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// A line that looks like the continuation of the one above has no effect of its own for just that
/// reason: the advice is one.
fn joined(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let continued: HashMap<u32, Diagnostic> = diagnostics
        .iter()
        .filter(|d| d.code == Code::LooksContinued)
        .map(|d| (d.span.start, d.clone()))
        .collect();
    if continued.is_empty() {
        return diagnostics;
    }
    let mut told = HashSet::new();
    for diagnostic in &mut diagnostics {
        let start = diagnostic.span.start;
        if diagnostic.code == Code::NoEffect
            && let Some(warning) = continued.get(&start)
        {
            diagnostic.label = Some("this starts a statement of its own".to_owned());
            diagnostic.help.clone_from(&warning.help);
            told.insert(start);
        }
    }
    diagnostics.retain(|d| {
        let start = d.span.start;
        match d.code {
            Code::LooksContinued => !told.contains(&start),
            Code::DiscardedValue => !continued.contains_key(&start),
            _ => true,
        }
    });
    diagnostics
}

/// What is said of a name is said where it stands first, with the lines of the other places.
fn once_each(source: &Source, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut others: Vec<Vec<usize>> = Vec::new();
    let mut kept: Vec<Diagnostic> = Vec::new();
    for diagnostic in diagnostics {
        let about_name = matches!(
            diagnostic.code,
            Code::UnknownName | Code::UnknownType | Code::TopLevelVar | Code::ShadowedBuiltin
        );
        let line = source.line_column(diagnostic.span.start).0;
        match first.get(&diagnostic.message).filter(|_| about_name) {
            Some(&at) => others[at].push(line),
            None => {
                if about_name {
                    first.insert(diagnostic.message.clone(), kept.len());
                }
                kept.push(diagnostic);
                others.push(Vec::new());
            }
        }
    }
    for (diagnostic, mut lines) in kept.iter_mut().zip(others) {
        let own = source.line_column(diagnostic.span.start).0;
        lines.retain(|line| *line != own);
        lines.dedup();
        if let Some(list) = listed(&lines) {
            let label =
                diagnostic.label.take().map(|label| format!("{label}; ")).unwrap_or_default();
            diagnostic.label = Some(format!("{label}also on {list}"));
        }
    }
    kept
}

fn listed(lines: &[usize]) -> Option<String> {
    let shown: Vec<String> = lines.iter().take(MAX_LINES).map(usize::to_string).collect();
    let (last, before) = shown.split_last()?;
    Some(match (before, lines.len() - shown.len()) {
        ([], _) => format!("line {last}"),
        (_, 0) => format!("lines {} and {last}", before.join(", ")),
        (_, more) => format!("lines {} and {more} more", shown.join(", ")),
    })
}

fn text_at(source: &Source, span: Span) -> &str {
    let text = source.text();
    let (start, end) = (span.start as usize, span.end as usize);
    &text[text.floor_char_boundary(start)..text.ceil_char_boundary(end.max(start))]
}
