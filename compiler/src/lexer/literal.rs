//! The values of literals: numbers with their units, strings with their escapes and indentation.

use std::borrow::Cow;

use super::strings::Quote;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;

/// The value of a number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Number {
    /// Up to 2^63: the grammar cannot tell yet whether a minus stands before it.
    Int(u64),
    /// A float or a duration.
    Float(f64),
}

/// The largest magnitude of an integer; only its negative is one.
pub(crate) const MIN_INT_MAGNITUDE: u64 = 1 << 63;

/// Units of time and how many seconds each has, longest spelling first.
const UNITS: [(&str, f64); 6] =
    [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// The value of `text`, which starts with a digit, or what is wrong with it.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    if text.bytes().all(|b| b.is_ascii_digit()) && text.len() < 19 && !text.starts_with('0') {
        return Ok(Number::Int(text.bytes().fold(0, |n, b| n * 10 + u64::from(b - b'0'))));
    }
    let radix = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => Some((16, "hexadecimal")),
        [b'0', b'o' | b'O', ..] => Some((8, "octal")),
        [b'0', b'b' | b'B', ..] => Some((2, "binary")),
        _ => None,
    };
    if let Some((radix, name)) = radix {
        let digits = underscores(&text[2..])?;
        if digits.is_empty() {
            return Err(format!("`{text}` has no digits"));
        }
        if let Some(bad) = digits.chars().find(|c| !c.is_digit(radix)) {
            return Err(format!("`{bad}` is no {name} digit"));
        }
        return integer(&digits, radix);
    }
    let unit = UNITS.iter().find(|(unit, _)| {
        text.strip_suffix(unit).is_some_and(|n| n.ends_with(|c: char| c.is_ascii_digit()))
    });
    let plain = unit.map_or(text, |(unit, _)| &text[..text.len() - unit.len()]);
    let is_float = plain.contains(['.', 'e', 'E']);
    let digits = underscores(plain)?;
    if let Some(bad) = digits.find(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'))
    {
        return Err(format!(
            "`{}` is no unit of a number: there are ns, us, ms, s, m and h",
            &digits[bad..]
        ));
    }
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    if whole.len() > 1 && whole.starts_with('0') {
        return Err("a number does not start with zeros; octal is written `0o17`".into());
    }
    if !is_float && unit.is_none() {
        return integer(&digits, 10);
    }
    let value: f64 = digits.parse().map_err(|_| format!("`{text}` is no number"))?;
    let value = match unit {
        // Dividing is exact where multiplying by the rounded 0.001 is not: `250ms == 0.25`.
        Some((_, seconds)) if *seconds < 1.0 => value / (1.0 / seconds).round(),
        Some((_, seconds)) => value * seconds,
        None => value,
    };
    if value.is_infinite() {
        return Err(format!("`{text}` is out of range for a float"));
    }
    Ok(Number::Float(value))
}

fn integer(digits: &str, radix: u32) -> Result<Number, String> {
    match u64::from_str_radix(digits, radix) {
        Ok(value) if value <= MIN_INT_MAGNITUDE => Ok(Number::Int(value)),
        _ => Err(format!("this number is out of range: integers end at {}", i64::MAX)),
    }
}

/// `text` without its underscores, each of which stands between two digits.
fn underscores(text: &str) -> Result<Cow<'_, str>, String> {
    if !text.contains('_') {
        return Ok(text.into());
    }
    let bytes = text.as_bytes();
    let between = |at: usize| {
        let digit = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1))
    };
    if (0..bytes.len()).any(|at| bytes[at] == b'_' && !between(at)) {
        return Err("a `_` in a number stands between two digits".into());
    }
    Ok(text.replace('_', "").into())
}

/// The value of the string `text`, quotes included, which starts at offset `start`.
pub(crate) fn string<'s>(text: &'s str, start: u32, errors: &mut Vec<Diagnostic>) -> Cow<'s, str> {
    let quote = Quote::of(text);
    let inner = &text[quote.opening()..text.len() - quote.closing()];
    let start = start + quote.opening() as u32;
    match quote {
        Quote::Raw => inner.into(),
        Quote::Single | Quote::Double => unescape(inner, start, errors),
        Quote::Triple => {
            let pieces = [Piece { text: inner, start }];
            triple(&pieces, start, errors).pop().unwrap_or_default().into()
        }
    }
}

/// A stretch of a string's text up to an interpolation or to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'s> {
    /// The text as it stands in the source.
    pub(crate) text: &'s str,
    /// Where it starts.
    pub(crate) start: u32,
}

