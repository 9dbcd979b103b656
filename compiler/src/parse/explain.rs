//! What to say about a token that cannot stand where it stands.
//!
//! The generated parser only knows which tokens could stand there: up to sixty. Here that becomes a
//! few words, after a look at the tokens around for mistakes that people make and that deserve an
//! answer of their own. The tests beside hold the text of every message.

mod foreign;
mod slips;

use super::statement;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::{Lexeme, Token};

/// A token the grammar has no place for.
#[derive(Debug)]
pub(super) struct Unexpected {
    /// Its index; the number of tokens if the statement ends too early.
    pub(super) at: usize,
    /// Names of the tokens that could stand there, as the grammar spells them.
    pub(super) expected: Vec<String>,
}

/// The error for `found` among the tokens of one top-level statement.
pub(super) fn explain(text: &str, tokens: &[Lexeme], found: &Unexpected) -> Diagnostic {
    let place = Place { text, tokens, at: found.at, expected: &found.expected };
    place
        .foreign_operator()
        .or_else(|| place.loop_head())
        .or_else(|| place.assignment())
        .or_else(|| place.declaration_form())
        .or_else(|| place.foreign_word())
        .or_else(|| place.slip())
        .or_else(|| place.keyword())
        .or_else(|| place.body())
        .unwrap_or_else(|| place.plain())
}

struct Place<'a> {
    text: &'a str,
    tokens: &'a [Lexeme],
    at: usize,
    expected: &'a [String],
}

impl<'a> Place<'a> {
    fn token(&self, at: usize) -> Option<Token> {
        self.tokens.get(at).map(|lexeme| lexeme.token)
    }

    fn found(&self) -> Option<Token> {
        self.token(self.at)
    }

