use std::cmp::Ordering;

use super::Random;
use crate::value::number::*;

fn float_text(x: f64) -> String {
    let mut out = String::new();
    write_float(&mut out, x);
    out
}

#[test]
fn floats_print_short_and_read_back() {
    for (x, text) in [
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e21, "1e21"),
        (-0.0, "-0.0"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
        (1e-7, "1e-7"),
        (123456.789, "123456.789"),
    ] {
        assert_eq!(float_text(x), text);
    }
    let mut random = Random(1);
    for _ in 0..2000 {
        let x = f64::from_bits(random.next());
        if !x.is_nan() {
            assert_eq!(parse_float(&float_text(x)), Some(x));
        }
    }
}

#[test]
fn ints_print() {
    for n in [0, 1, -1, 10, i64::MAX, i64::MIN] {
        let mut out = String::new();
        write_int(&mut out, n);
        assert_eq!(out, n.to_string());
    }
}

#[test]
fn ints_parse() {
    assert_eq!(parse_int(" 12 ", 10), Ok(12));
    assert_eq!(parse_int("-1_000", 10), Ok(-1000));
    assert_eq!(parse_int("+7", 10), Ok(7));
    assert_eq!(parse_int("fF", 16), Ok(255));
    assert_eq!(parse_int("-9223372036854775808", 10), Ok(i64::MIN));
    assert_eq!(parse_int("9223372036854775807", 10), Ok(i64::MAX));
    for text in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999"] {
        assert_eq!(parse_int(text, 10), Err(IntError::Range));
    }
    for text in ["", "-", "1__0", "_1", "1_", "1.0", "0x1", "1 2", "12a"] {
        assert_eq!(parse_int(text, 10), Err(IntError::Syntax), "{text}");
    }
}

#[test]
fn floats_parse() {
    assert_eq!(parse_float(" 1.5 "), Some(1.5));
    assert_eq!(parse_float("1_000.5"), Some(1000.5));
    assert_eq!(parse_float("-inf"), Some(f64::NEG_INFINITY));
    for text in ["", "x", "_1.0", "1_.0", "1..0"] {
        assert_eq!(parse_float(text), None, "{text}");
    }
}

#[test]
fn division_floors() {
    let mut random = Random(5);
    for _ in 0..5000 {
        let a = (random.next() as i64) >> random.below(64);
        let b = (random.next() as i64) >> random.below(64);
        if b == 0 {
            continue;
        }
        let exact = (i128::from(a)).div_euclid(i128::from(b));
        let floor =
            if b < 0 && i128::from(a).rem_euclid(i128::from(b)) != 0 { exact - 1 } else { exact };
        assert_eq!(int_floor_div(a, b), i64::try_from(floor).ok(), "{a} // {b}");
        if let Some(q) = int_floor_div(a, b) {
            assert_eq!(i128::from(q) * i128::from(b) + i128::from(int_rem(a, b)), i128::from(a));
        }
    }
    assert_eq!(int_floor_div(i64::MIN, -1), None);
    assert_eq!(int_rem(i64::MIN, -1), 0);
    assert_eq!((int_floor_div(-7, 2), int_rem(-7, 2)), (Some(-4), 1));
    assert_eq!((int_floor_div(7, -2), int_rem(7, -2)), (Some(-4), -1));
    assert_eq!((float_floor_div(-7.0, 2.0), float_rem(-7.0, 2.0)), (-4.0, 1.0));
    assert_eq!((float_floor_div(1.0, 0.1), float_rem(7.5, -2.0)), (9.0, -0.5));
    assert!(float_floor_div(1.0, 0.0).is_infinite() && float_rem(1.0, 0.0).is_nan());
    assert_eq!(float_floor_div(5.0, f64::INFINITY), 0.0);
    assert_eq!(float_floor_div(-5.0, f64::INFINITY), -1.0);
    assert_eq!(float_rem(-5.0, f64::INFINITY), f64::INFINITY);
}

#[test]
fn ints_and_floats_compare_exactly() {
    let big = 9_007_199_254_740_993; // 2^53 + 1
    assert_eq!(compare_int_float(big, big as f64), Some(Ordering::Greater));
    assert_eq!(compare_int_float(i64::MAX, 9_223_372_036_854_775_808.0), Some(Ordering::Less));
    assert_eq!(compare_int_float(i64::MIN, -9_223_372_036_854_775_808.0), Some(Ordering::Equal));
    assert_eq!(compare_int_float(0, -0.0), Some(Ordering::Equal));
    assert_eq!(compare_int_float(-1, -1.5), Some(Ordering::Greater));
    assert_eq!(compare_int_float(-2, -1.5), Some(Ordering::Less));
    assert_eq!(compare_int_float(1, 1.5), Some(Ordering::Less));
    assert_eq!(compare_int_float(0, f64::NAN), None);
    assert_eq!(compare_int_float(i64::MAX, f64::INFINITY), Some(Ordering::Less));
    assert_eq!(compare_int_float(i64::MIN, f64::NEG_INFINITY), Some(Ordering::Greater));
}

#[test]
fn powers_and_shifts() {
    assert_eq!(int_pow(2, 62), Some(1 << 62));
    assert_eq!(int_pow(2, 63), None);
    assert_eq!(int_pow(-2, 63), Some(i64::MIN));
    assert_eq!(int_pow(0, 0), Some(1));
    assert_eq!(int_pow(1, i64::MAX), Some(1));
    assert_eq!(int_pow(-1, i64::MAX), Some(-1));
    assert_eq!(int_pow(3, i64::MAX), None);
    assert_eq!((shift_left(1, 63), shift_left(1, 64), shift_left(-1, 1000)), (i64::MIN, 0, 0));
    assert_eq!((shift_right(-5, 64), shift_right(5, 99), shift_right(-8, 1)), (-1, 0, -4));
}
