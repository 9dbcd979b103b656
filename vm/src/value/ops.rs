//! Arithmetic across types: the slow paths of the operators.
//!
//! The interpreter does two ints and two floats itself; what is left comes here. Every function
//! borrows its operands and leaves them as they are when it throws.

use super::error::{Kind, error};
use super::number::{
    float_floor_div, float_rem, int_floor_div, int_pow, int_rem, shift_left, shift_right,
};
use super::{Owned, View, room, text};
use crate::rc;

pub(crate) use super::compare::{equals, try_equals};
pub(crate) use super::order::{less, less_equal};

/// Two numbers: both ints, or else both floats.
enum Pair {
    Ints(i64, i64),
    Floats(f64, f64),
}

fn pair(a: &Owned, b: &Owned) -> Option<Pair> {
    Some(match (a.view(), b.view()) {
        (View::Int(a), View::Int(b)) => Pair::Ints(a, b),
        (View::Float(a), View::Float(b)) => Pair::Floats(a, b),
        (View::Int(a), View::Float(b)) => Pair::Floats(a as f64, b),
        (View::Float(a), View::Int(b)) => Pair::Floats(a, b as f64),
        _ => return None,
    })
}

#[cold]
fn overflow(a: i64, operator: &str, b: i64) -> Owned {
    error(Kind::Overflow, format!("{a} {operator} {b} does not fit 64 bits"))
}

#[cold]
fn divided_by_zero(a: i64, operator: &str) -> Owned {
    error(Kind::Divide, format!("{a} {operator} 0: division by zero"))
}

/// `cannot VERB A and B`, with what to do about it where that is known.
#[cold]
fn mismatch(verb: &str, a: &Owned, b: &Owned) -> Owned {
    let (left, right) = (a.type_name(), b.type_name());
    let mut text = format!("cannot {verb} {left} and {right}");
    if verb == "add" && (a.as_str().is_some() != b.as_str().is_some()) {
        text.push_str("; to join text, use \"{x}\" or str(x)");
    } else if verb == "add" && (a.as_list().is_some() || a.as_bytes().is_some()) {
        text.push_str("; to append one element, use push");
    } else if a.as_record().is_none() && b.as_record().is_some() {
        text.push_str("; the left side decides which operator is called: turn it round");
    } else if a.is_nil() || b.is_nil() {
        text.push_str("; `x ?? 0` gives 0 when x is nil");
    }
    error(Kind::Type, text)
}

/// `a + b`
pub(crate) fn add(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(a, b)) => match a.checked_add(b) {
            Some(sum) => return Ok(Owned::int(sum)),
            None => return Err(overflow(a, "+", b)),
        },
        Some(Pair::Floats(a, b)) => return Ok(Owned::float(a + b)),
        None => {}
    }
    match (a.view(), b.view()) {
        (View::Str(a), View::Str(b)) => {
            let bytes = a.byte_len() + b.byte_len();
            room(bytes)?;
            let mut text = String::new();
            text.try_reserve_exact(bytes).map_err(|_| no_memory())?;
            text.push_str(a.as_str());
            text.push_str(b.as_str());
            rc::work_on(bytes);
            Ok(Owned::string(text))
        }
        (View::List(a), View::List(b)) => {
            room(a.element_bytes() + b.element_bytes())?;
            let sum = a.joined(b)?;
            rc::work_on(sum.element_bytes());
            Ok(Owned::from(sum))
        }
        (View::Bytes(a), View::Bytes(b)) => {
            let mut bytes = reserved_bytes(a.len() + b.len())?;
            bytes.extend_from_slice(a);
            bytes.extend_from_slice(b);
            rc::work_on(bytes.len());
            Ok(Owned::bytes(bytes))
        }
        _ => Err(mismatch("add", a, b)),
    }
}

/// Room for so many bytes, or throws.
fn reserved_bytes(len: usize) -> Result<Vec<u8>, Owned> {
    room(len)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| no_memory())?;
    Ok(bytes)
}

/// `a += b`: strings, lists and bytes grow in place when nobody else has them.
pub(crate) fn add_assign(a: &mut Owned, b: &Owned) -> Result<(), Owned> {
    match b.view() {
        View::Str(more) if a.as_str().is_some() => {
            room(more.byte_len())?;
            // For the most part the kernel's, which finds fresh memory.
            rc::work_on(4 * more.byte_len());
            text::append(a, more.as_str());
        }
        View::List(more) if a.as_list().is_some() => {
            room(more.element_bytes())?;
            rc::work_on(more.element_bytes());
            if let Some(list) = a.list_mut() {
                list.append(more)?;
            }
        }
        View::Bytes(more) if a.as_bytes().is_some() => {
            room(more.len())?;
            rc::work_on(more.len());
            if let Some(bytes) = a.bytes_mut() {
                bytes.with_vec(|bytes| {
                    bytes.try_reserve(more.len()).map_err(|_| no_memory())?;
                    bytes.extend_from_slice(more);
                    Ok::<(), Owned>(())
                })?;
            }
        }
        _ => *a = add(a, b)?,
    }
    Ok(())
}

