//! Patterns, and paths of types.

use super::*;

/// What stands between the square brackets of a pattern.
#[derive(Debug)]
pub(crate) enum RawPatternElement {
    Item(Pattern),
    Entry(Expr, Pattern),
    Rest(Option<Ident>, Span),
}

/// What stands between the parentheses of a constructor pattern.
#[derive(Debug)]
pub(crate) enum RawCtorArg {
    Arg(CtorArg),
    Rest(Span),
}

impl Builder<'_> {
    fn pattern(&mut self, kind: PatternKind, span: Span, below: u16) -> Pattern {
        match self.level(below, span) {
            Some(depth) => Pattern { kind, span, depth },
            None => Pattern { kind: PatternKind::Error, span, depth: 1 },
        }
    }

    /// A name that binds.
    pub(crate) fn binding_pattern(&mut self, name: Ident) -> Pattern {
        self.pattern(PatternKind::Binding(name.name), name.span, 0)
    }

    /// `pattern` where a value is named: an upper-case name is a mistake there.
    pub(crate) fn value_pattern(&mut self, pattern: Pattern, what: &str) -> Pattern {
        match &pattern.kind {
            PatternKind::Constructor { path, args: None, .. } if path.parts.len() == 1 => {
                let name = self.lower_name(pattern.span, what);
                self.binding_pattern(name)
            }
            _ => pattern,
        }
    }

    /// `name is T`
    pub(crate) fn is_pattern(&mut self, name: Ident, ty: TypePath) -> Pattern {
        let span = name.span.to(ty.span);
        self.pattern(PatternKind::Is { name, ty }, span, 0)
    }

    /// A literal.
    pub(crate) fn literal_pattern(&mut self, literal: Expr) -> Pattern {
        let (span, depth) = (literal.span, literal.depth);
        self.pattern(PatternKind::Literal(Box::new(literal)), span, depth)
    }

    /// `start..end`, `start..=end`
    pub(crate) fn range_pattern(&mut self, start: Expr, end: Expr, inclusive: bool) -> Pattern {
        let (span, depth) = (start.span.to(end.span), deepest([&start, &end]));
        let (start, end) = (Box::new(start), Box::new(end));
        self.pattern(PatternKind::Range { start, end, inclusive }, span, depth)
    }

    /// `a | b`
    pub(crate) fn or_pattern(&mut self, first: Pattern, rest: Vec<Pattern>) -> Pattern {
        let end = rest.last().map_or(first.span, |last| last.span);
        let span = first.span.to(end);
        let depth = patterns_depth(rest.iter().chain([&first]));
        let mut all = Vec::with_capacity(rest.len() + 1);
        all.push(first);
        all.extend(rest);
        self.pattern(PatternKind::Or(all), span, depth)
    }

    /// `[a, ...rest]`, `[k: p, ...]`
    pub(crate) fn brackets_pattern(
        &mut self,
        elements: Vec<RawPatternElement>,
        span: Span,
    ) -> Pattern {
        let is_map = elements.iter().any(|element| matches!(element, RawPatternElement::Entry(..)));
        let (mut items, mut entries, mut rest) = (Vec::new(), Vec::new(), None);
        for element in elements {
            match element {
                RawPatternElement::Item(item) if is_map => {
                    let message = "this part of a map's pattern has no key";
                    self.error(Code::MixedLiteral, item.span, message);
                }
                RawPatternElement::Item(item) => items.push(item),
                RawPatternElement::Entry(key, pattern) => entries.push((key, pattern)),
                RawPatternElement::Rest(name, span) => {
                    if rest.is_some() {
                        self.error(Code::BadPattern, span, "a pattern has one `...` at most");
                    }
                    let position = items.len() + entries.len();
                    rest = Some(Box::new(Rest { position, name, span }));
                }
            }
        }
        let values = entries.iter().map(|(_, pattern)| pattern);
        let depth = patterns_depth(items.iter().chain(values));
        let kind = if is_map {
            PatternKind::Map { entries, rest }
        } else {
            PatternKind::List { items, rest }
        };
        self.pattern(kind, span, depth)
    }

    /// `[:]`
    pub(crate) fn empty_map_pattern(&mut self, span: Span) -> Pattern {
        self.pattern(PatternKind::Map { entries: Vec::new(), rest: None }, span, 0)
    }

    /// `Point`, `Shape.Circle(r, ...)`
    pub(crate) fn constructor_pattern(
        &mut self,
        parts: Vec<Ident>,
        args: Option<Vec<RawCtorArg>>,
        end: u32,
    ) -> Pattern {
        let path = self.type_path(parts);
        let span = Span { start: path.span.start, end };
        let mut rest = None;
        let args = args.map(|raw| {
            let mut args = Vec::with_capacity(raw.len());
            for arg in raw {
                if let Some(span) = rest {
                    self.error(Code::BadPattern, span, "`...` comes last");
                }
                match arg {
                    RawCtorArg::Arg(arg) => args.push(arg),
                    RawCtorArg::Rest(span) => rest = Some(span),
                }
            }
            args
        });
        let depth = patterns_depth(args.iter().flatten().map(|arg| &arg.pattern));
        let rest = rest.is_some();
        self.pattern(PatternKind::Constructor { path, args, rest }, span, depth)
    }

    /// The type that `parts` name.
    pub(crate) fn type_path(&mut self, parts: Vec<Ident>) -> TypePath {
        let span = match parts.as_slice() {
            [first, .., last] => first.span.to(last.span),
            [only] => only.span,
            [] => Span::default(),
        };
        if parts.len() > 3 {
            let message = "a type is named by three names at most: module, enum and variant";
            self.error(Code::BadPattern, span, message);
        }
        TypePath { parts, span }
    }
}

fn patterns_depth<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> u16 {
    patterns.into_iter().map(|pattern| pattern.depth).max().unwrap_or(0)
}
