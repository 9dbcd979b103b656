//! Names that people bring along from other languages, and what is written here.

use std::collections::BTreeMap;

use crate::Signature;
use crate::spelling::closest;

/// Foreign names, and what to write.
const NAMES: &[(&[&str], &str)] = &[
    (&["null", "None", "none", "undefined", "Nil", "NULL", "nullptr", "Null"], "write `nil`"),
    (&["True", "TRUE"], "write `true`"),
    (&["False", "FALSE"], "write `false`"),
    (&["this"], "the value a method is called on is `self`"),
    (&["len", "length"], "write `xs.len()`"),
    (&["range"], "a range is written `0..10`, or `0..10 by 2`"),
    (&["string", "String", "to_string", "toString", "repr", "tostring"], "write `str(x)`"),
    (
        &["Int", "Integer", "integer", "parseInt", "Number", "parse_int", "tonumber"],
        "write `int(x)`",
    ),
    (&["Float", "double", "parseFloat"], "write `float(x)`"),
    (&["println", "printf", "puts", "echo", "console", "fmt"], "write `print(x)`"),
    (
        &["list", "List", "Array", "array", "Vec", "vec", "tuple"],
        "a list is written `[a, b]`, a copy of others `[...xs]`",
    ),
    (
        &["dict", "Dict", "Map", "HashMap", "Object", "object"],
        "a map is written `[key: value]`, an empty one `[:]`",
    ),
    (&["Set", "HashSet", "frozenset"], "write `set(xs)`"),
    (
        &["Error", "Exception", "ValueError", "TypeError", "panic"],
        "an error is made by `error(message, kind: \"value\")`",
    ),
    (
        &[
            "map",
            "filter",
            "reduce",
            "sorted",
            "reversed",
            "sum",
            "enumerate",
            "zip",
            "any",
            "all",
            "sort",
            "each",
            "foreach",
        ],
        "it is a method: write `xs.NAME(...)`",
    ),
    (&["append"], "write `xs.push(x)`"),
    (&["typeof", "isinstance", "instanceof"], "write `type(x)`, or `x is int` to test"),
    (&["exit", "quit"], "write `os.exit(code)`, after `import os`"),
    (&["open"], "write `fs.open(path)`, after `import fs`"),
    (&["readline", "read_line", "raw_input", "prompt", "gets"], "write `input(prompt)`"),
    (&["round"], "write `math.round(x)`, after `import math`"),
    (&["Some", "Ok", "Err"], "a value stands for itself, and `nil` for none; errors are thrown"),
    (&["Thread", "thread_spawn", "go"], "a thread is started by `spawn f(x)` or `spawn { ... }`"),
    (&["Mutex"], "write `sync.mutex(value)`, after `import sync`"),
];

/// What to write instead of a name that is like one of these.
pub(crate) fn help(name: &str) -> Option<String> {
    let mut all = NAMES.iter().flat_map(|(names, _)| names.iter().copied());
    if name.len() > 4 { exactly(closest(name, &mut all)?) } else { exactly(name) }
}

/// What to write instead of `name`, if it is one of these.
pub(crate) fn exactly(name: &str) -> Option<String> {
    let (_, help) = NAMES.iter().find(|(names, _)| names.contains(&name))?;
    let method = match name {
        "sorted" => "sort",
        "reversed" => "reverse",
        "foreach" => "each",
        _ => name,
    };
    Some(help.replace("NAME", method))
}

/// The built-in type that other languages call `name`.
pub(crate) fn type_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "integer" | "long" | "number" => "int",
        "double" | "real" => "float",
        "str" | "text" => "string",
        "boolean" => "bool",
        "array" | "vector" | "tuple" => "list",
        "dict" | "dictionary" | "object" | "hash" => "map",
        "null" | "none" | "undefined" => "nil",
        "fn" | "func" | "lambda" | "closure" => "function",
        _ => return None,
    })
}

/// Where `name` is to be had, if it is a member of a standard module.
pub(crate) fn member(
    name: &str,
    modules: &BTreeMap<Box<str>, BTreeMap<Box<str>, Option<Signature>>>,
) -> Option<String> {
    // Short and common words are members by chance.
    let (module, _) = modules.iter().find(|(_, members)| members.contains_key(name))?;
    (name.len() > 2).then(|| format!("write `{module}.{name}`, after `import {module}`"))
}
