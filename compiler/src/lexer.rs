//! Source text to tokens, brackets balanced.
//!
//! `logos` finds the tokens one by one; this file decides what only their surroundings can tell:
//! whether a keyword is a plain name here, where a string goes on after an interpolation
//! ([`strings`]), and what an unclosed or stray bracket means ([`brackets`]). [`literal`] gives
//! numbers and strings their values later, when the parser asks for them.
//!
//! What the passes behind it rely on:
//! - Brackets are balanced: a missing one is reported and supplied (with an empty span), a stray
//!   one is reported and left out. So a mistake in one statement cannot swallow the next function.
//! - They nest at most [`MAX_DEPTH`] deep; what lies deeper has become one [`Token::Error`].
//! - A `Newline` token stands only where the innermost bracket is a brace, or there is none.
//! - Whatever cannot be read was reported and is a [`Token::Error`], which the grammar takes for an
//!   expression. The lexer never fails.

mod brackets;
mod foreign;
pub(crate) mod literal;
mod strings;

use logos::Logos;

use crate::ast::MAX_DEPTH;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::{Lexeme, Token};
use brackets::{Bracket, Open};

/// What the lexer makes of a text.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    /// The tokens in order.
    pub(crate) tokens: Vec<Lexeme>,
    /// What was wrong.
    pub(crate) problems: Vec<Problem>,
    /// Blocks of doc comments, in order.
    pub(crate) docs: Vec<Doc>,
}

/// An error, and how far the reader had come when it showed.
///
/// The blamed place may lie far before it: an unclosed bracket shows at the end of the text.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Offset at which it showed.
    pub(crate) found_at: u32,
    /// More text could mend it.
    pub(crate) at_end: bool,
    /// The error.
    pub(crate) diagnostic: Diagnostic,
}

/// The `## ` lines right above a declaration.
#[derive(Debug)]
pub(crate) struct Doc {
    /// Where the declaration starts.
    pub(crate) declaration: u32,
    /// From the first doc line to the end of the last.
    pub(crate) lines: Span,
}

/// Reads the tokens of `text`.
pub(crate) fn tokenize(text: &str) -> Lexed {
    let mut lexer = Lexer {
        text,
        logos: Token::lexer(text),
        out: Lexed::default(),
        open: Vec::new(),
        one_line: 0,
        last: Token::Newline,
        line_start: true,
        doc: None,
        too_deep: false,
        bad: None,
        joined: false,
        foreign_comment_end: None,
        line: 0,
        indent: 0,
        suspect: None,
    };
    lexer.out.tokens.reserve(text.len() / 4);
    lexer.skip_preamble();
    while let Some(result) = lexer.logos.next() {
        let span = lexer.logos.span();
        match result {
            Ok(token) => lexer.token(token, Span::new(span.start, span.end)),
            Err(()) => lexer.bad_character(Span::new(span.start, span.end)),
        }
    }
    lexer.finish();
    lexer.out
}

/// Problems reported at most: a text with more is no program.
const MAX_PROBLEMS: usize = 100;

struct Lexer<'s> {
    text: &'s str,
    logos: logos::Lexer<'s, Token>,
    out: Lexed,
    /// The open brackets, outermost first.
    open: Vec<Open>,
    /// How many of them are interpolations of one-line strings, which a newline ends.
    one_line: usize,
    /// The last token that is no newline.
    last: Token,
    /// No token has stood on this line yet.
    line_start: bool,
    /// The doc comment that nothing but newlines follows yet.
    doc: Option<Span>,
    /// Too deep nesting was reported; once is enough.
    too_deep: bool,
    /// Where the last character was that means nothing.
    bad: Option<u32>,
    /// The next newline is to be read as a space.
    joined: bool,
    /// Where the last comment in another language's form ended.
    foreign_comment_end: Option<u32>,
    /// Offset of the first byte of this line.
    line: u32,
    /// Bytes of white space before the first token of the line.
    indent: u32,
    /// The first brace that was closed by one that, by its indentation, belongs elsewhere.
    suspect: Option<(Open, Span)>,
}

