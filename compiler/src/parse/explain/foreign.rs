//! What people write who come from another language.

use super::{Place, span_of};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::token::{Lexeme, Token};

/// First words of statements in other languages, and what to write here.
const FOREIGN: &[(&[&str], &str)] = &[
    (&["def", "func", "fun", "function", "proc"], "functions are declared with `fn`"),
    (&["class", "record", "data"], "types are declared with `struct` or `enum`"),
    (
        &["const", "val", "final", "auto", "local"],
        "constants are declared with `let`, variables with `var`",
    ),
    (&["switch"], "`switch` is written `match value { pattern => ... }`"),
    (&["case", "when"], "the arms of a `match` are written `pattern => ...`"),
    (&["elif", "elsif", "elseif"], "`elif` is written `else if`, on the line of the `}`"),
    (&["foreach"], "loops are written `for x in xs { ... }`"),
    (&["do", "repeat"], "loops are written `loop { ... }` or `while condition { ... }`"),
    (&["unless"], "write `if not condition { ... }`"),
    (&["until"], "write `while not condition { ... }`"),
    (&["raise"], "errors are thrown with `throw error(\"message\")`"),
    (&["except", "rescue"], "errors are caught with `try { ... } catch e { ... }`"),
    (&["finally", "ensure"], "write `defer ...` before what may fail"),
    (
        &["from", "use", "require", "include"],
        "modules are imported with `import name` or `import \"./file\"`",
    ),
    (&["new"], "a value of a struct is made by `Name(...)`"),
    (&["async", "await"], "any call may block here: leave the word out, or write `spawn`"),
    (&["go"], "write `spawn f(x)`"),
    (&["yield"], "`yield()` lets other threads run; there are no generators: use a channel"),
    (&["lambda"], "an anonymous function is written `|x| x + 1`"),
    (&["print", "puts", "echo"], "arguments stand in parentheses: `print(x)`"),
    (&["pub", "public", "private", "export"], "names are public unless they start with `_`"),
    (&["static", "global", "nonlocal"], "a `let` at the top level is seen by every function"),
    (&["trait", "interface", "impl"], "functions of a type stand inside its `struct` or `enum`"),
];

/// Those of them whose condition may stand in parentheses.
const TAKES_CONDITION: &[&str] =
    &["switch", "foreach", "unless", "until", "elif", "elsif", "elseif", "case", "when"];

/// Those of them that are functions here, and foreign only where a statement starts.
const TAKES_VALUE: &[&str] = &["print", "puts", "echo", "yield", "data", "record", "local", "use"];

