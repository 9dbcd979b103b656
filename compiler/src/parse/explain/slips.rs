//! Slips of the hand, and what is nearly right.

use super::{Place, is_assignment, span_of};
use crate::diagnostics::{Code, Diagnostic};
use crate::spelling::closest;
use crate::token::{Lexeme, Token};

/// Keywords that start a statement or an expression.
const STARTERS: &[&str] = &[
    "break", "continue", "defer", "else", "enum", "fn", "for", "if", "import", "let", "loop",
    "match", "return", "scope", "select", "spawn", "struct", "throw", "try", "var", "while",
];

impl Place<'_> {
    /// `spawn = 3`, `let max-size = 3`, `a, b = b, a`, `int n = 3` and their kin.
    pub(super) fn slip(&self) -> Option<Diagnostic> {
        let found = *self.tokens.get(self.at)?;
        let before = self.before()?;
        let statement = self.statement();
        let adjacent = before.end == found.start;
        if is_assignment(found.token) && before.token.is_keyword() && statement.len() == 1 {
            let word = self.text_of(before);
            let message = format!("`{word}` is a keyword and cannot be a name here");
            return Some(
                Diagnostic::error(Code::KeywordAsName, span_of(before), message)
                    .help(format!("write `{word}_`, or another name")),
            );
        }
        let declares =
            statement.first().is_some_and(|l| matches!(l.token, Token::Let | Token::Var));
        match found.token {
            Token::Minus if declares && statement.len() == 2 && adjacent => {
                let next = self.tokens.get(self.at + 1).filter(|n| n.start == found.end)?;
                let span = span_of(before).to(span_of(*next));
                let name = format!("{}_{}", self.text_of(before), self.text_of(*next));
                let error = Diagnostic::error(Code::Syntax, span, "a name has no `-` in it");
                Some(error.help(format!("write `{name}`")))
            }
            Token::Comma if statement.len() == 1 && before.token == Token::Name => {
                let message = "an assignment has one place";
                let help = "to swap two, write `let old = a`, `a = b` and `b = old`";
                Some(self.error(Code::Syntax, message).help(help))
            }
            Token::Name if before.token == Token::Name && statement.len() == 1 => {
                let next = self.token(self.at + 1)?;
                let (word, name) = (self.text_of(before), self.text_of(found));
                if next != Token::Assign || closest(word, STARTERS.iter().copied()).is_some() {
                    return None;
                }
                let message = format!("a variable is declared with `let` or `var`, not `{word}`");
                let error = Diagnostic::error(Code::ForeignSyntax, span_of(before), message);
                Some(error.help(format!("write `let {name} = ...`, or `var` if it changes")))
            }
            _ => {
                self.literal_slip(found, before, adjacent).or_else(|| self.form_slip(found, before))
            }
        }
    }

    /// `.5`, `x.1`, `f"text"`, `"a "quoted" word"`.
    fn literal_slip(&self, found: Lexeme, before: Lexeme, adjacent: bool) -> Option<Diagnostic> {
        let next = self.tokens.get(self.at + 1);
        let is_string = |token: Token| matches!(token, Token::Str | Token::StrStart);
        let ends_string = matches!(before.token, Token::Str | Token::StrEnd);
        match found.token {
            Token::Dot if self.expects_expression() => {
                let number = next.filter(|n| n.token == Token::Number && n.start == found.end)?;
                let span = span_of(found).to(span_of(*number));
                let error =
                    Diagnostic::error(Code::BadNumber, span, "a number starts with a digit");
                Some(error.help(format!("write `0.{}`", self.text_of(*number))))
            }
            Token::Number if before.token == Token::Dot && !self.is_number(self.at - 2) => {
                let text = self.text_of(found);
                let message = format!("expected a name, found `{text}`");
                let error = self.error(Code::Syntax, message);
                Some(error.help(format!("an element is written `[{text}]`")))
            }
            token if is_string(token) && adjacent && before.token == Token::Name => {
                let prefix = self.text_of(before);
                let message = match prefix {
                    "f" => "every `\"...\"` string interpolates: leave out the `f`".to_owned(),
                    "b" => "bytes are written `bytes(\"...\")`".to_owned(),
                    _ => return None,
                };
                Some(Diagnostic::error(Code::ForeignSyntax, span_of(before), message))
            }
            _ if ends_string && adjacent => {
                let message = "the string has ended before this";
                let quote = self.text_of(before).chars().next_back().unwrap_or('"');
                let help = format!("write `\\{quote}` for a quote that is part of the string");
                Some(self.error(Code::UnclosedString, message).help(help))
            }
            token if ends_string && is_string(token) => {
                let message = "two strings stand side by side";
                Some(self.error(Code::Syntax, message).help("join them with `+`"))
            }
            _ => None,
        }
    }

    fn is_number(&self, at: usize) -> bool {
        self.token(at) == Some(Token::Number)
    }

    /// Declarations and expressions in another shape.
    fn form_slip(&self, found: Lexeme, before: Lexeme) -> Option<Diagnostic> {
        let statement = self.statement();
        let starts = |token| statement.first().is_some_and(|first| first.token == token);
        let in_struct = starts(Token::Struct) || starts(Token::Enum);
        match found.token {
            Token::LParen if starts(Token::Struct) && statement.len() == 2 => {
                let name = self.text_of(before);
                let error = self.error(Code::Syntax, "the fields of a struct stand in braces");
                Some(error.help(format!("write `struct {name} {{ ... }}`")))
            }
            Token::Name if in_struct && matches!(self.text_of(before), "let" | "var" | "mut") => {
                let (word, name) = (self.text_of(before), self.text_of(found));
                let message = format!("a field is declared without `{word}`");
                let error = Diagnostic::error(Code::ForeignSyntax, span_of(before), message);
                Some(error.help(format!("write `{name}` or `{name} = default`")))
            }
            Token::Fn if self.expects_expression() => {
                let message = "a function in an expression is written `|x| x + 1`";
                Some(self.error(Code::ForeignSyntax, message))
            }
            Token::FatArrow if before.token == Token::Name && !self.expects("=>") => {
                let name = self.text_of(before);
                let error = self.error(Code::ForeignSyntax, "`=>` makes no function");
                Some(error.help(format!("an anonymous function is written `|{name}| ...`")))
            }
            Token::FatArrow if before.token == Token::RParen && !self.expects("=>") => {
                let error = self.error(Code::ForeignSyntax, "`=>` makes no function");
                Some(error.help("an anonymous function is written `|x, y| ...`"))
            }
            Token::For if self.opener().is_some_and(|o| o.token == Token::LBracket) => {
                let error = self.error(Code::ForeignSyntax, "a list is not written with `for`");
                Some(error.help("write `xs.map(|x| ...)`, or `xs.filter(|x| ...)` to choose"))
            }
            Token::If
                if !self.expects_expression()
                    && !self.expects_name()
                    && !self.expects_pattern()
                    && !self.expects("if") =>
            {
                let message = "`if` stands before what it chooses";
                let help = "write `if condition { a } else { b }`";
                Some(self.error(Code::ForeignSyntax, message).help(help))
            }
            token
                if token.starts_declaration()
                    && before.token == Token::Defer
                    && self.expects_expression() =>
            {
                let message = "`defer` takes an expression, an assignment or a block";
                Some(self.error(Code::Syntax, message))
            }
            _ => None,
        }
    }

    /// The word before, if it is no name but nearly a keyword.
    pub(super) fn misspelt_keyword(&self) -> Option<(Lexeme, &'static str)> {
        let word = self.statement().first().copied().filter(|l| l.token == Token::Name)?;
        let next = self.tokens.iter().position(|l| l.start == word.start)? + 1;
        let is_operand = |token: Token| {
            matches!(token, Token::Name | Token::TypeName | Token::Number | Token::Str)
                || matches!(token, Token::StrStart | Token::LBrace)
                || token.is_keyword()
        };
        if next != self.at || !self.found().is_some_and(is_operand) {
            return None;
        }
        let close = closest(self.text_of(word), STARTERS.iter().copied())?;
        Some((word, close))
    }
}