    fn before(&self) -> Option<Lexeme> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).copied()
    }

    fn text_of(&self, lexeme: Lexeme) -> &'a str {
        &self.text[lexeme.start as usize..lexeme.end as usize]
    }

    /// Where to point: behind the last token if a line or the text ends too early.
    fn span(&self) -> Span {
        match (self.tokens.get(self.at), self.before()) {
            (Some(found), _) if found.token != Token::Terminator => span_of(*found),
            (Some(found), _) if self.text_of(*found) == ";" => span_of(*found),
            (_, Some(before)) => Span { start: before.end, end: before.end },
            (Some(found), None) => Span { start: found.start, end: found.start },
            (None, None) => Span::default(),
        }
    }

    fn expects(&self, name: &str) -> bool {
        self.expected.iter().any(|expected| expected.trim_matches('"') == name)
    }

    fn expects_expression(&self) -> bool {
        self.expects("spawn")
    }

    fn expects_pattern(&self) -> bool {
        self.expects("number") && !self.expects_expression()
    }

    fn expects_name(&self) -> bool {
        self.expects("name") && !self.expects("number")
    }

    fn expects_operator(&self) -> bool {
        self.expects("+")
    }

    fn error(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.span(), message)
    }

    /// The innermost open bracket around the token.
    fn opener(&self) -> Option<Lexeme> {
        let mut depth = 0_usize;
        for lexeme in self.tokens[..self.at.min(self.tokens.len())].iter().rev() {
            match lexeme.token {
                token if token.closes() => depth += 1,
                token if token.opens() && depth > 0 => depth -= 1,
                token if token.opens() => return Some(*lexeme),
                _ => {}
            }
        }
        None
    }

    /// The tokens of the statement up to the unexpected one.
    fn statement(&self) -> &'a [Lexeme] {
        let range = statement::around(self.tokens, self.at);
        &self.tokens[range.start..self.at.min(self.tokens.len())]
    }

    /// An assignment where none can stand.
    fn assignment(&self) -> Option<Diagnostic> {
        let found = self.found()?;
        if !is_assignment(found) || self.expects_expression() || self.expects_pattern() {
            return None;
        }
        let message = "an assignment has no value and cannot stand here";
        let error = self.error(Code::AssignmentAsValue, message);
        let earlier = self.statement().iter().any(|lexeme| is_assignment(lexeme.token));
        let in_list = self.opener().is_some_and(|opener| opener.token == Token::LBracket);
        let in_call = self.opener().is_some_and(|opener| opener.token == Token::LParen);
        Some(if found == Token::Assign && in_call {
            error.help("a named argument is written `name: value`; `==` compares")
        } else if found == Token::Assign && in_list {
            error.help("a key and its value are written `key: value`; `==` compares")
        } else if earlier {
            error.help("write one assignment to a statement; `==` compares")
        } else if found == Token::Assign {
            error.help("write `==` to compare")
        } else {
            error
        })
    }

    /// `let` without a value, `fn` without a name, `try` without `catch`, and so on.
    fn declaration_form(&self) -> Option<Diagnostic> {
        let found = self.found();
        let before = self.before()?;
        if before.token == Token::Fn && found == Some(Token::LParen) {
            let message = "a function that is declared with `fn` has a name";
            return Some(
                self.error(Code::Syntax, message)
                    .help("an anonymous function is written `|x| x + 1`"),
            );
        }
        if matches!(before.token, Token::Let | Token::Var) && found == Some(Token::Mut) {
            let message = "a variable that changes is declared with `var`";
            return Some(self.error(Code::ForeignSyntax, message).help("write `var name = value`"));
        }
        let ends = matches!(found, None | Some(Token::Terminator | Token::RBrace));
        let first = self.statement().first().map(|lexeme| lexeme.token);
        if ends
            && matches!(first, Some(Token::Let | Token::Var))
            && self.expects("=")
            && self.found().is_some()
        {
            return Some(
                self.error(
                    Code::Syntax,
                    "a declaration needs a value: `= nil` if there is none yet",
                ),
            );
        }
        if self.expected.len() == 1 && self.expects("catch") && self.found().is_some() {
            let help = match self.tokens.get(self.at).map(|found| self.text_of(*found)) {
                Some("except" | "rescue") => {
                    "write `catch` here, as in `try { ... } catch e { ... }`"
                }
                Some("finally" | "ensure") => {
                    "to clean up however it ends, write `defer ...` before what may fail"
                }
                _ => "write `try { ... } catch e { ... }`; to clean up, use `defer`",
            };
            return Some(self.error(Code::Syntax, "a `try` needs a `catch`").help(help));
        }
        if before.token == Token::Else && found.is_some() && found != Some(Token::FatArrow) {
            let message = format!("expected `{{` or `if` after `else`, found {}", self.describe());
            let error = self.error(Code::Syntax, message);
            return Some(error.help("write `else { ... }`, or `else if condition { ... }`"));
        }
        None
    }

    /// A keyword in the wrong place.
    fn keyword(&self) -> Option<Diagnostic> {
        let found = *self.tokens.get(self.at)?;
        if !found.token.is_keyword() {
            return None;
        }
        let word = self.text_of(found);
        let next = self.token(self.at + 1);
        let as_name = self.expects_name() || self.expects_pattern();
        if as_name || (self.expects_expression() && next.is_some_and(is_assignment)) {
            return Some(
                self.error(
                    Code::KeywordAsName,
                    format!("`{word}` is a keyword and cannot be a name here"),
                )
                .help(format!("write `{word}_`, or another name")),
            );
        }
        let message = match found.token {
            Token::Else => "this `else` belongs to no `if`".to_owned(),
            Token::Catch => "this `catch` belongs to no `try`".to_owned(),
            token if token.starts_declaration() && self.expects_expression() => {
                format!("`{word}` starts a statement, which cannot stand in an expression")
            }
            Token::Return | Token::Break | Token::Throw | Token::Continue
                if self.expects_expression() =>
            {
                let message = format!("`{word}` needs parentheses here");
                return Some(self.error(Code::OperatorPlace, message));
            }
            _ => return None,
        };
        Some(self.error(Code::Syntax, message))
    }

    /// A body that is missing or stands on the next line.
    fn body(&self) -> Option<Diagnostic> {
        if !self.expects("{") || self.expects_expression() {
            return None;
        }
        let found = self.tokens.get(self.at)?;
        if found.token != Token::Terminator {
            return None;
        }
        let message = "the `{` of a body stands on the line of its head";
        let error = self.error(Code::Syntax, message);
        // The brace itself has been cut off if this is the last token of a top-level statement.
        let rest = self.text[found.end as usize..].trim_start();
        Some(if rest.starts_with('{') {
            error.help("move the `{` of the next line up")
        } else {
            Diagnostic { message: "expected `{` and a body".into(), ..error }
                .help("a body is written `{ ... }`, also when it is one statement")
        })
    }

    /// What was expected and what was found, in a few words.
    fn plain(&self) -> Diagnostic {
        let expected = self.summary();
        if self.found().is_none() {
            let message = match expected {
                Some(expected) => format!("the text ends here, but {expected} is missing"),
                None => "the text ends too early".into(),
            };
            return self.error(Code::UnexpectedEnd, message);
        }
        let found = self.describe();
        let mut error = match expected {
            Some(expected) => {
                self.error(Code::Syntax, format!("expected {expected}, found {found}"))
            }
            None => self.error(Code::Syntax, format!("{found} cannot stand here")),
        };
        let in_brackets = |opener: &Lexeme| {
            matches!(opener.token, Token::LParen | Token::LBracket)
                && self.text[opener.end as usize..error.span.start as usize].contains('\n')
        };
        if let Some(opener) = self.opener().filter(in_brackets) {
            error = error.label(span_of(opener), "inside this bracket");
        }
        if let Some((word, close)) = self.misspelt_keyword() {
            let message = format!("`{}` is no keyword", self.text_of(word));
            return Diagnostic::error(Code::Syntax, span_of(word), message)
                .help(format!("did you mean `{close}`?"));
        }
        let starts = |token| self.statement().first().is_some_and(|first| first.token == token);
        if self.expects("{") && starts(Token::Loop) && self.statement().len() == 1 {
            error = error.help("`loop` goes on for ever; with a condition it is written `while`");
        }
        if starts(Token::Import) && self.found() == Some(Token::StrStart) {
            error = error.help("the path of a module is a plain string");
        }
        if self.expects("=>") && self.opener().is_some_and(|o| o.token == Token::LBrace) {
            error = error.help(
                "a pattern holds names and literals; what it computes stands in a guard: \
                 `n if n == a + 1 => ...`",
            );
        }
        if self.expected.len() == 1 && self.expects("{") && self.ends_import() {
            error = error.help("write `import module.{name}` to import a name of a module");
        }
        if self.found() == Some(Token::Pipe) && self.expects_expression() {
            error = error.help("a lambda needs parentheses here: `(|x| x + 1)`");
        }
        error
    }

    /// `import math.`
    fn ends_import(&self) -> bool {
        matches!(self.statement(), [import, .., dot]
            if (import.token, dot.token) == (Token::Import, Token::Dot))
    }

    /// What could stand here.
    fn summary(&self) -> Option<String> {
        if self.expects_expression() {
            return Some("an expression".into());
        }
        if self.expects_pattern() {
            return Some("a pattern".into());
        }
        if self.expects_name() {
            let what = match () {
                () if self.expects("nil") => "the name of a type",
                () if self.expects("string") => "the name of a module or the path of a file",
                () if self.expects("mut") => "a parameter",
                () => "a name",
            };
            return Some(what.into());
        }
        let mut names: Vec<String> = Vec::new();
        for token in [",", ")", "]", "}", "|", "{", "=>", "in", "=", "(", "catch"] {
            // Among many operators these say nothing; after a pattern, `|` is the unlikely one.
            let many = self.expects_operator() || self.expects("terminator") || self.expects("{");
            let unlikely = match token {
                "in" | "=" | "(" => many && !self.after_pattern(),
                "|" => many || self.after_pattern(),
                _ => false,
            };
            if self.expects(token) && !unlikely {
                names.push(format!("`{token}`"));
            }
        }
        if self.expects("interpolation end") {
            names.push("`}`".into());
        }
        if self.expects_operator() {
            names.push("an operator".into());
        }
        // A `}` ends a statement too.
        if self.expects("terminator") {
            names.retain(|name| name != "`}`");
            names.push("the end of the statement".into());
        } else if names == ["an operator"] {
            names.push("the end of the statement".into());
        }
        names.dedup();
        match names.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            [first @ .., last] => Some(format!("{} or {last}", first.join(", "))),
        }
    }

    /// A pattern stands before, and what it is taken from or matched by comes next.
    fn after_pattern(&self) -> bool {
        !self.expects_operator()
            && !self.expects("terminator")
            && ["in", "=", "=>"].iter().any(|token| self.expects(token))
            && !self.expects(",")
            && !self.expects("{")
    }

    /// The unexpected token in words.
    fn describe(&self) -> String {
        let Some(&found) = self.tokens.get(self.at) else { return "the end of the text".into() };
        let text = self.text_of(found);
        match found.token {
            Token::Terminator if text != ";" => "the end of the line".into(),
            Token::Str | Token::StrStart | Token::Text => "a string".into(),
            Token::StrEnd => "the end of the string".into(),
            Token::Format => "a format".into(),
            token if token.is_keyword() => format!("the keyword `{text}`"),
            _ => format!("`{text}`"),
        }
    }
}

fn span_of(lexeme: Lexeme) -> Span {
    Span { start: lexeme.start, end: lexeme.end }
}

fn is_assignment(token: Token) -> bool {
    (Token::Assign as u8..=Token::CoalesceAssign as u8).contains(&(token as u8))
}