impl Place<'_> {
    /// True at `/*`.
    fn opens_comment(&self) -> bool {
        match self.tokens.get(self.at..self.at + 2) {
            Some([slash, star]) => star.token == Token::Star && slash.end == star.start,
            _ => false,
        }
    }

    /// `a || b`, `x--`, comments and the like.
    pub(super) fn foreign_operator(&self) -> Option<Diagnostic> {
        let before = self.before();
        let found = self.tokens.get(self.at).copied();
        let adjacent = before.zip(found).is_some_and(|(b, f)| b.end == f.start);
        if let (Some(before), Some(found)) = (before, found)
            && (before.token, found.token) == (Token::Pipe, Token::Pipe)
            && adjacent
        {
            let span = span_of(before).to(span_of(found));
            return Some(Diagnostic::error(Code::ForeignSyntax, span, "`||` is written `or`"));
        }
        match found.map(|found| found.token) {
            Some(Token::SlashSlash) if self.expects_expression() => {
                Some(self.error(Code::ForeignSyntax, "a comment starts with `#`"))
            }
            Some(Token::Slash) if self.expects_expression() && self.opens_comment() => {
                Some(self.error(Code::ForeignSyntax, "a comment starts with `#`"))
            }
            Some(Token::Plus) if self.expects_expression() => Some(
                self.error(Code::ForeignSyntax, "there is no `+` before a single value")
                    .help("to go on with the line above, end that line with the `+`"),
            ),
            Some(Token::Colon) if !self.expects_expression() => self.annotation(),
            Some(Token::Greater) if before.is_some_and(|b| b.token == Token::Pipe) && adjacent => {
                let message = "there is no `|>`: write `value.function()`, or `function(value)`";
                Some(self.error(Code::ForeignSyntax, message))
            }
            _ => self.decrement().filter(|_| self.expects_expression()).map(|span| {
                let message = "there is no `--`: write `x -= 1`";
                Diagnostic::error(Code::ForeignSyntax, span, message)
            }),
        }
    }

    /// The `--` right before.
    fn decrement(&self) -> Option<Span> {
        match self.tokens[..self.at.min(self.tokens.len())] {
            [.., first, last]
                if (first.token, last.token) == (Token::Minus, Token::Minus)
                    && first.end == last.start =>
            {
                Some(span_of(first).to(span_of(last)))
            }
            _ => None,
        }
    }

    /// `x: int`, `if a:`, and other colons
    fn annotation(&self) -> Option<Diagnostic> {
        let found = self.tokens.get(self.at)?;
        let next = self.tokens.get(self.at + 1).filter(|next| next.start == found.end);
        if let Some(next) = next.filter(|next| matches!(next.token, Token::Assign | Token::Colon)) {
            let span = span_of(*found).to(span_of(*next));
            let message = match next.token {
                Token::Assign => "there is no `:=`: declare with `let name = value` or `var`",
                _ => "there is no `::`: a member is written `module.name`",
            };
            return Some(Diagnostic::error(Code::ForeignSyntax, span, message));
        }
        match self.opener().map(|opener| (opener, self.before())) {
            Some((opener, Some(_))) if opener.token == Token::LBracket && self.is_index(opener) => {
                return Some(self.error(Code::ForeignSyntax, "a slice is written `xs[1..3]`"));
            }
            Some((opener, Some(_))) if self.opens_struct(opener) => {
                let message = "types are not written down: leave out the `:`";
                return Some(self.error(Code::ForeignSyntax, message).help(
                    "fields are names, with a default where wanted: `struct P { x, y = 0 }`",
                ));
            }
            Some((opener, Some(before)))
                if opener.token == Token::LBrace
                    && !self.expects("=>")
                    && before.start >= opener.end
                    && self.text[opener.end as usize..before.start as usize].trim().is_empty() =>
            {
                let message = "a map is written in brackets: `[name: value]`";
                let error = Diagnostic::error(Code::ForeignSyntax, span_of(opener), message);
                return Some(error.help("`{ ... }` is a block of statements"));
            }
            _ => {}
        }
        if self.expects("=>") {
            return Some(self.error(Code::ForeignSyntax, "an arm is written `pattern => value`"));
        }
        if self.expects("{") {
            return Some(
                self.error(Code::ForeignSyntax, "a body is written `{ ... }`, without `:`"),
            );
        }
        let named = self.before().is_some_and(|b| matches!(b.token, Token::Name | Token::RParen));
        named.then(|| {
            self.error(Code::ForeignSyntax, "types are not written down: leave out the `:`")
        })
    }

    /// The `{` is that of a struct.
    fn opens_struct(&self, opener: Lexeme) -> bool {
        let at = self.tokens.iter().position(|lexeme| lexeme.start == opener.start);
        let before = at.and_then(|at| at.checked_sub(2)).map(|at| self.tokens[at].token);
        before == Some(Token::Struct)
    }

    /// The `[` follows what it takes an element of.
    fn is_index(&self, opener: Lexeme) -> bool {
        self.tokens.iter().rev().any(|lexeme| {
            lexeme.end == opener.start
                && matches!(lexeme.token, Token::Name | Token::RParen | Token::RBracket)
        })
    }

    /// `for (x in xs)`, `for x of xs`
    pub(super) fn loop_head(&self) -> Option<Diagnostic> {
        let statement = self.statement();
        let start = statement.iter().rposition(|lexeme| lexeme.token == Token::For)?;
        let head = &statement[start + 1..];
        if head.iter().any(|lexeme| matches!(lexeme.token, Token::LBrace | Token::In)) {
            return None;
        }
        let parenthesis = head.first().is_some_and(|lexeme| lexeme.token == Token::LParen);
        let message = if parenthesis {
            "the head of a `for` has no parentheses"
        } else if self.expects("in") && self.found().is_some() {
            "this `for` has no `in`"
        } else {
            return None;
        };
        let help = "write `for x in xs { ... }`, or `for i in 0..10 { ... }` to count";
        Some(self.error(Code::ForeignSyntax, message).help(help))
    }

    /// A word that starts statements in another language.
    pub(super) fn foreign_word(&self) -> Option<Diagnostic> {
        let statement = self.statement();
        let found = self.found();
        let entry = |lexeme: &Lexeme| {
            let word = self.text_of(*lexeme);
            let entry = FOREIGN.iter().find(|(words, _)| words.contains(&word))?;
            (lexeme.token == Token::Name).then_some((*lexeme, word, entry.1))
        };
        // At the start of a statement, and not used as a name is.
        let first = statement.first().and_then(entry).filter(|(_, word, _)| {
            let next = statement.get(1).map(|lexeme| lexeme.token).or(found);
            match next {
                Some(Token::LParen) => TAKES_CONDITION.contains(word),
                None | Some(Token::Name | Token::TypeName | Token::Number | Token::LBrace) => true,
                Some(Token::Str | Token::StrStart | Token::Colon | Token::LBracket) => true,
                Some(token) => token.is_keyword(),
            }
        });
        // `const x = 1`, or `private fn f() { }`: two words stand where there should be one.
        let starts = |token: Token| {
            matches!(token, Token::Name | Token::TypeName | Token::Number | Token::Str)
                || token.is_keyword()
        };
        let last = self
            .before()
            .as_ref()
            .and_then(entry)
            .filter(|(_, word, _)| !TAKES_VALUE.contains(word) && found.is_some_and(starts));
        let (lexeme, _, message) = first.or(last)?;
        if self.expects_expression() {
            return None;
        }
        Some(Diagnostic::error(Code::ForeignSyntax, span_of(lexeme), message))
    }
}
