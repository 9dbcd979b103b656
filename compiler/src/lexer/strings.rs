//! Strings: where they end, and where an interpolation starts.
//!
//! A string without interpolation is one token. One with interpolation is `StrStart`, any number of
//! `Text` and `InterpStart` expression `Format`? `InterpEnd`, then `StrEnd`. Text keeps its escapes
//! and indentation; [`super::literal`] resolves them.

use super::brackets::Bracket;
use super::{Lexer, Problem};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::Token;

/// The kinds of string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quote {
    /// `"..."`
    Double,
    /// `"""..."""`
    Triple,
    /// `'...'`
    Single,
    /// `r"..."`
    Raw,
}

impl Quote {
    /// The kind of the string that `text` starts with.
    pub(crate) fn of(text: &str) -> Self {
        match text.as_bytes() {
            [b'"', b'"', b'"', ..] => Self::Triple,
            [b'"', ..] => Self::Double,
            [b'\'', ..] => Self::Single,
            _ => Self::Raw,
        }
    }

    /// How many bytes the opening quotes have.
    pub(crate) fn opening(self) -> usize {
        match self {
            Self::Double | Self::Single => 1,
            Self::Raw => 2,
            Self::Triple => 3,
        }
    }

    /// How many bytes the closing quotes have.
    pub(crate) fn closing(self) -> usize {
        if self == Self::Triple { 3 } else { 1 }
    }
}

/// Why a piece of text stops.
enum Stop {
    Closed,
    Interpolation,
    Unclosed,
}

