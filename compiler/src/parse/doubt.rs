//! What a text with mistakes leaves open: the names that its broken statements mention.
//!
//! What such a statement declares is not known, nor what it would have done. So whatever names one of
//! its names is not judged: an error about it might be a consequence of the one that was reported.

use std::collections::HashSet;

use super::statement;
use crate::diagnostics::{Code, Diagnostic};
use crate::token::{Lexeme, Token};

/// What cannot be judged.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    /// Nothing can: even which statements belong together is not known.
    pub(crate) total: bool,
    names: HashSet<Box<str>>,
}

impl Doubt {
    /// Nothing can be judged.
    pub(super) fn total() -> Self {
        Self { total: true, names: HashSet::new() }
    }

    /// Notes the names in the statements that `diagnostics` are about.
    pub(super) fn about(&mut self, text: &str, tokens: &[Lexeme], diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
            let start = diagnostic.span.start;
            let at = &text[start.min(text.len() as u32) as usize..];
            self.total |= match diagnostic.code {
                Code::UnclosedBracket | Code::UnmatchedBracket => at.starts_with(['{', '}']),
                Code::UnclosedString => at.starts_with("\"\"\""),
                Code::TooDeep | Code::SourceTooLong => true,
                _ => false,
            };
            if !self.total {
                let token = tokens.partition_point(|lexeme| lexeme.end <= start);
                self.broken(text, &tokens[statement::around(tokens, token)]);
            }
        }
    }

    /// Notes the names in the tokens of a broken statement.
    pub(super) fn broken(&mut self, text: &str, tokens: &[Lexeme]) {
        let imports = tokens.iter().any(|lexeme| lexeme.token == Token::Import);
        for (at, lexeme) in tokens.iter().enumerate() {
            let name = &text[lexeme.start as usize..lexeme.end as usize];
            match lexeme.token {
                Token::Name | Token::TypeName => {
                    let around = |at: Option<usize>| at.and_then(|at| tokens.get(at));
                    let before = around(at.checked_sub(1)).map(|lexeme| lexeme.token);
                    let behind = around(at.checked_add(1)).map(|lexeme| lexeme.token);
                    // What is only called or reached through something is not declared here.
                    let called = behind == Some(Token::LParen)
                        && !matches!(before, Some(Token::Fn | Token::Name))
                        || matches!(before, Some(Token::Dot | Token::QuestionDot));
                    if imports || !called {
                        self.names.insert(name.into());
                    }
                }
                // `import "./geometry"` declares the last name of its path.
                Token::Str if imports => {
                    let path = name.trim_matches(['"', '\'']);
                    self.names.extend(path.rsplit('/').next().map(Into::into));
                }
                _ => {}
            }
        }
    }

    /// True when a piece of the text names something that cannot be judged.
    pub(crate) fn covers(&self, piece: &str) -> bool {
        self.total
            || piece
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|word| self.names.contains(word))
    }
}
