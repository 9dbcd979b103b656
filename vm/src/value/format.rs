//! Formats of interpolation and of `format`: Python's small language.
//!
//! `[[fill]align][sign][#][0][width][, or _][.precision][type]`, where align is `<`, `>`, `^` or
//! `=`, sign is `+`, `-` or a space, and type is one of `d x X o b c e E f F g G % s`. Two things
//! differ from Python: a precision without a type means digits after the point, for ints too, and
//! values that are neither numbers nor strings are formatted as their text.

use super::error::{Kind, error};
use super::number::{write_float, write_int};
use super::{Owned, View, count_chars, room, try_display};

/// A format, read.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    fill: char,
    align: Option<Align>,
    sign: Sign,
    alternate: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Align {
    Left,
    Right,
    Center,
    /// Between the sign and the digits.
    Sign,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sign {
    Minus,
    Plus,
    Space,
}

/// Widths and precisions above this are refused.
const MOST: usize = 1 << 20;

/// The text of a value in a format.
pub(crate) fn format(value: &Owned, spec: &str) -> Result<String, Owned> {
    if spec.is_empty() {
        return try_display(value);
    }
    Spec::parse(spec)?.format(value)
}

impl Spec {
    /// Reads a format.
    pub(super) fn parse(text: &str) -> Result<Self, Owned> {
        Self::read(text).ok_or_else(|| {
            error(Kind::Value, format!("bad format `{text}`; for example `.2f`, `>8`, `08`, `x`"))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut spec = Self {
            fill: ' ',
            align: None,
            sign: Sign::Minus,
            alternate: false,
            width: 0,
            group: None,
            precision: None,
            kind: None,
        };
        let mut rest = text.chars();
        let mut ahead = text.chars();
        let (first, second) = (ahead.next(), ahead.next());
        if let (Some(fill), Some(align)) = (first, second.and_then(Align::of)) {
            (spec.fill, spec.align) = (fill, Some(align));
            rest = ahead;
        } else if let Some(align) = first.and_then(Align::of) {
            spec.align = Some(align);
            rest.next();
        }
        let mut rest = rest.peekable();
        if let Some(sign) = rest.next_if(|c| matches!(c, '+' | '-' | ' ')) {
            spec.sign = match sign {
                '+' => Sign::Plus,
                ' ' => Sign::Space,
                _ => Sign::Minus,
            };
        }
        spec.alternate = rest.next_if_eq(&'#').is_some();
        if rest.next_if_eq(&'0').is_some() && spec.align.is_none() {
            (spec.fill, spec.align) = ('0', Some(Align::Sign));
        }
        let number = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut value = None;
            while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                rest.next();
                value = Some(value.unwrap_or(0) * 10 + digit as usize);
                if value > Some(MOST) {
                    break;
                }
            }
            value
        };
        spec.width = number(&mut rest).unwrap_or(0);
        spec.group = rest.next_if(|c| matches!(c, ',' | '_'));
        if rest.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut rest)?);
        }
        spec.kind = rest.next();
        let known = spec.kind.is_none_or(|c| "dxXobceEfFgG%s".contains(c));
        let small = spec.width <= MOST && spec.precision.is_none_or(|p| p <= MOST);
        (known && small && rest.next().is_none()).then_some(spec)
    }

    /// The text of a value in this format.
    pub(super) fn format(&self, value: &Owned) -> Result<String, Owned> {
        room(self.width.max(self.precision.unwrap_or(0)))?;
        match (value.view(), self.kind) {
            (View::Int(n), None) if self.precision.is_some() => Ok(self.float(n as f64)),
            (View::Int(n), None | Some('d' | 'x' | 'X' | 'o' | 'b')) => {
                // Digits after the point make no sense with these.
                if self.precision.is_some() { Err(self.mismatch(value)) } else { Ok(self.int(n)) }
            }
            (View::Int(n), Some('c')) => match u32::try_from(n).ok().and_then(char::from_u32) {
                Some(c) => Ok(self.pad("", &c.to_string(), Align::Left)),
                None => Err(self.mismatch(value)),
            },
            (View::Int(n), Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')) => {
                Ok(self.float(n as f64))
            }
            (View::Float(x), None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')) => {
                Ok(self.float(x))
            }
            (_, None | Some('s')) => self.text(&try_display(value)?, value),
            _ => Err(self.mismatch(value)),
        }
    }

    #[cold]
    fn mismatch(&self, value: &Owned) -> Owned {
        let kind = self.kind.map_or_else(String::new, |c| format!(" `{c}`"));
        let precision = self.precision.map_or_else(String::new, |p| format!(" with precision {p}"));
        let text = format!("the format{kind}{precision} does not fit {}", value.type_name());
        error(Kind::Value, text)
    }

    fn text(&self, text: &str, value: &Owned) -> Result<String, Owned> {
        if self.align == Some(Align::Sign) && self.fill != '0'
            || self.sign != Sign::Minus
            || self.alternate
            || self.group.is_some()
        {
            return Err(self.mismatch(value));
        }
        let end = self.precision.and_then(|n| text.char_indices().nth(n)).map(|(at, _)| at);
        Ok(self.pad("", &text[..end.unwrap_or(text.len())], Align::Left))
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, Sign::Plus) => "+",
            (false, Sign::Space) => " ",
            (false, Sign::Minus) => "",
        }
    }

    fn int(&self, n: i64) -> String {
        let size = n.unsigned_abs();
        let (digits, prefix, group) = match self.kind {
            Some('x') => (format!("{size:x}"), "0x", 4),
            Some('X') => (format!("{size:X}"), "0X", 4),
            Some('o') => (format!("{size:o}"), "0o", 4),
            Some('b') => (format!("{size:b}"), "0b", 4),
            _ => {
                let mut digits = String::new();
                write_int(&mut digits, n);
                (digits.trim_start_matches('-').to_owned(), "", 3)
            }
        };
        let prefix = if self.alternate { prefix } else { "" };
        let head = format!("{}{prefix}", self.sign_of(n < 0));
        self.grouped(&head, &digits, "", group)
    }

    fn float(&self, x: f64) -> String {
        let head = self.sign_of(x.is_sign_negative() && !x.is_nan());
        let size = x.abs();
        let upper = self.kind.is_some_and(char::is_uppercase);
        if !size.is_finite() {
            let mut text = String::new();
            write_float(&mut text, size);
            if upper {
                text.make_ascii_uppercase();
            }
            return self.grouped(head, "", &text, 3);
        }
        let precision = self.precision.unwrap_or(6);
        let mut text = match self.kind {
            None if self.precision.is_none() => {
                let mut text = String::new();
                write_float(&mut text, size);
                text
            }
            None | Some('f' | 'F') => format!("{size:.precision$}"),
            Some('%') => format!("{:.precision$}", size * 100.0),
            Some('e' | 'E') => exponent(&format!("{size:.precision$e}")),
            _ => self.general(size, precision.max(1)),
        };
        if upper {
            text.make_ascii_uppercase();
        }
        if self.alternate && !text.contains('.') {
            let end = text.find(['e', 'E']).unwrap_or(text.len());
            text.insert(end, '.');
        }
        if self.kind == Some('%') {
            text.push('%');
        }
        let whole = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        self.grouped(head, &text[..whole], &text[whole..], 3)
    }

    /// C's `%g`: so many significant digits, with an exponent when that is shorter.
    fn general(&self, size: f64, digits: usize) -> String {
        let scientific = format!("{size:.*e}", digits - 1);
        let at = scientific.find('e').unwrap_or(scientific.len());
        let power: i64 = scientific[at..].trim_start_matches('e').parse().unwrap_or(0);
        let strip = |text: &str| {
            if self.alternate || !text.contains('.') {
                text.to_owned()
            } else {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        };
        if power < -4 || power >= digits as i64 {
            let (mantissa, power) = scientific.split_at(at);
            return exponent(&format!("{}{power}", strip(mantissa)));
        }
        let after = usize::try_from(digits as i64 - 1 - power).unwrap_or(0);
        strip(&format!("{size:.after$}"))
    }

    /// Puts separators between the digits, and pads.
    fn grouped(&self, head: &str, digits: &str, tail: &str, every: usize) -> String {
        let Some(separator) = self.group else {
            return self.pad(head, &format!("{digits}{tail}"), Align::Right);
        };
        let mut digits = digits.to_owned();
        if self.align == Some(Align::Sign) && self.fill == '0' {
            // The zeros in front get separators, too.
            let other = count_chars(head) + count_chars(tail);
            let wanted = self.width.saturating_sub(other);
            while digits.len() + digits.len().saturating_sub(1) / every < wanted {
                digits.insert(0, '0');
            }
        }
        let mut text = String::with_capacity(digits.len() * 2);
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(every) {
                text.push(separator);
            }
            text.push(digit);
        }
        text.push_str(tail);
        self.pad(head, &text, Align::Right)
    }

    /// Fills up to the width.
    fn pad(&self, head: &str, text: &str, default: Align) -> String {
        let missing = self.width.saturating_sub(count_chars(head) + count_chars(text));
        let mut align = self.align.unwrap_or(default);
        if align == Align::Sign && default == Align::Left {
            // A `0` before the width of a text: Python fills at the right, too.
            align = Align::Left;
        }
        let (before, between, after) = match align {
            Align::Left => (0, 0, missing),
            Align::Right => (missing, 0, 0),
            Align::Sign => (0, missing, 0),
            Align::Center => (missing / 2, 0, missing - missing / 2),
        };
        let fill = |n| std::iter::repeat_n(self.fill, n);
        let mut out =
            String::with_capacity(head.len() + text.len() + missing * self.fill.len_utf8());
        out.extend(fill(before));
        out.push_str(head);
        out.extend(fill(between));
        out.push_str(text);
        out.extend(fill(after));
        out
    }
}

impl Align {
    fn of(c: char) -> Option<Self> {
        Some(match c {
            '<' => Self::Left,
            '>' => Self::Right,
            '^' => Self::Center,
            '=' => Self::Sign,
            _ => return None,
        })
    }
}

/// Rust's `1.5e7` as C's `1.5e+07`.
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match power.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', power),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
