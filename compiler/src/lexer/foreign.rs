//! Spellings of other languages and characters that only look right: reported, and where it is clear
//! what is meant, read as that, so that one slip is one error.

use super::Lexer;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::Token;

/// Characters that look like ones of the language, and those.
const LOOKALIKES: &[(char, &str, Option<Token>)] = &[
    ('\u{FF08}', "(", Some(Token::LParen)),
    ('\u{FF09}', ")", Some(Token::RParen)),
    ('\u{FF3B}', "[", Some(Token::LBracket)),
    ('\u{FF3D}', "]", Some(Token::RBracket)),
    ('\u{FF5B}', "{", Some(Token::LBrace)),
    ('\u{FF5D}', "}", Some(Token::RBrace)),
    ('\u{FF0C}', ",", Some(Token::Comma)),
    ('\u{FF1A}', ":", Some(Token::Colon)),
    ('\u{FF1D}', "=", Some(Token::Assign)),
    ('\u{FF0B}', "+", Some(Token::Plus)),
    ('\u{037E}', ";", Some(Token::Semicolon)),
    ('\u{FF1B}', ";", Some(Token::Semicolon)),
    ('\u{2010}', "-", Some(Token::Minus)),
    ('\u{2011}', "-", Some(Token::Minus)),
    ('\u{2013}', "-", Some(Token::Minus)),
    ('\u{2014}', "-", Some(Token::Minus)),
    ('\u{2212}', "-", Some(Token::Minus)),
    ('\u{00D7}', "*", Some(Token::Star)),
    ('\u{2217}', "*", Some(Token::Star)),
    ('\u{00F7}', "/", Some(Token::Slash)),
    ('\u{2044}', "/", Some(Token::Slash)),
    ('\u{2260}', "!=", Some(Token::NotEq)),
    ('\u{2264}', "<=", Some(Token::LessEq)),
    ('\u{2265}', ">=", Some(Token::GreaterEq)),
    ('\u{2026}', "...", Some(Token::Ellipsis)),
    ('\u{2192}', "=>", Some(Token::FatArrow)),
    ('\u{21D2}', "=>", Some(Token::FatArrow)),
];

