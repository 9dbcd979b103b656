//! Patterns, and paths of types.

use super::*;

/// What stands between the square brackets of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawPatternElement<'a> {
    Item(&'a Pattern<'a>),
    Entry(&'a Expr<'a>, &'a Pattern<'a>),
    Rest(Option<Ident<'a>>, Span),
}

/// What stands between the parentheses of a constructor pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawCtorArg<'a> {
    Arg(&'a CtorArg<'a>),
    Rest(Span),
}

impl<'a> Builder<'a> {
    fn pattern(&mut self, kind: PatternKind<'a>, span: Span, below: u16) -> &'a Pattern<'a> {
        match self.level(below, span) {
            Some(depth) => self.put(Pattern { kind, span, depth }),
            None => self.put(Pattern { kind: PatternKind::Error, span, depth: 1 }),
        }
    }

    /// A name that binds.
    pub(crate) fn binding_pattern(&mut self, name: Ident<'a>) -> &'a Pattern<'a> {
        self.pattern(PatternKind::Binding(name.name), name.span, 0)
    }

    /// `pattern` where a value is named: an upper-case name is a mistake there.
    pub(crate) fn value_pattern(
        &mut self,
        pattern: &'a Pattern<'a>,
        what: &str,
    ) -> &'a Pattern<'a> {
        match &pattern.kind {
            PatternKind::Constructor { path, args: None, .. } if path.parts.len() == 1 => {
                let name = self.lower_name(pattern.span, what);
                self.binding_pattern(name)
            }
            _ => pattern,
        }
    }

    /// `name is T`
    pub(crate) fn is_pattern(&mut self, name: Ident<'a>, ty: &'a TypePath<'a>) -> &'a Pattern<'a> {
        let span = name.span.to(ty.span);
        self.pattern(PatternKind::Is { name: self.put(name), ty }, span, 0)
    }

    /// A literal.
    pub(crate) fn literal_pattern(&mut self, literal: &'a Expr<'a>) -> &'a Pattern<'a> {
        let (span, depth) = (literal.span, literal.depth);
        self.pattern(PatternKind::Literal(literal), span, depth)
    }

    /// `start..end`, `start..=end`
    pub(crate) fn range_pattern(
        &mut self,
        start: &'a Expr<'a>,
        end: &'a Expr<'a>,
        inclusive: bool,
    ) -> &'a Pattern<'a> {
        let (span, depth) = (start.span.to(end.span), deepest([start, end]));
        self.pattern(PatternKind::Range { start, end, inclusive }, span, depth)
    }

    /// `a | b`
    pub(crate) fn or_pattern(
        &mut self,
        first: &'a Pattern<'a>,
        rest: Items<'a, &'a Pattern<'a>>,
    ) -> &'a Pattern<'a> {
        let rest = self.all(rest);
        let span = first.span.to(rest.last().map_or(first.span, |last| last.span));
        let mut all = self.nodes();
        all.push(first);
        all.extend_from_slice(rest);
        let all = all.into_bump_slice();
        self.pattern(PatternKind::Or(all), span, patterns_depth(all.iter().copied()))
    }

    /// `[a, ...rest]`, `[k: p, ...]`
    pub(crate) fn brackets_pattern(
        &mut self,
        elements: Items<'a, &'a RawPatternElement<'a>>,
        span: Span,
    ) -> &'a Pattern<'a> {
        let elements = self.all(elements);
        let is_map = elements.iter().any(|element| matches!(element, RawPatternElement::Entry(..)));
        let (mut items, mut entries, mut rest) = (self.nodes(), self.nodes(), None);
        for &&element in elements {
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
                    rest = Some(self.put(Rest { position, name, span }));
                }
            }
        }
        let (items, entries) = (items.into_bump_slice(), entries.into_bump_slice());
        let values = entries.iter().map(|(_, pattern)| *pattern);
        let depth = patterns_depth(items.iter().copied().chain(values));
        let kind = if is_map {
            PatternKind::Map { entries, rest }
        } else {
            PatternKind::List { items, rest }
        };
        self.pattern(kind, span, depth)
    }

    /// `[:]`
    pub(crate) fn empty_map_pattern(&mut self, span: Span) -> &'a Pattern<'a> {
        self.pattern(PatternKind::Map { entries: &[], rest: None }, span, 0)
    }

    /// `Point`, `Shape.Circle(r, ...)`
    pub(crate) fn constructor_pattern(
        &mut self,
        parts: Items<'a, Ident<'a>>,
        args: Option<Items<'a, RawCtorArg<'a>>>,
        end: u32,
    ) -> &'a Pattern<'a> {
        let path = self.type_path(parts);
        let span = Span { start: path.span.start, end };
        let mut rest = None;
        let args = args.map(|raw| {
            let raw = self.all(raw);
            let mut args = Nodes::with_capacity_in(raw.len(), self.arena);
            for &arg in raw {
                if let Some(span) = rest {
                    self.error(Code::BadPattern, span, "`...` comes last");
                }
                match arg {
                    RawCtorArg::Arg(arg) => args.push(arg),
                    RawCtorArg::Rest(span) => rest = Some(span),
                }
            }
            args.into_bump_slice()
        });
        let depth = patterns_depth(args.iter().copied().flatten().map(|arg| arg.pattern));
        let rest = rest.is_some();
        self.pattern(PatternKind::Constructor { path, args, rest }, span, depth)
    }

    /// The type that `parts` name.
    pub(crate) fn type_path(&mut self, parts: Items<'a, Ident<'a>>) -> &'a TypePath<'a> {
        let parts = self.all(parts);
        let span = match parts {
            [first, .., last] => first.span.to(last.span),
            [only] => only.span,
            [] => Span::default(),
        };
        if parts.len() > 3 {
            let message = "a type is named by three names at most: module, enum and variant";
            self.error(Code::BadPattern, span, message);
        }
        self.put(TypePath { parts, span })
    }
}

fn patterns_depth<'p>(patterns: impl IntoIterator<Item = &'p Pattern<'p>>) -> u16 {
    patterns.into_iter().map(|pattern| pattern.depth).max().unwrap_or(0)
}
