//! The methods of ints and floats.
//!
//! Rounding gives ints, so that the result can be an index; a float too large for one is an error
//! of kind `value`.

use super::arguments::{format, give};
use crate::native::{Call, NativeResult};
use crate::value::number::truncate;
use crate::value::{Kind, Owned, View, cut_literal, error};

methods! {
    /// Without its sign.
    "abs" "()" => |call| give(absolute(call.receiver())?);
    /// The largest int that is not above it.
    "floor" "()" => |call| rounded(call, f64::floor);
    /// The smallest int that is not below it.
    "ceil" "()" => |call| rounded(call, f64::ceil);
    /// The nearest int; halves go away from zero.
    "round" "()" => |call| rounded(call, f64::round);
    /// The int that is left without the fraction.
    "trunc" "()" => |call| rounded(call, f64::trunc);
    /// The text in a format, as in `"{x:.2}"`.
    "format" "(spec)" => format;
}

/// The number without its sign.
pub(super) fn absolute(value: &Owned) -> Result<Owned, Owned> {
    match value.view() {
        View::Int(n) => n.checked_abs().map(Owned::int).ok_or_else(|| {
            error(Kind::Overflow, format!("the absolute value of {n} does not fit 64 bits"))
        }),
        View::Float(x) => Ok(Owned::float(x.abs())),
        _ => {
            let text = format!("`abs` needs a number, not {}", value.type_name());
            Err(error(Kind::Type, text))
        }
    }
}

fn rounded(call: &mut Call<'_>, round: fn(f64) -> f64) -> NativeResult {
    match call.receiver().as_float() {
        Some(x) => match truncate(round(x)) {
            Some(n) => give(n),
            None => {
                let text = format!("{} has no int near it", cut_literal(call.receiver()));
                Err(error(Kind::Value, text))
            }
        },
        None => give(call.receiver().clone()),
    }
}
