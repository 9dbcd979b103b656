//! `math`: numbers beyond arithmetic.
//!
//! Functions on floats follow IEEE 754: they never throw for a number, the answer may be `nan` or
//! `inf`. Those that round give ints, and throw where no int is meant.

use lisle_vm::{Error, ErrorKind, FromValue, IntoValue, Local, ModuleBuilder, ValueRef};

/// The module.
pub(crate) fn module() -> ModuleBuilder {
    use std::f64::consts;
    ModuleBuilder::new("math", "Numbers beyond arithmetic.")
        .value("pi", "The ratio of a circle's circumference to its diameter.", consts::PI)
        .value("e", "The base of natural logarithms.", consts::E)
        .value("inf", "The float above all numbers.", f64::INFINITY)
        .value("nan", "The float that is no number.", f64::NAN)
        .float_function("sqrt(x)", "The square root; nan below zero.", f64::sqrt)
        .float_function("cbrt(x)", "The cube root.", f64::cbrt)
        .float_function("sin(x)", "The sine of an angle in radians.", f64::sin)
        .float_function("cos(x)", "The cosine of an angle in radians.", f64::cos)
        .float_function("tan(x)", "The tangent of an angle in radians.", f64::tan)
        .float_function("asin(x)", "The angle from -pi/2 to pi/2 whose sine is `x`.", f64::asin)
        .float_function("acos(x)", "The angle from 0 to pi whose cosine is `x`.", f64::acos)
        .float_function("atan(x)", "The angle from -pi/2 to pi/2 whose tangent is `x`.", f64::atan)
        .function("atan2(y, x)", "The angle of the point (x, y), from -pi to pi.", f64::atan2)
        .float_function("exp(x)", "e to the power of `x`.", f64::exp)
        .function("log(x, base = nil)", "The logarithm, natural without a base.", log)
        .float_function("log2(x)", "The logarithm to base 2.", f64::log2)
        .float_function("log10(x)", "The logarithm to base 10.", f64::log10)
        .function("pow(x, y)", "`x` to the power of `y`, as a float.", f64::powf)
        .function("hypot(x, y)", "The distance of the point (x, y) from the origin.", f64::hypot)
        .function("floor(x)", "The largest int that is not above `x`.", |x: Number| {
            x.round(f64::floor)
        })
        .function("ceil(x)", "The smallest int that is not below `x`.", |x: Number| {
            x.round(f64::ceil)
        })
        .function("round(x)", "The nearest int; halves go away from zero.", |x: Number| {
            x.round(f64::round)
        })
        .function("trunc(x)", "The int that is left without the fraction.", |x: Number| {
            x.round(f64::trunc)
        })
        .function("gcd(a, b)", "The greatest common divisor of two ints; never negative.", gcd)
        .function("lcm(a, b)", "The least common multiple of two ints; never negative.", lcm)
        .function(
            "clamp(x, low, high)",
            "The number from `low` to `high` that is nearest to `x`.",
            clamp,
        )
        .function("sign(x)", "-1, 0 or 1: the sign of `x`; nan for nan.", sign)
        .function("is_nan(x)", "Is `x` no number?", |x: Number| x.float().is_nan())
        .function("is_inf(x)", "Is `x` infinite?", |x: Number| x.float().is_infinite())
        .function("wrapping_add(a, b)", "The sum of two ints modulo 2**64.", i64::wrapping_add)
        .function(
            "wrapping_sub(a, b)",
            "The difference of two ints modulo 2**64.",
            i64::wrapping_sub,
        )
        .function("wrapping_mul(a, b)", "The product of two ints modulo 2**64.", i64::wrapping_mul)
}

/// An argument that is an int or a float and stays what it is.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    fn below(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a < b,
            _ => self.float() < other.float(),
        }
    }

    fn round(self, rounded: fn(f64) -> f64) -> Result<i64, Error> {
        /// 2 to the power of 63: the first float above all ints.
        const END: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Int(int) => Ok(int),
            Self::Float(float) => {
                let whole = rounded(float);
                if (-END..END).contains(&whole) {
                    // In range, as was just seen.
                    Ok(whole as i64)
                } else {
                    Err(Error::new(ErrorKind::Value, format!("{float:?} has no int near it")))
                }
            }
        }
    }
}

impl FromValue for Number {
    fn expected() -> String {
        "number".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        match (value.as_int(), value.as_float()) {
            (Some(int), _) => Ok(Self::Int(int)),
            (_, Some(float)) => Ok(Self::Float(float)),
            _ => Err(value.mismatch::<Self>()),
        }
    }
}

impl IntoValue for Number {
    fn into_value(self) -> Result<Local, Error> {
        match self {
            Self::Int(int) => int.into_value(),
            Self::Float(float) => float.into_value(),
        }
    }
}

fn log(x: f64, base: Option<f64>) -> f64 {
    base.map_or_else(|| x.ln(), |base| x.log(base))
}

fn magnitude_of_gcd(a: i64, b: i64) -> u64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn in_int(magnitude: u128) -> Result<i64, Error> {
    i64::try_from(magnitude)
        .map_err(|_| Error::new(ErrorKind::Overflow, format!("{magnitude} does not fit an int")))
}

fn gcd(a: i64, b: i64) -> Result<i64, Error> {
    in_int(magnitude_of_gcd(a, b).into())
}

fn lcm(a: i64, b: i64) -> Result<i64, Error> {
    if a == 0 || b == 0 {
        return Ok(0);
    }
    in_int(u128::from(a.unsigned_abs() / magnitude_of_gcd(a, b)) * u128::from(b.unsigned_abs()))
}

fn clamp(x: Number, low: Number, high: Number) -> Result<Number, Error> {
    if high.below(low) {
        return Err(Error::new(ErrorKind::Value, "`low` is above `high`"));
    }
    Ok(if x.below(low) {
        low
    } else if high.below(x) {
        high
    } else {
        x
    })
}

fn sign(x: Number) -> Number {
    match x {
        Number::Int(int) => Number::Int(int.signum()),
        Number::Float(float) if float.is_nan() => Number::Float(float),
        Number::Float(float) if float > 0.0 => Number::Int(1),
        Number::Float(float) if float < 0.0 => Number::Int(-1),
        Number::Float(_) => Number::Int(0),
    }
}
