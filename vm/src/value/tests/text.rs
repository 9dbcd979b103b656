use super::{Random, float, int, list, map, str};
use crate::rc::live_objects;
use crate::value::hash::hash_key;
use crate::value::{
    ErrorObject, Kind, Owned, RangeObject, Text, View, display, error, literal, ops,
};

fn of(value: &Owned) -> Text<'_> {
    let View::Str(text) = value.view() else { panic!("a string") };
    text
}

#[test]
fn short_strings_are_words() {
    let before = live_objects();
    for len in 0..=20 {
        let model: String = ('a'..).take(len).collect();
        for value in [str(&model), Owned::string(model.clone())] {
            assert_eq!((value.as_str(), value.type_name()), (Some(&*model), "string"));
            assert_eq!(value.is_heap(), len > 8);
            assert!(ops::equals(&value, &str(&model)));
            assert_eq!(value.is_same(&str(&model)), len <= 8);
            assert!(!ops::equals(&value, &str(&format!("{model}\0"))));
            assert_eq!(ops::less(&value, &str(&format!("{model}\0"))).ok(), Some(true));
            assert_ne!(hash_key(&value), hash_key(&str(&format!("{model}\0"))));
        }
    }
    assert_eq!(live_objects(), before);
}

#[test]
fn strings_count_and_index_characters() {
    for text in ["", "abc", "sixteen bytes ok", "grüße", "日本語のテキスト", &"aä€𝄞".repeat(200)]
    {
        let value = str(text);
        let string = of(&value);
        let chars: Vec<char> = text.chars().collect();
        assert_eq!(string.char_count(), chars.len());
        assert_eq!(string.is_ascii(), text.is_ascii());
        for (i, c) in chars.iter().enumerate() {
            assert_eq!(string.char_at(i), Some(*c), "{text}[{i}]");
            assert_eq!(string.char_of_byte(string.byte_offset(i)), i);
        }
        assert_eq!(string.char_at(chars.len()), None);
        assert_eq!(string.byte_offset(chars.len()), text.len());
    }
}

#[test]
fn strings_grow_in_place_and_stay_right() {
    let mut random = Random(7);
    for _ in 0..200 {
        let mut value = str("");
        let mut model = String::new();
        for _ in 0..random.below(40) {
            let part =
                ["", "a", "ß", "hello", "日本", "a much longer piece of text"][random.below(6)];
            ops::add_assign(&mut value, &str(part)).unwrap();
            model.push_str(part);
            assert_eq!(value.is_heap(), model.len() > 8);
            let string = of(&value);
            match random.below(4) {
                0 => assert_eq!(string.char_count(), model.chars().count()),
                1 => assert_eq!(hash_key(&value), hash_key(&str(&model))),
                2 if !model.is_empty() => {
                    let i = random.below(model.chars().count());
                    assert_eq!(string.char_at(i), model.chars().nth(i));
                }
                _ => {}
            }
            assert_eq!(string.as_str(), model);
        }
        let mut copy = value.clone();
        ops::add_assign(&mut copy, &str("!")).unwrap();
        model.push('!');
        let copy = of(&copy);
        assert_eq!(copy.as_str(), model);
        assert_eq!(copy.char_count(), model.chars().count());
    }
}

#[test]
fn slices_of_text() {
    let text = "aä€𝄞".repeat(100);
    let value = Owned::string(text.clone());
    let string = of(&value);
    let chars: Vec<char> = text.chars().collect();
    let mut random = Random(3);
    for _ in 0..500 {
        let start = random.below(chars.len() + 1);
        let end = random.below(chars.len() + 1);
        let expected: String = chars.get(start..end).unwrap_or_default().iter().collect();
        assert_eq!(string.slice_chars(start, end), expected);
    }
}

#[test]
fn strings_take_over_long_text() {
    let before = live_objects();
    let text = "x".repeat(100);
    let address = text.as_ptr();
    let value = Owned::string(text);
    assert_eq!(value.as_str().unwrap().as_ptr(), address);
    drop(value);
    assert_eq!(live_objects(), before);
}

#[test]
fn literals() {
    assert_eq!(literal(&str("a\"b\\c\n\t\r\0\x1b{x}\u{7}é")), r#""a\"b\\c\n\t\r\0\e\{x}\u{7}é""#);
    let value = map([
        (str("k"), list([int(1), str("x")])),
        (int(2), Owned::NIL),
        (Owned::bool(true), float(1.0)),
        (float(2.5), list([])),
        (list([int(1)]), map([])),
        (float(f64::INFINITY), str("")),
    ]);
    let expected = r#"["k": [1, "x"], 2: nil, (true): 1.0, 2.5: [], ([1]): [:], (inf): ""]"#;
    assert_eq!(literal(&value), expected);
    assert_eq!(display(&value), expected);
    assert_eq!(display(&str("a\nb")), "a\nb");
    assert_eq!(format!("{:?}", list([Owned::bool(false)])), "[false]");
}

#[test]
fn ranges_and_errors_print() {
    let range = |start, end, step, inclusive| {
        literal(&Owned::range(RangeObject::new(start, end, step, inclusive).unwrap()))
    };
    assert_eq!(range(0, 10, 1, false), "0..10");
    assert_eq!(range(5, 0, -1, true), "5..=0 by -1");
    let e = error(Kind::Value, "bad \"x\"");
    assert_eq!(display(&e), "bad \"x\"");
    assert_eq!(literal(&list([e])), r#"[error("bad \"x\"", kind: "value")]"#);
    let data = list([int(1)]);
    let e = Owned::error(ErrorObject::new(str("k"), str("m"), data));
    assert_eq!(literal(&e), r#"error("m", kind: "k", data: [1])"#);
}

#[test]
fn long_literals_are_cut_in_messages() {
    let long = Owned::list((0..100_000).map(Owned::int).collect());
    let cut = crate::value::cut_literal(&long);
    assert!(cut.starts_with("[0, 1, 2, ") && cut.ends_with("...") && cut.len() < 100);
    let cut = crate::value::cut_literal(&Owned::string("ä".repeat(100_000)));
    assert!(cut.ends_with("...") && cut.chars().count() < 100);
    assert_eq!(crate::value::cut_literal(&str("short")), "\"short\"");
}
