//! Diagnostics as text: the message, the place, the line with the place underlined, and advice.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};
use crate::source::{Source, Span};

/// All `diagnostics` as text, with a newline at the end; with terminal colours if `color`.
pub fn render(diagnostics: &[Diagnostic], source: &Source, color: bool) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut labels: Vec<_> =
            vec![(AnnotationKind::Primary, diagnostic.span, diagnostic.label.as_deref())];
        labels.extend(
            diagnostic
                .labels
                .iter()
                .map(|(span, label)| (AnnotationKind::Context, *span, Some(label.as_str()))),
        );
        let mut group = level
            .primary_title(diagnostic.message.as_str())
            .id(diagnostic.code.text())
            .element(snippet(source, &labels));
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        push(&mut text, group, color);
    }
    text
}

/// An error called `title` at one place of a source.
pub fn render_at(title: &str, source: &Source, span: Span, color: bool) -> String {
    let mut text = String::new();
    let labels = [(AnnotationKind::Primary, span, None)];
    push(&mut text, Level::ERROR.primary_title(title).element(snippet(source, &labels)), color);
    text
}

fn push(text: &mut String, group: Group<'_>, color: bool) {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    text.push_str(&renderer.render(&[group]));
    text.push('\n');
}

/// The lines around `labels`. Only the text between the first and the last label is handed over,
/// since the renderer looks at every line it is given.
fn snippet<'a>(
    source: &'a Source,
    labels: &[(AnnotationKind, Span, Option<&'a str>)],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = source.text();
    let first = labels.iter().map(|(_, span, _)| span.start).min().unwrap_or(0) as usize;
    let last = labels.iter().map(|(_, span, _)| span.end).max().unwrap_or(0) as usize;
    let (first, last) = (floor(text, first), floor(text, last));
    let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    let (line, _) = source.line_column(start as u32);
    Snippet::source(&text[start..end]).path(source.name()).line_start(line).annotations(
        labels.iter().map(|(kind, span, label)| {
            let from = floor(text, span.start as usize).max(start);
            let to = floor(text, span.end as usize).max(from);
            kind.span(from - start..to - start).label(*label)
        }),
    )
}

/// `offset`, or the start of the character it falls into.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}