/// The values of the pieces of a triple-quoted string whose text opens at offset `opening`.
///
/// The first newline goes, and so does the indentation that all lines share, the line of the
/// closing quotes included; other lines of white space alone do not count, and become empty.
pub(crate) fn triple(
    pieces: &[Piece<'_>],
    opening: u32,
    errors: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let indent = pieces.iter().filter_map(common_indent).min().unwrap_or(0);
    pieces.iter().map(|piece| dedent(piece, indent, piece.start == opening, errors)).collect()
}

/// The indentation that all lines that start in `piece` share.
fn common_indent(piece: &Piece<'_>) -> Option<usize> {
    let mut lines = piece.text.split('\n').skip(1).peekable();
    let mut common = None;
    while let Some(line) = lines.next() {
        // The last line goes on, with an interpolation or with the closing quotes.
        let goes_on = lines.peek().is_none();
        if goes_on || !line.trim().is_empty() {
            let indent = indent_of(line);
            common = Some(common.map_or(indent, |least: usize| least.min(indent)));
        }
    }
    common
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

fn dedent(piece: &Piece<'_>, indent: usize, opens: bool, errors: &mut Vec<Diagnostic>) -> String {
    let mut value = String::new();
    let mut start = piece.start;
    for (number, line) in piece.text.split_inclusive('\n').enumerate() {
        let blank = line.ends_with('\n') && line.trim().is_empty();
        let drop = match (number, blank) {
            (0, true) if opens => line.len(),
            (0, _) => 0,
            (_, true) => line.trim_end_matches(['\n', '\r']).len(),
            (_, false) => indent.min(indent_of(line)),
        };
        value.push_str(&unescape(&line[drop..], start + drop as u32, errors));
        start += line.len() as u32;
    }
    value
}

/// `text`, which starts at offset `start`, with its escapes replaced.
pub(crate) fn unescape<'s>(
    text: &'s str,
    start: u32,
    errors: &mut Vec<Diagnostic>,
) -> Cow<'s, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (character, len) = match read_escape(escape) {
            Ok(found) => found,
            Err((message, len)) => {
                let from = start as usize + (text.len() - escape.len());
                let error = Diagnostic::error(Code::BadEscape, Span::new(from, from + len), message)
                    .help("the escapes are \\n \\r \\t \\0 \\e \\\\ \\\" \\' \\{ \\} \\xNN \\u{...}; write `\\\\` for a backslash");
                errors.push(error);
                ('\u{FFFD}', len)
            }
        };
        value.push(character);
        rest = &escape[len..];
    }
    value.push_str(rest);
    value.into()
}

/// The character of the escape that `text` starts with, and the escape's length.
fn read_escape(text: &str) -> Result<(char, usize), (String, usize)> {
    let mut chars = text.chars();
    chars.next();
    let Some(kind) = chars.next() else {
        return Err(("a backslash ends the text".into(), text.len()));
    };
    let simple = match kind {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'e' => '\x1b',
        '\\' | '"' | '\'' | '{' | '}' => kind,
        'x' => return read_hex(text),
        'u' => return read_unicode(text),
        _ => {
            return Err((
                format!("there is no escape `\\{}`", kind.escape_debug()),
                1 + kind.len_utf8(),
            ));
        }
    };
    Ok((simple, 2))
}

/// `\xNN`: a character by two hexadecimal digits.
fn read_hex(text: &str) -> Result<(char, usize), (String, usize)> {
    let digits: String = text[2..].chars().take(2).take_while(char::is_ascii_hexdigit).collect();
    match u8::from_str_radix(&digits, 16) {
        Ok(code) if digits.len() == 2 => Ok((char::from(code), 4)),
        _ => Err(("`\\x` takes two hexadecimal digits".into(), 2 + digits.len())),
    }
}

/// `\u{...}`: a character by its code point.
fn read_unicode(text: &str) -> Result<(char, usize), (String, usize)> {
    let close = text.strip_prefix("\\u{").and_then(|rest| rest.find('}'));
    let Some(len) = close else {
        return Err(("`\\u` takes a code point in braces, as in `\\u{e9}`".into(), 2));
    };
    let digits = &text[3..3 + len];
    let code = if digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
    } else {
        None
    };
    let shown = digits.escape_debug();
    code.map(|c| (c, len + 4)).ok_or_else(|| (format!("`{shown}` is no code point"), len + 4))
}
