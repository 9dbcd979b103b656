//! Brackets, balanced: what is opened and never closed, and what closes nothing.
//!
//! The blame goes to the opening bracket: the place where it shows is rarely where it happened.

use super::{Lexer, Problem};
use crate::ast::MAX_DEPTH;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::{Lexeme, Token};

/// What an open bracket belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bracket {
    /// `(`
    Paren,
    /// `[`
    Square,
    /// `{` of a block, or of anything not listed here.
    Brace,
    /// `{` of a struct: keywords may be names of fields.
    Struct,
    /// `{` of a `select`: an arm may start with `after`.
    Select,
    /// `{` in a string.
    Interpolation {
        /// The string is triple-quoted.
        triple: bool,
    },
}

impl Bracket {
    pub(super) fn is_interpolation(self) -> bool {
        matches!(self, Self::Interpolation { .. })
    }

    /// Newlines right inside mean nothing.
    pub(super) fn is_newline_blind(self) -> bool {
        matches!(self, Self::Paren | Self::Square | Self::Interpolation { .. })
    }

    fn opener(self) -> &'static str {
        match self {
            Self::Paren => "(",
            Self::Square => "[",
            Self::Brace | Self::Struct | Self::Select | Self::Interpolation { .. } => "{",
        }
    }

    fn closer(self) -> &'static str {
        match self {
            Self::Paren => ")",
            Self::Square => "]",
            Self::Brace | Self::Struct | Self::Select | Self::Interpolation { .. } => "}",
        }
    }

    fn closing_token(self) -> Token {
        match self {
            Self::Paren => Token::RParen,
            Self::Square => Token::RBracket,
            Self::Brace | Self::Struct | Self::Select => Token::RBrace,
            Self::Interpolation { .. } => Token::InterpEnd,
        }
    }
}

/// An open bracket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) bracket: Bracket,
    pub(super) span: Span,
    /// The white space before the first token of its line, in bytes.
    indent: u32,
    /// Where its line starts.
    line: u32,
}

