//! Which newlines end a statement.
//!
//! The lexer has left out the newlines between parentheses and square brackets. Of the others, one
//! ends a statement if the token before it can end one and the line below does not start with a
//! token that continues it. A `;` always does. Here too `else` before `=>` becomes the token that
//! starts the last arm of a `select`.
//!
//! Tokens are only dropped or replaced, never added, so the pass works in place.

use crate::diagnostics::{Code, Diagnostic};
use crate::lexer::{Lexed, Problem};
use crate::source::Span;
use crate::token::{Lexeme, Token};

/// Turns the newlines and semicolons among the tokens into terminators, or drops them.
pub(crate) fn apply(lexed: &mut Lexed) {
    let tokens = &mut lexed.tokens;
    let mut kept = 0;
    for at in 0..tokens.len() {
        let mut lexeme = tokens[at];
        let before = if kept == 0 { None } else { Some(tokens[kept - 1].token) };
        match lexeme.token {
            Token::Newline => {
                let ends = before.is_some_and(Token::ends_statement);
                if !ends || continues(&tokens[at + 1..]) {
                    continue;
                }
                lexeme.token = Token::Terminator;
            }
            Token::Semicolon => {
                if matches!(before, None | Some(Token::Terminator | Token::LBrace)) {
                    lexed.problems.push(empty_statement(lexeme, before));
                    continue;
                }
                lexeme.token = Token::Terminator;
            }
            Token::Else if next(&tokens[at + 1..]) == Some(Token::FatArrow) => {
                lexeme.token = Token::ElseArm;
            }
            _ => {}
        }
        tokens[kept] = lexeme;
        kept += 1;
    }
    tokens.truncate(kept);
}

/// The first token that is no newline. Two newlines never follow each other.
fn next(tokens: &[Lexeme]) -> Option<Token> {
    tokens.iter().map(|lexeme| lexeme.token).find(|token| *token != Token::Newline)
}

/// The line that starts with `tokens` goes on with the statement above, or there is none.
fn continues(tokens: &[Lexeme]) -> bool {
    match tokens.first().map(|lexeme| lexeme.token) {
        None | Some(Token::RBrace | Token::Semicolon) => true,
        Some(Token::Else) => next(&tokens[1..]) != Some(Token::FatArrow),
        Some(token) => token.continues_line(),
    }
}

fn empty_statement(semicolon: Lexeme, before: Option<Token>) -> Problem {
    let span = Span { start: semicolon.start, end: semicolon.end };
    let message = match before {
        Some(Token::Terminator) => "one `;` is enough",
        _ => "this `;` ends nothing",
    };
    let diagnostic = Diagnostic::error(Code::EmptyStatement, span, message).help("remove it");
    Problem { found_at: span.start, at_end: false, diagnostic }
}