/// `a - b`
pub(crate) fn sub(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(a, b)) => {
            a.checked_sub(b).map(Owned::int).ok_or_else(|| overflow(a, "-", b))
        }
        Some(Pair::Floats(a, b)) => Ok(Owned::float(a - b)),
        None => Err(mismatch("subtract", a, b)),
    }
}

/// `a * b`
pub(crate) fn mul(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(a, b)) => {
            return a.checked_mul(b).map(Owned::int).ok_or_else(|| overflow(a, "*", b));
        }
        Some(Pair::Floats(a, b)) => return Ok(Owned::float(a * b)),
        None => {}
    }
    match (a.view(), b.view()) {
        (View::Str(_) | View::List(_) | View::Bytes(_), View::Int(n)) => repeat(a, n),
        (View::Int(n), View::Str(_) | View::List(_) | View::Bytes(_)) => repeat(b, n),
        _ => Err(mismatch("multiply", a, b)),
    }
}

/// A string, list or bytes `n` times; nothing for negative `n`.
pub(crate) fn repeat(value: &Owned, n: i64) -> Result<Owned, Owned> {
    let n = usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    match value.view() {
        View::Str(text) => {
            room(text.byte_len().saturating_mul(n))?;
            let mut out = String::new();
            out.try_reserve_exact(text.byte_len().saturating_mul(n)).map_err(|_| no_memory())?;
            // A few at a time: they are often short.
            let many = (256 / text.byte_len().max(1)).clamp(1, n.max(1));
            let unit = text.as_str().repeat(many);
            for _ in 0..if text.is_empty() { 0 } else { n / many } {
                out.push_str(&unit);
            }
            out.push_str(&unit[..n % many * text.byte_len()]);
            rc::work_on(out.len());
            Ok(Owned::string(out))
        }
        View::List(list) => {
            room(list.element_bytes().saturating_mul(n))?;
            let items = list.repeated(n)?;
            rc::work_on(items.element_bytes());
            Ok(Owned::from(items))
        }
        View::Bytes(bytes) => {
            let mut out = reserved_bytes(bytes.len().saturating_mul(n))?;
            for _ in 0..if bytes.is_empty() { 0 } else { n } {
                out.extend_from_slice(bytes);
            }
            rc::work_on(out.len());
            Ok(Owned::bytes(out))
        }
        _ => Err(error(Kind::Type, format!("cannot repeat {}", value.type_name()))),
    }
}

#[cold]
fn no_memory() -> Owned {
    error(Kind::Memory, "out of memory")
}

/// `a / b`, always a float.
pub(crate) fn div(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(a, 0)) => Err(divided_by_zero(a, "/")),
        Some(Pair::Ints(a, b)) => Ok(Owned::float(a as f64 / b as f64)),
        Some(Pair::Floats(a, b)) => Ok(Owned::float(a / b)),
        None => Err(mismatch("divide", a, b)),
    }
}

/// `a // b`, rounded down.
pub(crate) fn floor_div(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(a, 0)) => Err(divided_by_zero(a, "//")),
        Some(Pair::Ints(a, b)) => {
            int_floor_div(a, b).map(Owned::int).ok_or_else(|| overflow(a, "//", b))
        }
        Some(Pair::Floats(a, b)) => Ok(Owned::float(float_floor_div(a, b))),
        None => Err(mismatch("divide", a, b)),
    }
}

/// `a % b`, with the sign of `b`.
pub(crate) fn rem(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(a, 0)) => Err(divided_by_zero(a, "%")),
        Some(Pair::Ints(a, b)) => Ok(Owned::int(int_rem(a, b))),
        Some(Pair::Floats(a, b)) => Ok(Owned::float(float_rem(a, b))),
        None => Err(mismatch("divide", a, b)),
    }
}

/// `a ** b`: an int for ints, unless the exponent is negative.
pub(crate) fn pow(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match pair(a, b) {
        Some(Pair::Ints(0, b)) if b < 0 => Err(divided_by_zero(0, &format!("** {b}, that is 1 /"))),
        Some(Pair::Ints(a, b)) if b < 0 => Ok(Owned::float((a as f64).powf(b as f64))),
        Some(Pair::Ints(a, b)) => int_pow(a, b).map(Owned::int).ok_or_else(|| overflow(a, "**", b)),
        Some(Pair::Floats(a, b)) => Ok(Owned::float(a.powf(b))),
        None => Err(mismatch("take powers of", a, b)),
    }
}

fn bits(verb: &str, a: &Owned, b: &Owned) -> Result<(i64, i64), Owned> {
    match (a.view(), b.view()) {
        (View::Int(a), View::Int(b)) => Ok((a, b)),
        _ => Err(mismatch(verb, a, b)),
    }
}

/// `a & b`
pub(crate) fn bit_and(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    bits("use & on", a, b).map(|(a, b)| Owned::int(a & b))
}

/// `a | b`
pub(crate) fn bit_or(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    bits("use | on", a, b).map(|(a, b)| Owned::int(a | b))
}

