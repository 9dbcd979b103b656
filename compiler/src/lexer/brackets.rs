//! Brackets, balanced: what is opened and never closed, and what closes nothing.
//!
//! The blame goes to the opening bracket: the place where it shows is rarely where it happened.

use super::{Lexer, Problem};
use crate::ast::MAX_DEPTH;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::Token;

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
        let bracket = match token {
            Token::LParen => Bracket::Paren,
            Token::LBracket => Bracket::Square,
            _ => self.brace(),
        };
        self.enter(bracket, token, span);
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
        let Some(at) = self.partner(token) else { return self.unmatched(token, span) };
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
            self.close_silently(keep, found.start);
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
