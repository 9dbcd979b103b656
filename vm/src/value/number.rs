//! Numbers: parsing, printing, exact comparison, and the integer operations that floor.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::rc;

/// 2^63 as a float: the first number above all ints.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// The int that a float equals, if there is one.
#[inline]
pub(crate) fn exact_int(x: f64) -> Option<i64> {
    ((-LIMIT..LIMIT).contains(&x) && x.trunc() == x).then_some(x as i64)
}

/// Rounds towards zero; `None` out of range and for NaN.
pub(crate) fn truncate(x: f64) -> Option<i64> {
    exact_int(x.trunc())
}

/// Compares by exact mathematical value; `None` with NaN.
pub(crate) fn compare_int_float(a: i64, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b >= LIMIT {
        return Some(Ordering::Less);
    }
    if b < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = b.trunc();
    let order = a.cmp(&(whole as i64));
    // Equal so far: what is behind the point decides.
    Some(order.then_with(|| {
        if b > whole {
            Ordering::Less
        } else if b < whole {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }))
}

/// `a // b`, rounded down; `None` on overflow. `b` is not 0.
#[inline]
pub(crate) fn int_floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    // The remainder cannot overflow where the quotient did not.
    let inexact = a.wrapping_rem(b) != 0;
    Some(if inexact && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// `a % b`, with the sign of `b`. `b` is not 0.
#[inline]
pub(crate) fn int_rem(a: i64, b: i64) -> i64 {
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

/// `a % b` of floats, with the sign of `b`.
#[inline]
pub(crate) fn float_rem(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        0.0_f64.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

/// `a // b` of floats: such that `(a // b) * b + a % b` is `a` again.
pub(crate) fn float_floor_div(a: f64, b: f64) -> f64 {
    if b == 0.0 || !a.is_finite() || b.is_nan() {
        return (a / b).floor();
    }
    if b.is_infinite() {
        return if a != 0.0 && (a < 0.0) != (b < 0.0) { -1.0 } else { a / b };
    }
    let quotient = (a - float_rem(a, b)) / b;
    if quotient == 0.0 {
        return 0.0_f64.copysign(a / b);
    }
    // All but exact; what is missing is rounding.
    let whole = quotient.floor();
    if quotient - whole > 0.5 { whole + 1.0 } else { whole }
}

/// `a ** b` of ints, `b` not negative; `None` on overflow.
pub(crate) fn int_pow(a: i64, b: i64) -> Option<i64> {
    match a {
        0 | 1 => Some(if b == 0 { 1 } else { a }),
        -1 => Some(if b % 2 == 0 { 1 } else { -1 }),
        // Any other base overflows long before its exponent does.
        _ => a.checked_pow(u32::try_from(b).ok()?),
    }
}

/// `a << b`, `b` not negative: bits that leave are lost.
#[inline]
pub(crate) fn shift_left(a: i64, b: i64) -> i64 {
    if b < 64 { a << b } else { 0 }
}

/// `a >> b`, `b` not negative: the sign is kept.
#[inline]
pub(crate) fn shift_right(a: i64, b: i64) -> i64 {
    a >> b.min(63)
}

/// The number that a text spells in a base from 2 to 36: with sign, `_` between digits, spaces
/// around.
pub(crate) fn parse_int(text: &str, base: u32) -> Result<i64, IntError> {
    rc::work_on(8 * text.len());
    let text = text.trim();
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut digit_before = false;
    let mut overflow = false;
    for c in digits.chars() {
        if c == '_' && digit_before {
            digit_before = false;
            continue;
        }
        let digit = i64::from(c.to_digit(base).ok_or(IntError::Syntax)?);
        digit_before = true;
        // Downwards, because there is one more negative number.
        match value.checked_mul(i64::from(base)).and_then(|v| v.checked_sub(digit)) {
            Some(next) => value = next,
            None => overflow = true,
        }
    }
    if !digit_before {
        return Err(IntError::Syntax);
    }
    if overflow {
        return Err(IntError::Range);
    }
    if negative { Ok(value) } else { value.checked_neg().ok_or(IntError::Range) }
}

/// Why a text is no int.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum IntError {
    /// It is not the text of one.
    Syntax,
    /// It does not fit 64 bits.
    Range,
}

/// The float that a text spells, with spaces around and `_` between digits.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    rc::work_on(8 * text.len());
    let text = text.trim();
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let between = |i: usize| {
        let digit =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(i.checked_sub(1)) && digit(Some(i + 1))
    };
    let good = bytes.iter().enumerate().all(|(i, b)| *b != b'_' || between(i));
    if good { text.replace('_', "").parse().ok() } else { None }
}

/// Appends the shortest text that reads back as the same float: `1.0`, `0.1`, `1e21`, `inf`.
pub(crate) fn write_float(out: &mut String, x: f64) {
    if x.is_nan() {
        out.push_str("nan");
    } else {
        // `Debug` is shortest, always with a point or an exponent, and writes `inf`.
        let _ = write!(out, "{x:?}");
    }
}

/// Appends an int.
pub(crate) fn write_int(out: &mut String, n: i64) {
    out.push_str(itoa::Buffer::new().format(n));
}