/// `a ^ b`
pub(crate) fn bit_xor(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    bits("use ^ on", a, b).map(|(a, b)| Owned::int(a ^ b))
}

#[cold]
fn negative_shift(b: i64) -> Owned {
    error(Kind::Value, format!("cannot shift by {b}: the count is negative"))
}

/// `a << b`
pub(crate) fn shl(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match bits("shift", a, b)? {
        (_, b) if b < 0 => Err(negative_shift(b)),
        (a, b) => Ok(Owned::int(shift_left(a, b))),
    }
}

/// `a >> b`
pub(crate) fn shr(a: &Owned, b: &Owned) -> Result<Owned, Owned> {
    match bits("shift", a, b)? {
        (_, b) if b < 0 => Err(negative_shift(b)),
        (a, b) => Ok(Owned::int(shift_right(a, b))),
    }
}

/// `-a`
pub(crate) fn neg(a: &Owned) -> Result<Owned, Owned> {
    match a.view() {
        View::Int(n) => n
            .checked_neg()
            .map(Owned::int)
            .ok_or_else(|| error(Kind::Overflow, format!("-({n}) does not fit 64 bits"))),
        View::Float(x) => Ok(Owned::float(-x)),
        _ => Err(error(Kind::Type, format!("cannot negate {}", a.type_name()))),
    }
}

/// `~a`
pub(crate) fn bit_not(a: &Owned) -> Result<Owned, Owned> {
    match a.view() {
        View::Int(n) => Ok(Owned::int(!n)),
        _ => Err(error(Kind::Type, format!("cannot use ~ on {}", a.type_name()))),
    }
}

/// `item in container`: a part of a string or of bytes, a key of a map, an element elsewhere. `None`
/// when the `==` of a type must be asked: then the list is to be gone through element by element.
pub(crate) fn try_contains(container: &Owned, item: &Owned) -> Result<Option<bool>, Owned> {
    let found = match container.view() {
        View::Str(text) => match item.as_str() {
            Some(part) => {
                rc::work_on(4 * text.byte_len());
                text.as_str().contains(part)
            }
            None => {
                let text = format!("cannot look for {} in a string", item.type_name());
                return Err(error(Kind::Type, text));
            }
        },
        View::List(list) => {
            let mut steps = rc::Steps::new();
            for element in list {
                steps.turn();
                match try_equals(&element, item) {
                    Some(false) => {}
                    // Found, or a question that comes first and might throw.
                    answer => return Ok(answer),
                }
            }
            false
        }
        View::Map(map) => map.find(item).is_some(),
        View::Set(set) => set.contains(item),
        View::Bytes(bytes) => match item.view() {
            View::Int(n) => {
                rc::work_on(bytes.len());
                u8::try_from(n).is_ok_and(|byte| bytes.contains(&byte))
            }
            View::Bytes(part) => find_bytes(bytes, part, 0).is_some(),
            _ => {
                let text = format!("cannot look for {} in bytes", item.type_name());
                return Err(error(Kind::Type, text));
            }
        },
        View::Range(range) => {
            let number = match item.view() {
                View::Int(n) => Some(n),
                View::Float(x) => super::number::exact_int(x),
                _ => None,
            };
            number.is_some_and(|n| range.index_of(n).is_some())
        }
        _ => {
            let text = format!("cannot look for {} in {}", item.type_name(), container.type_name());
            return Err(error(Kind::Type, text));
        }
    };
    Ok(Some(found))
}

/// As [`try_contains`], but where the `==` of a type would have to be asked its fields are compared.
pub(crate) fn contains(container: &Owned, item: &Owned) -> Result<bool, Owned> {
    let slowly = || container.as_list().is_some_and(|list| list.iter().any(|e| equals(&e, item)));
    Ok(try_contains(container, item)?.unwrap_or_else(slowly))
}

/// Where `part` begins in `bytes`, at or after `from`.
pub(crate) fn find_bytes(bytes: &[u8], part: &[u8], from: usize) -> Option<usize> {
    let Some((&first, rest)) = part.split_first() else {
        return (from <= bytes.len()).then_some(from);
    };
    let mut at = from;
    rc::work_on(4 * (bytes.len() - from.min(bytes.len())));
    while let Some(next) = bytes.get(at..)?.iter().position(|&byte| byte == first) {
        at += next;
        if bytes[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// A range from its parts.
pub(crate) fn range(
    start: &Owned,
    end: &Owned,
    step: Option<&Owned>,
    inclusive: bool,
) -> Result<super::RangeObject, Owned> {
    let int = |what: &str, value: &Owned| {
        value.as_int().ok_or_else(|| {
            let text = format!("the {what} of a range must be an int, not {}", value.type_name());
            error(Kind::Type, text)
        })
    };
    let (start, end) = (int("start", start)?, int("end", end)?);
    let step = step.map_or(Ok(1), |step| int("step", step))?;
    super::RangeObject::new(start, end, step, inclusive)
        .ok_or_else(|| error(Kind::Value, "the step of a range must not be 0"))
}
