//! The constructors the grammar's actions call: one call builds one node.
//!
//! They read names and literals from the source text, bound the depth of the tree, and report the
//! mistakes that the grammar lets through on purpose because a message from here is clearer
//! (`f() = 1`, `a < b < c`, `[a: 1, 2]`). Nothing here aborts a parse: a node that makes no sense
//! becomes an `Error` node, or the nearest thing that does.
//!
//! The files beside this one: [`operators`] holds precedence, [`expr`] and [`stmt`] and [`pattern`]
//! the nodes.

mod expr;
mod operators;
mod pattern;
mod stmt;

pub(crate) use expr::{RawElement, StrPiece};
pub(crate) use operators::{Chain, Infix};
pub(crate) use pattern::{RawCtorArg, RawPatternElement};
pub(crate) use stmt::Member;

use std::borrow::Cow;

use bumpalo::{Bump, collections::Vec as Nodes};

use super::*;
use crate::diagnostics::{Code, Diagnostic};
use crate::lexer::Doc;
use crate::lexer::literal::{self, MIN_INT_MAGNITUDE, Number};
use operators::Stacks;

/// A list while it is read: plain data like all symbols of the grammar, so that the parser's stack is
/// moved and dropped without a look at them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'a, T> {
    last: Option<&'a Link<'a, T>>,
    len: usize,
}

/// An item of a list, and the one before it.
#[derive(Debug)]
struct Link<'a, T> {
    item: T,
    before: Option<&'a Self>,
}

/// What the constructors know and collect.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    arena: &'a Bump,
    text: &'a str,
    docs: Vec<Doc>,
    /// What is wrong with what was built.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Too deep nesting was reported; once is enough.
    too_deep: bool,
    /// Literals of 2^63 that no minus stands before, so far.
    unsigned: Vec<Span>,
    stacks: Stacks<'a>,
}

/// A point to go back to: see [`Builder::rewind`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    diagnostics: usize,
    too_deep: bool,
}

impl<'a> Builder<'a> {
    /// A builder for nodes of `text`.
    pub(crate) fn new(arena: &'a Bump, text: &'a str, docs: Vec<Doc>, too_deep: bool) -> Self {
        Self {
            arena,
            text,
            docs,
            diagnostics: Vec::new(),
            too_deep,
            unsigned: Vec::new(),
            stacks: Stacks::default(),
        }
    }

    /// A point to go back to if the statement that starts now cannot be parsed.
    pub(crate) fn mark(&self) -> Mark {
        Mark { diagnostics: self.diagnostics.len(), too_deep: self.too_deep }
    }