impl Lexer<'_> {
    /// A string that opens with the quotes at `span`.
    pub(super) fn string(&mut self, token: Token, span: Span) {
        let quote = match token {
            Token::TripleQuote => Quote::Triple,
            Token::SingleQuote => Quote::Single,
            Token::RawQuote => Quote::Raw,
            _ => Quote::Double,
        };
        let (at, stop) = self.scan(quote, span.end as usize);
        let at = at as u32;
        match stop {
            Stop::Closed => {
                self.emit(Token::Str, Span { start: span.start, end: at + quote.closing() as u32 });
            }
            Stop::Interpolation => {
                self.emit(Token::StrStart, span);
                self.piece(span.end, at, quote);
            }
            Stop::Unclosed => {
                self.unclosed(quote, span, at);
                self.emit(Token::Error, Span { start: span.start, end: at });
                if quote != Quote::Triple {
                    let text = self.text;
                    self.close_swallowed(&text[span.end as usize..at as usize], at);
                }
            }
        }
        self.skip_to(at, quote, &stop);
    }

    /// The rest of a string after the `}` of an interpolation, which ends at `from`.
    pub(super) fn resume_string(&mut self, triple: bool, from: usize) {
        let quote = if triple { Quote::Triple } else { Quote::Double };
        let (at, stop) = self.scan(quote, from);
        let at = at as u32;
        match stop {
            Stop::Closed => {
                self.text(from as u32, at);
                self.emit(Token::StrEnd, Span { start: at, end: at + quote.closing() as u32 });
            }
            Stop::Interpolation => self.piece(from as u32, at, quote),
            Stop::Unclosed => {
                self.unclosed(quote, Span::new(from - 1, from), at);
                self.text(from as u32, at);
                self.emit(Token::StrEnd, Span { start: at, end: at });
                if quote != Quote::Triple {
                    let text = self.text;
                    self.close_swallowed(&text[from..at as usize], at);
                }
            }
        }
        self.skip_to(at, quote, &stop);
    }

    /// Text up to an interpolation at `at`, which opens.
    fn piece(&mut self, from: u32, at: u32, quote: Quote) {
        self.text(from, at);
        let bracket = Bracket::Interpolation { triple: quote == Quote::Triple };
        self.enter(bracket, Token::InterpStart, Span { start: at, end: at + 1 });
    }

    fn text(&mut self, from: u32, to: u32) {
        if from < to {
            self.emit(Token::Text, Span { start: from, end: to });
        }
    }

    /// Makes `logos` go on behind what ended the text at `at`.
    fn skip_to(&mut self, at: u32, quote: Quote, stop: &Stop) {
        let end = at as usize
            + match stop {
                Stop::Closed => quote.closing(),
                Stop::Interpolation => 1,
                Stop::Unclosed => 0,
            };
        let here = self.logos.span().end;
        self.logos.bump(end - here);
    }

    /// Where the text that starts at `at` stops, and why.
    fn scan(&mut self, quote: Quote, mut at: usize) -> (usize, Stop) {
        let bytes = self.text.as_bytes();
        loop {
            let rest = &bytes[at.min(bytes.len())..];
            match rest.first() {
                None => return (bytes.len(), Stop::Unclosed),
                Some(b'\n') if quote != Quote::Triple || self.one_line > 0 => {
                    return (at, Stop::Unclosed);
                }
                // A backslash at the end of a line does not hide the end.
                Some(b'\\') if quote != Quote::Raw => {
                    at += match rest {
                        [_, b'\n', ..] => 1,
                        [_, b'u', b'{', ..] => 3,
                        _ => 2,
                    };
                }
                Some(b'"') if quote == Quote::Triple => {
                    if rest.starts_with(b"\"\"\"") {
                        return (at, Stop::Closed);
                    }
                    at += 1;
                }
                Some(b'"') if quote != Quote::Single => return (at, Stop::Closed),
                Some(b'\'') if quote == Quote::Single => return (at, Stop::Closed),
                Some(b'{') if matches!(quote, Quote::Double | Quote::Triple) => {
                    match self.literal_brace(at) {
                        Some(end) => at = end,
                        None => return (at, Stop::Interpolation),
                    }
                }
                Some(_) => at += 1,
            }
        }
    }

    /// `{}` and `{{` are what other languages write for something else: reported, and taken for
    /// text that ends at the offset returned.
    fn literal_brace(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at + 1..];
        let inner = rest.trim_start_matches([' ', '\t']);
        let (len, message, help) = if rest.starts_with('{') {
            (2, "`{{` is no escape", "write `\\{` for a brace that is part of the text")
        } else if inner.starts_with('}') {
            let len = 2 + rest.len() - inner.len();
            (
                len,
                "there is nothing between these braces",
                "name a value, as in `\"{name}\"`, or write `\\{}` for the text",
            )
        } else {
            return None;
        };
        let span = Span::new(at, at + len);
        let error = Diagnostic::error(Code::BadInterpolation, span, message).help(help);
        self.report(span.start, error);
        Some(at + len)
    }

    fn unclosed(&mut self, quote: Quote, opener: Span, at: u32) {
        if self.one_line > 0 {
            // The brace around it is to blame, and is about to be.
            return;
        }
        let at_end = quote == Quote::Triple;
        let message = if at_end {
            "this triple-quoted string is never closed"
        } else {
            "this string is not closed on its line"
        };
        let mut diagnostic = Diagnostic::error(Code::UnclosedString, opener, message);
        if !at_end {
            diagnostic =
                diagnostic.help("a string over several lines is written `\"\"\"...\"\"\"`");
        }
        self.problem(Problem { found_at: at, at_end, diagnostic });
    }

    /// A format: everything from the colon at `span` to the closing brace.
    pub(super) fn format(&mut self, span: Span) {
        let rest = self.logos.remainder();
        let len = rest.find(['}', '{', '\n', '"']).unwrap_or(rest.len());
        let format = Span { start: span.start, end: span.end + len as u32 };
        self.logos.bump(len);
        if !rest[len..].starts_with('}') {
            let error = Diagnostic::error(
                Code::BadInterpolation,
                format,
                "this `:` starts a format, which goes on to a `}`",
            )
            .help(
                "write `\\{` for a brace that is part of the text; an expression with a `:` of its \
                 own stands in parentheses",
            );
            self.report(format.start, error);
        }
        self.emit(Token::Format, format);
    }
}