impl Lexer<'_> {
    /// A byte order mark and a `#!` line are no part of the program.
    fn skip_preamble(&mut self) {
        let mark = if self.text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        let rest = &self.text[mark..];
        let line = if rest.starts_with("#!") { rest.find('\n').unwrap_or(rest.len()) } else { 0 };
        self.logos.bump(mark + line);
    }

    fn token(&mut self, token: Token, span: Span) {
        match token {
            Token::Name => self.word(span),
            Token::Newline => self.newline(span),
            Token::Comment => self.comment(span),
            Token::LParen | Token::LBracket | Token::LBrace => self.open_bracket(token, span),
            Token::RParen | Token::RBracket | Token::RBrace => self.close_bracket(token, span),
            Token::Colon if self.inside(Bracket::is_interpolation) => self.format(span),
            Token::Quote | Token::TripleQuote | Token::SingleQuote | Token::RawQuote => {
                self.string(token, span);
            }
            Token::AmpAmp => self.foreign(span, "`&&` is written `and`", Some(Token::And)),
            Token::Bang => self.bang(span),
            Token::Dot => self.dot(span),
            Token::Slash | Token::SlashSlash if self.foreign_comment(token, span) => {}
            Token::TripleEq => self.foreign(span, "`===` is written `==`", Some(Token::EqEq)),
            Token::NotDoubleEq => self.foreign(span, "`!==` is written `!=`", Some(Token::NotEq)),
            Token::LessGreater => self.foreign(span, "`<>` is written `!=`", Some(Token::NotEq)),
            Token::PlusPlus => self.foreign(span, "there is no `++`: write `x += 1`", None),
            Token::ThinArrow => self.thin_arrow(span),
            Token::Question => self.question(span),
            _ if token.is_keyword() => self.keyword(token, span),
            _ => self.emit(token, span),
        }
    }

    /// Appends a token, unless it lies too deep.
    fn emit(&mut self, token: Token, span: Span) {
        if self.open.len() <= usize::from(MAX_DEPTH) {
            self.push(token, span);
        }
        if self.line_start {
            self.indent = span.start - self.line;
        }
        self.last = token;
        self.line_start = false;
        self.doc = None;
    }

    fn push(&mut self, token: Token, span: Span) {
        self.out.tokens.push(Lexeme { start: span.start, token, end: span.end });
    }

    fn report(&mut self, found_at: u32, diagnostic: Diagnostic) {
        self.problem(Problem { found_at, at_end: false, diagnostic });
    }

    fn problem(&mut self, problem: Problem) {
        if self.out.problems.len() < MAX_PROBLEMS {
            self.out.problems.push(problem);
        }
    }

    fn inside(&self, test: fn(Bracket) -> bool) -> bool {
        self.open.last().is_some_and(|open| test(open.bracket))
    }

    fn word(&mut self, span: Span) {
        let word = &self.text[span.start as usize..span.end as usize];
        if starts_upper(word) {
            return self.emit(Token::TypeName, span);
        }
        if word == "after" && self.starts_arm() {
            return self.emit(Token::After, span);
        }
        let rest = self.logos.remainder().trim_start_matches([' ', '\t']);
        if self.last == Token::RBrace
            && matches!(word, "elif" | "elsif" | "elseif")
            && !rest.starts_with(['=', '.', ',', ')'])
        {
            self.foreign(span, &format!("`{word}` is written `else if`"), Some(Token::Else));
            return self.emit(Token::If, Span { start: span.end, end: span.end });
        }
        self.emit(Token::Name, span);
    }

    /// At the start of an arm of a `select`, and not before what makes a name of it.
    fn starts_arm(&self) -> bool {
        let rest = self.logos.remainder().trim_start_matches([' ', '\t']);
        self.inside(|bracket| bracket == Bracket::Select)
            && self.starts_member()
            && !rest.starts_with(['.', '=', '?'])
    }

    /// Nothing of this arm, field or variant stands before this token.
    fn starts_member(&self) -> bool {
        self.line_start || matches!(self.last, Token::LBrace | Token::Comma | Token::Semicolon)
    }

    fn keyword(&mut self, token: Token, span: Span) {
        let in_brackets = self.inside(|b| matches!(b, Bracket::Paren | Bracket::Square));
        let is_name = match self.last {
            Token::Dot | Token::QuestionDot | Token::Fn => true,
            _ if in_brackets => self.logos.remainder().trim_start().starts_with(':'),
            _ if token == Token::Fn => false,
            _ => self.inside(|bracket| bracket == Bracket::Struct) && self.starts_member(),
        };
        if is_name {
            return self.emit(Token::Name, span);
        }
        if self.line_start && in_brackets && token.starts_declaration() {
            self.close_unclosed(span);
            self.newline_token(Span { start: span.start, end: span.start });
        }
        if matches!(token, Token::Fn | Token::Struct | Token::Enum)
            && let Some(lines) = self.doc.take()
        {
            self.out.docs.push(Doc { declaration: span.start, lines });
        }
        self.emit(token, span);
    }

    fn newline(&mut self, span: Span) {
        if self.one_line > 0 {
            self.close_one_line(span);
        }
        let joined = std::mem::take(&mut self.joined);
        if !joined && !self.inside(Bracket::is_newline_blind) {
            self.newline_token(span);
        }
        // A doc comment belongs to a declaration only if no empty line parts the two.
        if self.line_start && self.doc.is_some_and(|doc| !self.ends_line(doc, span)) {
            self.doc = None;
        }
        self.line_start = true;
        self.line = span.end;
    }

    /// `newline` is the one that ends the line of `doc`.
    fn ends_line(&self, doc: Span, newline: Span) -> bool {
        self.text[doc.end as usize..newline.start as usize].trim_start().is_empty()
            && !self.text[doc.end as usize..newline.start as usize].contains('\n')
    }

    fn newline_token(&mut self, span: Span) {
        if self.open.len() <= usize::from(MAX_DEPTH)
            && self.out.tokens.last().is_some_and(|last| last.token != Token::Newline)
        {
            self.push(Token::Newline, span);
        }
    }

    fn comment(&mut self, span: Span) {
        if self.one_line > 0 {
            let message = "a comment cannot stand between the braces of a one-line string";
            self.end_one_line(span, Diagnostic::error(Code::BadInterpolation, span, message));
            return;
        }
        let text = &self.text[span.start as usize..span.end as usize];
        let is_doc = self.line_start && (text.trim_end() == "##" || text.starts_with("## "));
        if is_doc {
            let start = self.doc.map_or(span.start, |doc| doc.start);
            self.doc = Some(Span { start, end: span.end });
        }
    }

    fn finish(&mut self) {
        let end = self.text.len() as u32;
        let end = Span { start: end, end };
        if self.one_line > 0 {
            self.close_one_line(end);
        }
        self.close_at_end(end);
    }
}

/// The first letter, leading underscores skipped, is upper case.
fn starts_upper(word: &str) -> bool {
    match word.as_bytes().first() {
        Some(b'a'..=b'z') => false,
        Some(b'A'..=b'Z') => true,
        _ => word.trim_start_matches('_').chars().next().is_some_and(char::is_uppercase),
    }
}
