use super::{float, int, list, shown, str};
use crate::value::{Owned, format};

fn formatted(value: &Owned, spec: &str) -> String {
    match format(value, spec) {
        Ok(text) => text,
        Err(e) => shown(Err(e)),
    }
}

#[test]
fn ints() {
    for (n, spec, expected) in [
        (42, "", "42"),
        (42, "d", "42"),
        (42, "8", "      42"),
        (42, "<8", "42      "),
        (42, "^8", "   42   "),
        (42, "*^7", "**42***"),
        (42, "08", "00000042"),
        (-42, "08", "-0000042"),
        (-42, "=8", "-     42"),
        (42, "+", "+42"),
        (42, " ", " 42"),
        (255, "x", "ff"),
        (255, "X", "FF"),
        (255, "#x", "0xff"),
        (255, "#010x", "0x000000ff"),
        (5, "b", "101"),
        (5, "#b", "0b101"),
        (8, "o", "10"),
        (-255, "x", "-ff"),
        (1234567, ",", "1,234,567"),
        (123, ",", "123"),
        (-1234, "_", "-1_234"),
        (0xffff_ffff, "_x", "ffff_ffff"),
        (1234, "010,", "00,001,234"),
        (1234, "012,", "0,000,001,234"),
        (65, "c", "A"),
        (3, ".2", "3.00"),
        (3, ".2f", "3.00"),
        (3, "e", "3.000000e+00"),
        (i64::MIN, "x", "-8000000000000000"),
        (i64::MIN, ",", "-9,223,372,036,854,775,808"),
        (1, "%", "100.000000%"),
    ] {
        assert_eq!(formatted(&int(n), spec), expected, "{n}:{spec}");
    }
}

#[test]
fn floats() {
    for (x, spec, expected) in [
        (1.0, "", "1.0"),
        (3.24159, ".2", "3.24"),
        (3.24159, ".2f", "3.24"),
        (2.5, ".0f", "2"),
        (3.24159, "8.2f", "    3.24"),
        (-3.24159, "08.2f", "-0003.24"),
        (3.24159, "<8.2f", "3.24    "),
        (1234567.891, ",.2f", "1,234,567.89"),
        (1234567.0, ",", "1,234,567.0"),
        (0.25, ".0%", "25%"),
        (0.123, "%", "12.300000%"),
        (12345.678, "e", "1.234568e+04"),
        (12345.678, ".2E", "1.23E+04"),
        (0.000012345, "e", "1.234500e-05"),
        (12345.678, "g", "12345.7"),
        (1234567.0, "g", "1.23457e+06"),
        (0.0001, "g", "0.0001"),
        (0.00001, "g", "1e-05"),
        (100000.0, "g", "100000"),
        (999999.5, "g", "1e+06"),
        (1.0, "#g", "1.00000"),
        (1.5, ".3g", "1.5"),
        (0.0, "g", "0"),
        (f64::INFINITY, "8", "     inf"),
        (f64::NAN, ".2f", "nan"),
        (f64::NEG_INFINITY, "F", "-INF"),
        (-0.0, ".1f", "-0.0"),
        (1.0, "+.1f", "+1.0"),
        (1.0, "#.0f", "1."),
    ] {
        assert_eq!(formatted(&float(x), spec), expected, "{x}:{spec}");
    }
}

#[test]
fn texts_and_others() {
    assert_eq!(formatted(&str("ab"), "5"), "ab   ");
    assert_eq!(formatted(&str("ab"), ">5"), "   ab");
    assert_eq!(formatted(&str("日本"), "^6"), "  日本  ");
    assert_eq!(formatted(&str("abcdef"), ".3"), "abc");
    assert_eq!(formatted(&str("ab"), "-<6"), "ab----");
    assert_eq!(formatted(&str("ab"), "s"), "ab");
    assert_eq!(formatted(&list([int(1), str("x")]), ">12"), "    [1, \"x\"]");
    assert_eq!(formatted(&Owned::NIL, "5"), "nil  ");
    assert_eq!(formatted(&Owned::bool(true), ">5"), " true");
}

#[test]
fn bad_formats_are_errors() {
    for spec in ["q", "5q", ".f", "<<<", "5.", "{", "99999999999", ".99999999f", "dd"] {
        assert!(formatted(&int(1), spec).starts_with("value: bad format"), "{spec}");
    }
    assert_eq!(formatted(&float(1.5), "d"), "value: the format `d` does not fit float");
    assert_eq!(formatted(&str("x"), "d"), "value: the format `d` does not fit string");
    assert_eq!(formatted(&str("x"), "f"), "value: the format `f` does not fit string");
    assert_eq!(formatted(&str("x"), "+"), "value: the format does not fit string");
    assert_eq!(
        formatted(&int(1), ".2d"),
        "value: the format `d` with precision 2 does not fit int"
    );
    assert_eq!(formatted(&int(-1), "c"), "value: the format `c` does not fit int");
    assert_eq!(formatted(&Owned::NIL, "x"), "value: the format `x` does not fit nil");
}
