//! `docs/library.md` says what is built in. It is written from the tables that the functions and
//! methods themselves are made from; a test says when it is out of date and how to write it anew.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Write, fs, path::Path};

use lisle::{Entry, Library, Section, Vm};

const DOCUMENT: &str = "docs/library.md";

const HEAD: &str = "\
# Library

What is built in, and the standard modules. This text is written by `tests/library.rs` from the tables
that the library is made from: change those, and run `LISLE_WRITE=1 cargo test --test library`. At the
prompt, `:help NAME` says the same.

A method marked `mut` changes its receiver, which must be a `var` or a part of one. All others give a
new value. `name = value` may be left out; `...name` takes any number of arguments.
";

fn library() -> Library {
    Vm::new().unwrap().library()
}

fn table(text: &mut String, entries: &[Entry]) {
    text.push_str("\n| | |\n|---|---|\n");
    for entry in entries {
        let change = if entry.changes { "mut " } else { "" };
        let written = entry.written.replace('|', "\\|");
        let doc = entry.doc.replace('\n', " ").replace('|', "\\|");
        writeln!(text, "| `{change}{written}` | {doc} |").unwrap();
    }
}

fn section(text: &mut String, level: &str, section: &Section) {
    write!(text, "\n{level} {}\n\n{}\n", section.name, section.doc).unwrap();
    if !section.entries.is_empty() {
        table(text, &section.entries);
    }
}

fn document(library: &Library) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Functions\n\nKnown everywhere.\n");
    table(&mut text, &library.functions);
    text.push_str("\n## Types\n\nThe methods of the built-in types.\n");
    library.types.iter().for_each(|of_type| section(&mut text, "###", of_type));
    text.push_str("\n## Modules\n\nWhat `import NAME` gives.\n");
    for module in &library.modules {
        section(&mut text, "###", &module.section);
        module.handles.iter().for_each(|handle| section(&mut text, "####", handle));
    }
    text
}

#[test]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let wanted = document(&library());
    if std::env::var_os("LISLE_WRITE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    assert!(
        found == wanted,
        "{DOCUMENT} is out of date, from line {} on; run `LISLE_WRITE=1 cargo test --test library`",
        differs.map_or(found.lines().count().min(wanted.lines().count()), |line| line) + 1
    );
}

#[test]
fn everything_says_what_it_does() {
    let library = library();
    let handles = library.modules.iter().flat_map(|module| &module.handles);
    let modules = library.modules.iter().map(|module| &module.section);
    let sections = library.types.iter().chain(modules).chain(handles);
    let mut silent = Vec::new();
    let mut look = |owner: &str, entries: &[Entry]| {
        let without = entries.iter().filter(|entry| !entry.doc.ends_with(['.', '?']));
        silent.extend(without.map(|entry| format!("{owner}{}", entry.name)));
    };
    look("", &library.functions);
    for section in sections {
        assert!(section.doc.ends_with('.'), "{} says nothing", section.name);
        look(&format!("{}.", section.name), &section.entries);
    }
    assert!(silent.is_empty(), "these have no line of help that is a sentence: {silent:?}");
}

/// A name means the same on every type: methods of one name take the same arguments in order,
/// though a string's `count` takes a part and a list's a value.
#[test]
fn names_are_the_same_on_every_type() {
    let library = library();
    let common = ["len", "is_empty", "each", "map", "filter", "reduce", "any", "all", "find"];
    let common = common.into_iter().chain(["flat_map", "group_by", "sort_by", "min_by", "max_by"]);
    let common = common.chain(["first", "last", "contains", "count", "reverse", "sort", "format"]);
    let common: Vec<_> = common.collect();
    for of_type in &library.types {
        if ["string", "list", "map", "range", "set", "bytes"].contains(&of_type.name.as_str()) {
            let has = |name: &&&str| of_type.entries.iter().any(|entry| entry.name == **name);
            let missing: Vec<_> = common.iter().filter(|name| !has(name)).collect();
            assert!(missing.is_empty(), "{} lacks {missing:?}", of_type.name);
        }
    }
}
