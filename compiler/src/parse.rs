//! Tokens to a syntax tree: the only file that names the generated parser.
//!
//! The text is parsed one top-level statement at a time. When a statement does not parse, the
//! innermost statement around the unexpected token is replaced by one error token, which the grammar
//! takes for an expression, and the top-level statement is parsed again. So every statement with a
//! mistake gives one error, all others are in the tree, and no error is a consequence of another.
//! The lexer has balanced the brackets, so where a statement ends is known without parsing it.

mod doubt;
mod explain;
mod statement;
#[cfg(test)]
mod tests;

use bumpalo::Bump;
use lalrpop_util::{ParseError, lalrpop_mod};

use crate::ast::build::Builder;
use crate::ast::{ModulePath, Program, Stmt, StmtKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::layout;
use crate::lexer::{self, Doc, Lexed, Problem};
use crate::source::{MAX_SOURCE, Source, Span};
use crate::token::{Lexeme, Token};
pub(crate) use doubt::Doubt;
use explain::Unexpected;

lalrpop_mod!(
    #[allow(
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::unwrap_used,
        missing_debug_implementations,
        missing_docs,
        unreachable_pub,
        unused,
        unused_lifetimes,
        unused_qualifications,
        reason = "generated"
    )]
    grammar
);

/// Syntax errors reported at most: whoever has more will come back before having read them all.
const MAX_ERRORS: usize = 60;

/// Tokens parsed again after errors at most: each error costs another parse of its top-level
/// statement, which may be the whole text.
const MAX_REPEATED: usize = 2_000_000;

/// Diagnostics reported at most.
const MAX_DIAGNOSTICS: usize = 100;

/// What parsing a text gives: always a tree, and what was wrong.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    /// The tree, without the statements that did not parse.
    pub(crate) program: Program<'a>,
    /// Errors and warnings, in the order of their places.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The text ends in the middle of something: more lines could complete it.
    pub(crate) incomplete: bool,
    /// What the errors leave open.
    pub(crate) doubt: Doubt,
}

/// The tokens of a source text, for the parser.
pub(crate) fn scan(source: &Source) -> Lexed {
    if source.text().len() > MAX_SOURCE {
        return Lexed::default();
    }
    let mut lexed = lexer::tokenize(source.text());
    layout::apply(&mut lexed);
    lexed
}

/// The paths of files that a text imports at its top level, without a tree of the rest.
pub(crate) fn file_imports(source: &Source, lexed: &Lexed) -> Vec<Box<str>> {
    let arena = Bump::new();
    let mut parser = Parser::new(source.text(), &arena, Vec::new(), Vec::new());
    let mut paths = Vec::new();
    let mut rest = lexed.tokens.as_slice();
    while !rest.is_empty() {
        let (statement, behind) = rest.split_at(statement::len(rest));
        if statement[0].token == Token::Import
            && let Ok(stmt) = parser.attempt(statement)
            && let StmtKind::Import(import) = stmt.kind
            && let ModulePath::File(path, _) = import.module
        {
            paths.push(path.into());
        }
        rest = behind;
    }
    paths
}

/// Parses the tokens of a source text into an arena. Never fails: what cannot be parsed is reported
/// and left out.
pub(crate) fn parse<'a>(source: &'a Source, lexed: Lexed, arena: &'a Bump) -> Parsed<'a> {
    let text = source.text();
    if text.len() > MAX_SOURCE {
        let message = format!("a source text has {MAX_SOURCE} bytes at most");
        let diagnostics = vec![Diagnostic::error(Code::SourceTooLong, Span::default(), message)];
        let doubt = Doubt::total();
        return Parsed { program: Program::default(), diagnostics, incomplete: false, doubt };
    }
    let mut parser = Parser::new(text, arena, lexed.docs, lexed.problems);
    let mut stmts = Vec::new();
    let mut rest = lexed.tokens.as_slice();
    while !rest.is_empty() && !parser.gives_up() {
        let (statement, behind) = rest.split_at(statement::len(rest));
        stmts.extend(parser.top_level(statement, behind.is_empty()));
        rest = behind;
    }
    parser.doubt.total |= !rest.is_empty();
    let program = Program { stmts: arena.alloc_slice_copy(&stmts) };
    parser.builder.warn_continued(program.stmts);
    let first = parser.problems.iter().min_by_key(|problem| problem.found_at);
    let built = !parser.builder.diagnostics.iter().any(Diagnostic::is_error);
    let incomplete = built && first.is_some_and(|problem| problem.at_end);
    let mut diagnostics = parser.builder.diagnostics;
    diagnostics.extend(parser.problems.into_iter().map(|problem| problem.diagnostic));
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    diagnostics.truncate(MAX_DIAGNOSTICS);
    let mut doubt = parser.doubt;
    doubt.about(text, &lexed.tokens, &diagnostics);
    Parsed { program, diagnostics, incomplete, doubt }
}

