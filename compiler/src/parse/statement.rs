//! Where statements start and end, told from the tokens alone.
//!
//! Brackets are balanced and terminators stand where statements end, so this needs no parsing; it is
//! how the parser steps over a statement that makes no sense.

use std::ops::Range;

use crate::token::{Lexeme, Token};

/// How many tokens the first statement of `tokens` has, with its terminator.
pub(super) fn len(tokens: &[Lexeme]) -> usize {
    let mut depth = 0_usize;
    for (at, lexeme) in tokens.iter().enumerate() {
        match lexeme.token {
            token if token.opens() => depth += 1,
            token if token.closes() => depth = depth.saturating_sub(1),
            Token::Terminator if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The tokens of the innermost statement around the token at `at`, without its terminator.
///
/// A terminator belongs to the statement before it.
pub(super) fn around(tokens: &[Lexeme], at: usize) -> Range<usize> {
    let mut at = at;
    loop {
        let statement = statement_of_block(tokens, at);
        let opener = statement.start.checked_sub(1).map(|before| block_start(tokens, before));
        match opener.flatten() {
            None => return statement,
            Some(opener) if is_block(tokens, opener) => return statement,
            Some(opener) => at = opener,
        }
    }
}

/// The tokens between terminators of the innermost braces around the token at `at`.
fn statement_of_block(tokens: &[Lexeme], at: usize) -> Range<usize> {
    // The outermost bracket around the token inside the innermost braces, and how many there are: a
    // terminator in there (`for (a; b; c)`) ends nothing.
    let mut start = at.min(tokens.len());
    let (mut depth, mut brackets) = (0_usize, 0_usize);
    for before in (0..start).rev() {
        match tokens[before].token {
            token if token.closes() => depth += 1,
            token if token.opens() && depth > 0 => depth -= 1,
            Token::LBrace => break,
            token if token.opens() => (start, brackets) = (before, brackets + 1),
            _ => {}
        }
    }
    let mut depth = 0_usize;
    while let Some(before) = start.checked_sub(1) {
        match tokens[before].token {
            token if token.closes() => depth += 1,
            token if token.opens() && depth > 0 => depth -= 1,
            token if token.opens() => break,
            Token::Terminator if depth == 0 => break,
            _ => {}
        }
        start = before;
    }
    let mut depth = brackets;
    let mut end = at;
    while let Some(lexeme) = tokens.get(end) {
        match lexeme.token {
            Token::Terminator if depth == 0 => break,
            token if token.opens() => depth += 1,
            token if token.closes() && depth == 0 => break,
            token if token.closes() => depth -= 1,
            _ => {}
        }
        end += 1;
    }
    start..end
}

/// The brace whose block the statement behind `before` stands in.
fn block_start(tokens: &[Lexeme], before: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..=before).rev() {
        match tokens[at].token {
            token if token.closes() => depth += 1,
            token if token.opens() && depth > 0 => depth -= 1,
            token if token.opens() => return Some(at),
            _ => {}
        }
    }
    None
}

/// The brace at `at` holds statements, and not arms or members.
fn is_block(tokens: &[Lexeme], at: usize) -> bool {
    let mut depth = 0_usize;
    if at > 0 && tokens[at - 1].token == Token::Dot {
        return false;
    }
    for lexeme in tokens[..at].iter().rev() {
        match lexeme.token {
            token if token.closes() => depth += 1,
            token if token.opens() && depth > 0 => depth -= 1,
            token if token.opens() => return true,
            _ if depth > 0 => {}
            Token::Match | Token::Select | Token::Struct | Token::Enum => {
                return false;
            }
            Token::Terminator | Token::FatArrow | Token::Assign | Token::Comma => return true,
            Token::If | Token::While | Token::For | Token::Else | Token::Fn => return true,
            _ => {}
        }
    }
    true
}

/// Replaces the innermost statement around the token at `at` by an error token; gives what it was.
/// `None` if there is nothing left to replace.
pub(super) fn replace(tokens: &mut Vec<Lexeme>, at: usize) -> Option<Vec<Lexeme>> {
    let mut statement = around(tokens, at);
    // A statement that was replaced already spoils the one around it.
    while matches!(&tokens[statement.clone()], [] | [Lexeme { token: Token::Error, .. }]) {
        if statement.start == 0 {
            return None;
        }
        statement = around(tokens, statement.start - 1);
    }
    let whole = &tokens[statement.clone()];
    let (start, end) = (whole[0].start, whole[whole.len() - 1].end);
    let error = Lexeme { start, token: Token::Error, end };
    Some(tokens.splice(statement, [error]).collect())
}