impl Lexer<'_> {
    pub(super) fn open_bracket(&mut self, token: Token, span: Span) {
        if token == Token::LBrace && self.is_body() {
            self.close_unclosed(span);
        }
        let bracket = match token {
            Token::LParen => Bracket::Paren,
            Token::LBracket => Bracket::Square,
            _ => self.brace(),
        };
        self.enter(bracket, token, span);
    }

    /// The `{` that comes next is the body of a head on this line (`fn f(a {`, `if g(x {`), and not
    /// inside of the `(` or `[` that is open: it follows what no block can follow.
    fn is_body(&self) -> bool {
        let Some(open) = self.open.last() else { return false };
        let in_brackets = matches!(open.bracket, Bracket::Paren | Bracket::Square);
        if !in_brackets || self.line != open.line {
            return false;
        }
        let ends_operand = self.last.ends_statement() && self.last != Token::RBrace;
        let from_line = |lexeme: &&Lexeme| lexeme.start >= self.line;
        let heads = |token: Token| {
            matches!(token, Token::Fn | Token::If | Token::While | Token::For | Token::Match)
        };
        // `if c {`, `match v {`, `|x| {` may stand in brackets.
        let is_plain = |token: Token| {
            matches!(token, Token::Nil | Token::True | Token::False | Token::SelfRef)
                || matches!(token, Token::And | Token::Or | Token::Not | Token::In | Token::Is)
        };
        let may_open =
            |token: Token| token == Token::Pipe || token.is_keyword() && !is_plain(token);
        let line = self.out.tokens.iter().rev().take_while(from_line);
        let (inside, before): (Vec<&Lexeme>, Vec<&Lexeme>) =
            line.partition(|lexeme| lexeme.start > open.span.start);
        ends_operand
            && before.iter().any(|lexeme| heads(lexeme.token))
            && !inside.iter().any(|lexeme| may_open(lexeme.token))
    }

    /// Which kind of brace opens after the tokens so far.
    fn brace(&self) -> Bracket {
        match self.out.tokens.as_slice() {
            [.., last] if last.token == Token::Select => Bracket::Select,
            [.., first, last] if first.token == Token::Struct && last.token == Token::TypeName => {
                Bracket::Struct
            }
            _ => Bracket::Brace,
        }
    }

    pub(super) fn enter(&mut self, bracket: Bracket, token: Token, span: Span) {
        let indent = if self.line_start { span.start - self.line } else { self.indent };
        self.open.push(Open { bracket, span, indent, line: self.line });
        if let Bracket::Interpolation { triple: false } = bracket {
            self.one_line += 1;
        }
        if self.open.len() == usize::from(MAX_DEPTH) + 1 {
            // The whole bracket becomes one error; `emit` is deaf until it is closed.
            self.push(Token::Error, span);
            if !self.too_deep {
                self.too_deep = true;
                let message = format!("brackets nest more than {MAX_DEPTH} levels deep");
                self.report(span.start, Diagnostic::error(Code::TooDeep, span, message));
            }
        }
        self.emit(token, span);
    }

    pub(super) fn close_bracket(&mut self, token: Token, span: Span) {
        let Some(at) = self.partner(token).or_else(|| self.outer_partner(token, span)) else {
            return self.unmatched(token, span);
        };
        self.close_above(at + 1, span);
        let open = self.open[at];
        if self.line_start && self.line != open.line && span.start - self.line < open.indent {
            self.suspect.get_or_insert((open, span));
        }
        self.leave(span);
    }

    /// The open bracket that `token` closes. Only a `}` reaches past a brace or out of a string.
    fn partner(&self, token: Token) -> Option<usize> {
        let closes = |open: &Open| match token {
            Token::RParen => open.bracket == Bracket::Paren,
            Token::RBracket => open.bracket == Bracket::Square,
            _ => !matches!(open.bracket, Bracket::Paren | Bracket::Square),
        };
        for (at, open) in self.open.iter().enumerate().rev() {
            if closes(open) {
                return Some(at);
            }
            if !matches!(open.bracket, Bracket::Paren | Bracket::Square) {
                return None;
            }
        }
        None
    }

    /// The open bracket that a `)` or `]` at the start of its line closes by its indentation, past
    /// blocks that should have been closed by then.
    fn outer_partner(&self, token: Token, span: Span) -> Option<usize> {
        let wanted = match token {
            Token::RParen => Bracket::Paren,
            Token::RBracket => Bracket::Square,
            _ => return None,
        };
        let indent = span.start - self.line;
        let at = self.open.iter().rposition(|open| open.bracket == wanted)?;
        let passed = self.open[at + 1..].iter();
        let ends_blocks = self.line_start
            && self.open[at].indent == indent
            && passed.clone().all(|open| open.indent >= indent && !open.bracket.is_interpolation());
        ends_blocks.then_some(at)
    }

    /// Closes brackets of this line whose closing ones stand in `text`, which was swallowed by a
    /// string that goes wrong.
    pub(super) fn close_swallowed(&mut self, text: &str, at: u32) {
        for c in text.chars() {
            let closes = |open: &&Open| {
                open.line == self.line
                    && !open.bracket.is_interpolation()
                    && open.bracket.closer().starts_with(c)
            };
            if self.open.last().as_ref().is_some_and(closes) {
                self.leave(Span { start: at, end: at });
            }
        }
    }

    fn unmatched(&mut self, token: Token, span: Span) {
        let text = &self.text[span.start as usize..span.end as usize];
        if let Some(&open) = self.open.last()
            && matches!(open.bracket, Bracket::Paren | Bracket::Square)
            && token != Token::RBrace
        {
            let (opener, closer) = (open.bracket.opener(), open.bracket.closer());
            let message = format!("`{text}` cannot close `{opener}`");
            let error = Diagnostic::error(Code::UnmatchedBracket, span, message)
                .label(span, format!("expected `{closer}`"))
                .label(open.span, "opened here");
            self.report(span.start, error);
            return self.leave(span);
        }
        let message = format!("`{text}` closes nothing");
        self.report(span.start, Diagnostic::error(Code::UnmatchedBracket, span, message));
    }

    /// Closes the innermost bracket with the token at `span`, and goes on with the string if it
    /// was an interpolation.
    fn leave(&mut self, span: Span) {
        let Some(&open) = self.open.last() else { return };
        self.emit(open.bracket.closing_token(), span);
        self.open.pop();
        if let Bracket::Interpolation { triple } = open.bracket {
            self.one_line -= usize::from(!triple);
            if span.start != span.end {
                self.resume_string(triple, span.end as usize);
            } else {
                self.emit(Token::StrEnd, span);
            }
        }
    }

    /// Closes all brackets but the `keep` outermost, which nothing closes before `found`.
    fn close_above(&mut self, keep: usize, found: Span) {
        if self.open.len() <= keep {
            return;
        }
        self.report_unclosed(keep, found, false);
        self.close_silently(keep, found.start);
    }

    fn close_silently(&mut self, keep: usize, at: u32) {
        while self.open.len() > keep {
            self.leave(Span { start: at, end: at });
        }
    }

    /// Closes the parentheses and brackets that are open inside the innermost brace: `found` starts
    /// a line with a keyword that cannot stand in them.
    pub(super) fn close_unclosed(&mut self, found: Span) {
        let keep = self
            .open
            .iter()
            .rposition(|open| !matches!(open.bracket, Bracket::Paren | Bracket::Square))
            .map_or(0, |at| at + 1);
        self.close_above(keep, found);
    }

    /// A newline, or the end, in the interpolation of a one-line string: the string ends here.
    pub(super) fn close_one_line(&mut self, found: Span) {
        let one_line = |open: &Open| open.bracket == Bracket::Interpolation { triple: false };
        let Some(&open) = self.open.iter().rfind(|open| one_line(open)) else { return };
        let message = "this `{` of the string is not closed on its line";
        let error = Diagnostic::error(Code::BadInterpolation, open.span, message)
            .help("write `\\{` for a brace that is part of the text");
        self.end_one_line(found, error);
    }

    /// Ends the outermost one-line string whose interpolation is open, for the reason given.
    pub(super) fn end_one_line(&mut self, found: Span, error: Diagnostic) {
        self.report(found.start, error);
        let one_line = |open: &Open| open.bracket == Bracket::Interpolation { triple: false };
        if let Some(keep) = self.open.iter().position(one_line) {
            let from = self.open[keep].span.end;
            self.close_silently(keep, found.start);
            let text = self.text;
            self.close_swallowed(&text[from as usize..found.end as usize], found.end);
        }
    }

    /// The text ends: closes everything.
    pub(super) fn close_at_end(&mut self, end: Span) {
        if !self.open.is_empty() {
            self.report_unclosed(0, end, true);
            self.close_silently(0, end.start);
        }
    }

    fn report_unclosed(&mut self, keep: usize, found: Span, at_end: bool) {
        let Some(&(mut open)) = self.open[keep..].last() else { return };
        let mut closer = None;
        if at_end
            && open.bracket.closing_token() == Token::RBrace
            && let Some((suspect, found)) = self.suspect
        {
            // The brace at fault was closed by the next `}`, and so on to the outermost one.
            open = suspect;
            closer = Some(found);
        }
        let message = format!("this `{}` is never closed", open.bracket.opener());
        let mut diagnostic = Diagnostic::error(Code::UnclosedBracket, open.span, message);
        if !at_end {
            let label = format!("expected `{}` before this", open.bracket.closer());
            diagnostic = diagnostic.label(found, label);
        }
        if let Some(closer) = closer {
            diagnostic = diagnostic.label(closer, "this one, by its indentation, closes another");
        }
        self.problem(Problem { found_at: found.start, at_end, diagnostic });
    }
}