struct Parser<'s> {
    text: &'s str,
    generated: grammar::TopLevelParser,
    builder: Builder<'s>,
    problems: Vec<Problem>,
    doubt: Doubt,
    /// Keywords that were taken for names.
    keywords: Vec<&'s str>,
    syntax_errors: usize,
    /// Tokens that were parsed again.
    repeated: usize,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str, arena: &'s Bump, docs: Vec<Doc>, problems: Vec<Problem>) -> Self {
        let too_deep = problems.iter().any(|p| p.diagnostic.code == Code::TooDeep);
        Self {
            text,
            generated: grammar::TopLevelParser::new(),
            builder: Builder::new(arena, text, docs, too_deep),
            problems,
            doubt: Doubt::default(),
            keywords: Vec::new(),
            syntax_errors: 0,
            repeated: 0,
        }
    }

    /// True when the trouble is a keyword that a declaration took for a name: that was said there.
    fn names_keyword(&self, tokens: &[Lexeme], at: usize) -> bool {
        let around = tokens.iter().skip(at.saturating_sub(1)).take(2);
        around.filter(|lexeme| lexeme.token.is_keyword()).any(|lexeme| {
            self.keywords.contains(&&self.text[lexeme.start as usize..lexeme.end as usize])
        })
    }

    /// Parses one top-level statement with its terminator; `last` if nothing stands behind it.
    fn top_level(&mut self, tokens: &[Lexeme], last: bool) -> Option<&'s Stmt<'s>> {
        let mark = self.builder.mark();
        let mut found = match self.attempt(tokens) {
            Ok(stmt) => return Some(stmt),
            Err(found) => found,
        };
        let mut tokens = tokens.to_vec();
        loop {
            self.builder.rewind(mark);
            self.report(&tokens, &found, last);
            let replaced = statement::replace(&mut tokens, found.at);
            if let Some(replaced) = &replaced {
                self.doubt.broken(self.text, replaced);
            }
            if self.gives_up() || replaced.is_none() {
                self.doubt.broken(self.text, &tokens);
                return None;
            }
            self.repeated += tokens.len();
            match self.attempt(&tokens) {
                Ok(stmt) => return Some(stmt),
                Err(next) => found = next,
            }
        }
    }

    fn gives_up(&self) -> bool {
        self.syntax_errors >= MAX_ERRORS || self.repeated > MAX_REPEATED
    }

    fn attempt(&mut self, tokens: &[Lexeme]) -> Result<&'s Stmt<'s>, Unexpected> {
        let mut next = 0;
        let stream = tokens.iter().map(|lexeme| {
            next += 1;
            (lexeme.start, lexeme.token, lexeme.end)
        });
        let result = self.generated.parse(&mut self.builder, stream);
        match result {
            Ok(stmt) => {
                self.builder.end_statement();
                Ok(stmt)
            }
            Err(ParseError::UnrecognizedEof { expected, .. }) => {
                Err(Unexpected { at: tokens.len(), expected })
            }
            Err(ParseError::UnrecognizedToken { expected, .. }) => {
                Err(Unexpected { at: next - 1, expected })
            }
            // The lexer never fails, and the grammar's actions do not either.
            Err(_) => Err(Unexpected { at: next.saturating_sub(1), expected: Vec::new() }),
        }
    }

    fn report(&mut self, tokens: &[Lexeme], found: &Unexpected, last: bool) {
        self.syntax_errors += 1;
        let statement = statement::around(tokens, found.at);
        let from = tokens.get(statement.start).map_or(0, |lexeme| lexeme.start);
        let to = tokens.get(found.at).or(tokens.last()).map_or(0, |lexeme| lexeme.end);
        let known = |p: &Problem| {
            (from..=to).contains(&p.found_at) || { (from..=to).contains(&p.diagnostic.span.start) }
        };
        let is_error = tokens.get(found.at).is_some_and(|lexeme| lexeme.token == Token::Error);
        if is_error || self.problems.iter().any(known) {
            // The lexer has said what is wrong here, and this is what comes of it.
            return;
        }
        if self.names_keyword(tokens, found.at) {
            return;
        }
        let diagnostic = explain::explain(self.text, tokens, found);
        if diagnostic.code == Code::UnclosedString {
            // A quote inside of a string: what is left of the string at the end of the line is no
            // second mistake.
            let start = diagnostic.span.start as usize;
            let line = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
            self.problems.retain(|problem| {
                let at = problem.diagnostic.span.start as usize;
                problem.diagnostic.code != Code::UnclosedString || !(start..line).contains(&at)
            });
        }
        if diagnostic.code == Code::KeywordAsName {
            let Span { start, end } = diagnostic.span;
            self.keywords.push(&self.text[start as usize..end as usize]);
        }
        let at_end = last && found.at == tokens.len();
        let found_at = if at_end { self.text.len() as u32 } else { to };
        self.problems.push(Problem { found_at, at_end, diagnostic });
    }
}