impl Lexer<'_> {
    /// Another language's spelling: reported, and read as `meant`.
    pub(super) fn foreign(&mut self, span: Span, message: &str, meant: Option<Token>) {
        self.report(span.start, Diagnostic::error(Code::ForeignSyntax, span, message));
        if let Some(token) = meant {
            self.emit(token, span);
        }
    }

    pub(super) fn thin_arrow(&mut self, span: Span) {
        let message = if self.last == Token::RParen {
            "`->` means nothing here: functions declare no result type, arms are written with `=>`"
        } else {
            "`->` means nothing here: lambdas are written `|x| x + 1`, arms with `=>`"
        };
        self.foreign(span, message, Some(Token::FatArrow));
    }

    /// `!`: `not`, but for the one of `print!(...)`.
    pub(super) fn bang(&mut self, span: Span) {
        let adjacent = self.out.tokens.last().is_some_and(|last| last.end == span.start);
        if adjacent && self.last == Token::Name && self.logos.remainder().starts_with('(') {
            return self.foreign(span, "a function is called without `!`", None);
        }
        self.foreign(span, "`!` is written `not`", Some(Token::Not));
    }

    /// `?`: part of `a ? b : c`, or of a name.
    pub(super) fn question(&mut self, span: Span) {
        if let [.., before, name] = self.out.tokens.as_slice()
            && (before.token, name.token) == (Token::Fn, Token::Name)
            && name.end == span.start
        {
            return self.foreign(span, "a name has no `?` in it", None);
        }
        let message = "there is no `?` operator: write `if a { b } else { c }` to choose, \
                       `a ?? b` for nil";
        self.foreign(span, message, Some(Token::Error));
    }

    /// `5.` is half a float.
    pub(super) fn dot(&mut self, span: Span) {
        let number = self.out.tokens.last().filter(|last| last.end == span.start).copied();
        let next = self.logos.remainder().chars().next();
        if let Some(number) = number.filter(|last| last.token == Token::Number)
            && !next.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
        {
            let text = &self.text[number.start as usize..number.end as usize];
            let whole = Span { start: number.start, end: span.end };
            let error = Diagnostic::error(Code::BadNumber, whole, "a number ends with a digit");
            return self.report(span.start, error.help(format!("write `{text}.0`")));
        }
        self.emit(Token::Dot, span);
    }

    /// `//` and `/*` where they can only start a comment: the comment is skipped. True if so.
    pub(super) fn foreign_comment(&mut self, token: Token, span: Span) -> bool {
        let rest = self.logos.remainder();
        let length = match token {
            Token::SlashSlash
                if self.line_start && !self.inside(super::Bracket::is_newline_blind) =>
            {
                rest.find('\n').unwrap_or(rest.len())
            }
            Token::Slash if rest.starts_with('*') => match rest.find("*/") {
                Some(end) => end + 2,
                None => return false,
            },
            _ => return false,
        };
        // The lines of one comment are one error.
        let again = self
            .foreign_comment_end
            .is_some_and(|end| self.text[end as usize..span.start as usize].trim().is_empty());
        if !again {
            self.foreign(span, "a comment starts with `#`", None);
        }
        let skipped = &rest[..length];
        if let Some(at) = skipped.rfind('\n') {
            self.line = span.end + at as u32 + 1;
        }
        self.foreign_comment_end = Some(span.end + length as u32);
        self.logos.bump(length);
        true
    }

    /// Characters the language does not have; those on one line are one error.
    pub(super) fn bad_character(&mut self, span: Span) {
        let text = &self.text[span.start as usize..span.end as usize];
        let character = text.chars().next().unwrap_or_default();
        let meant = LOOKALIKES.iter().find(|(c, ..)| *c == character);
        let is_space = character.is_whitespace() || is_invisible(character);
        let last = self.bad.replace(span.start);
        if last.is_none_or(|last| last < self.line) {
            let shown = if character.is_control() || is_space {
                format!("U+{:04X}", u32::from(character))
            } else {
                format!("`{character}`")
            };
            let message = match meant {
                Some((_, meant, _)) => format!("the character {shown} is not `{meant}`"),
                None if is_invisible(character) => {
                    format!("the invisible character {shown} means nothing here")
                }
                None if is_space => format!("the character {shown} is not a plain space"),
                None => format!("the character {shown} means nothing here"),
            };
            let mut error = Diagnostic::error(Code::BadCharacter, span, message);
            error.help = match (character, meant) {
                (_, Some((_, meant, _))) => Some(format!("write `{meant}`")),
                ('\u{201C}' | '\u{201D}' | '\u{2018}' | '\u{2019}', _) => {
                    Some("strings are written with straight quotes: `\"text\"`".into())
                }
                ('`', _) => {
                    Some("strings are written `\"text\"`, with `{expression}` inside".into())
                }
                ('$', _) if self.starts_name() => Some("names are written without `$`".into()),
                ('$', _) => Some("in a string, `\"{name}\"` inserts a value".into()),
                ('@', _) => Some("there are no decorators".into()),
                ('\\', _) => {
                    Some("a line goes on after an operator, a comma or an open bracket".into())
                }
                _ if is_space => Some("delete it, or write a space".into()),
                _ => None,
            };
            self.report(span.start, error);
        }
        match (character, meant) {
            (_, Some((_, _, Some(token)))) => self.token(*token, span),
            (_, Some((_, _, None))) => {}
            ('$', _) if self.starts_name() => {}
            ('\\', _) if self.logos.remainder().starts_with(['\n', '\r']) => self.joined = true,
            _ if is_space => {}
            _ => self.emit(Token::Error, span),
        }
    }

    /// A name comes next.
    fn starts_name(&self) -> bool {
        self.logos.remainder().starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// A character of no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}')
        || c == '\u{FEFF}'
}