    /// Forgets everything since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.diagnostics.truncate(mark.diagnostics);
        self.too_deep = mark.too_deep;
        self.unsigned.clear();
        self.stacks.clear();
    }

    /// Puts a node into the arena.
    pub(crate) fn put<T: Copy>(&self, node: T) -> &'a T {
        self.arena.alloc(node)
    }

    /// A list without items yet.
    pub(crate) fn items<T>(&self) -> Items<'a, T> {
        Items { last: None, len: 0 }
    }

    /// A list that starts with an item.
    pub(crate) fn list<T: Copy>(&self, first: T) -> Items<'a, T> {
        self.push(self.items(), first)
    }

    /// The list with one more item.
    pub(crate) fn push<T: Copy>(&self, items: Items<'a, T>, item: T) -> Items<'a, T> {
        let last = self.arena.alloc(Link { item, before: items.last });
        Items { last: Some(last), len: items.len + 1 }
    }

    /// The items in order.
    pub(crate) fn all<T: Copy>(&self, items: Items<'a, T>) -> &'a [T] {
        let Some(last) = items.last else { return &[] };
        let all = self.arena.alloc_slice_fill_copy(items.len, last.item);
        let mut link = items.last;
        for place in all.iter_mut().rev() {
            let Some(Link { item, before }) = link else { break };
            (*place, link) = (*item, *before);
        }
        all
    }

    /// A list of nodes that are made from others.
    fn nodes<T>(&self) -> Nodes<'a, T> {
        Nodes::new_in(self.arena)
    }

    /// Reports what only the end of a statement tells.
    pub(crate) fn end_statement(&mut self) {
        for span in std::mem::take(&mut self.unsigned) {
            let message = format!("this number is out of range: integers end at {}", i64::MAX);
            self.error(Code::BadNumber, span, message);
        }
    }

    /// The source text at `span`.
    fn slice(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// The source text at `span` if it is short enough to stand in a message.
    fn quote(&self, span: Span) -> Option<&'a str> {
        let text = self.slice(span);
        (text.len() <= 40 && !text.contains('\n')).then_some(text)
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let at = self.diagnostics.len();
        self.diagnostics.push(Diagnostic::error(code, span, message));
        &mut self.diagnostics[at]
    }

    /// One level more than `below`; `None`, and an error the first time, if that is too deep.
    fn level(&mut self, below: u16, span: Span) -> Option<u16> {
        if below < MAX_DEPTH {
            return Some(below + 1);
        }
        if !self.too_deep {
            self.too_deep = true;
            let message = format!("this nests more than {MAX_DEPTH} levels deep");
            self.error(Code::TooDeep, span, message).help =
                Some("name a part with `let`, or move it to a function of its own".into());
        }
        None
    }

    fn expr(&mut self, kind: ExprKind<'a>, span: Span, below: u16) -> &'a Expr<'a> {
        match self.level(below, span) {
            Some(depth) => self.put(Expr { kind, span, depth }),
            None => self.leaf(ExprKind::Error, span),
        }
    }

    /// An expression without parts.
    pub(crate) fn leaf(&self, kind: ExprKind<'a>, span: Span) -> &'a Expr<'a> {
        self.put(Expr { kind, span, depth: 1 })
    }

    /// The name at `span`.
    pub(crate) fn ident(&self, span: Span) -> Ident<'a> {
        Ident { name: self.slice(span), span }
    }

    /// A name used as a value.
    pub(crate) fn name(&mut self, span: Span) -> &'a Expr<'a> {
        self.leaf(ExprKind::Name(self.slice(span)), span)
    }

    /// A type's name used as a value.
    pub(crate) fn type_name(&mut self, span: Span) -> &'a Expr<'a> {
        self.leaf(ExprKind::TypeName(self.slice(span)), span)
    }

    /// A bare name as the key of a map.
    pub(crate) fn name_key(&mut self, span: Span) -> &'a Expr<'a> {
        self.leaf(ExprKind::Str(self.slice(span)), span)
    }

    /// A number.
    pub(crate) fn number(&mut self, span: Span) -> &'a Expr<'a> {
        let kind = match literal::number(self.slice(span)) {
            Ok(Number::Int(value)) => {
                if value == MIN_INT_MAGNITUDE {
                    self.unsigned.push(span);
                }
                ExprKind::Int(value)
            }
            Ok(Number::Float(value)) => ExprKind::Float(value),
            Err(message) => {
                self.error(Code::BadNumber, span, message);
                ExprKind::Error
            }
        };
        self.leaf(kind, span)
    }

    /// A string without interpolation.
    pub(crate) fn string(&mut self, span: Span) -> &'a Expr<'a> {
        let value = self.string_value(span);
        self.leaf(ExprKind::Str(value), span)
    }

    /// The value of a string without interpolation.
    pub(crate) fn string_value(&mut self, span: Span) -> &'a str {
        let value = literal::string(self.slice(span), span.start, &mut self.diagnostics);
        self.text_of(value)
    }

    fn text_of(&self, text: Cow<'a, str>) -> &'a str {
        match text {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => self.arena.alloc_str(&text),
        }
    }

    /// A name where an upper-case letter was written by mistake.
    pub(crate) fn lower_name(&mut self, span: Span, what: &str) -> Ident<'a> {
        let name = self.slice(span);
        let message = format!("{what} start with a lower-case letter");
        let lower = name.to_lowercase();
        self.error(Code::NameCase, span, message).help =
            Some(format!("write `{lower}`: an upper-case letter makes it a type or a variant"));
        Ident { name: self.arena.alloc_str(&lower), span }
    }

    /// A name where a lower-case letter was written by mistake.
    pub(crate) fn upper_name(&mut self, span: Span, what: &str) -> Ident<'a> {
        let mut chars = self.slice(span).chars();
        let upper: String =
            chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
        let message = format!("{what} start with an upper-case letter");
        self.error(Code::NameCase, span, message).help = Some(format!("write `{upper}`"));
        Ident { name: self.arena.alloc_str(&upper), span }
    }

    /// The doc comment above the declaration that starts at `start`, without its `## `.
    fn doc(&self, start: u32) -> Option<&'a str> {
        let at = self.docs.binary_search_by_key(&start, |doc| doc.declaration).ok()?;
        let lines: Vec<_> = self
            .slice(self.docs[at].lines)
            .lines()
            .map(|line| line.trim_start().trim_start_matches("##"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
            .collect();
        Some(self.arena.alloc_str(&lines.join("\n")))
    }
}

/// The depth of the deepest of `exprs`.
fn deepest<'e>(exprs: impl IntoIterator<Item = &'e Expr<'e>>) -> u16 {
    exprs.into_iter().map(|expr| expr.depth).max().unwrap_or(0)
}
