//! Messages about names: arguments, methods, globals.

use std::sync::Arc;

use crate::{
    native::Param,
    value::{Kind, Owned, error},
};

/// `area` takes 2 arguments (w, h), 3 given
#[cold]
pub(super) fn wrong_count(name: &str, params: &[Param], given: usize) -> Owned {
    let required = params.iter().filter(|param| !param.optional && !param.rest).count();
    let has_rest = params.last().is_some_and(|param| param.rest);
    let most = params.len() - usize::from(has_rest);
    let takes = match (required, has_rest) {
        (_, true) => format!("at least {}", arguments(required)),
        _ if required == most => arguments(required),
        _ => format!("{required} to {}", arguments(most)),
    };
    let list: Vec<String> = params
        .iter()
        .map(|param| {
            let dots = if param.rest { "..." } else { "" };
            let mark = if param.optional { "?" } else { "" };
            format!("{dots}{}{mark}", param.name)
        })
        .collect();
    let list = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
    error(Kind::Arity, format!("`{name}` takes {takes}{list}, {given} given"))
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

/// An argument is named like no parameter.
#[cold]
pub(super) fn unknown_argument(name: &str, params: &[Param], argument: &str) -> Owned {
    let names = params.iter().filter(|param| !param.rest).map(|param| &*param.name);
    let hint = did_you_mean(argument, names);
    error(Kind::Arity, format!("`{name}` has no parameter `{argument}`{hint}"))
}

/// A type has no such method.
#[cold]
pub(super) fn unknown_method(value: &Owned, name: &str, names: &[Arc<str>]) -> Owned {
    let hint = did_you_mean(name, names.iter().map(|name| &**name));
    error(Kind::Name, format!("{} has no method `{name}`{hint}", value.type_name()))
}

/// `; did you mean ...?`, when one of `names` is close to `name`.
fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names
        .map(|other| (distance(name, other), other))
        .filter(|(distance, other)| {
            *distance <= 1 + other.len() / 4 && *distance < name.len().max(2)
        })
        .min();
    near.map_or_else(String::new, |(_, other)| format!("; did you mean `{other}`?"))
}

/// How many letters must be changed, added, left out or swapped to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 4 || a.len() > 40 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best =
                (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested() {
        let names = ["push", "pop", "starts_with", "len"];
        let hint = |name| did_you_mean(name, names.into_iter());
        assert_eq!(hint("pusch"), "; did you mean `push`?");
        assert_eq!(hint("startswith"), "; did you mean `starts_with`?");
        assert_eq!(hint("lne"), "; did you mean `len`?");
        assert_eq!(hint("frobnicate"), "");
    }

    #[test]
    fn counts_are_told() {
        let param = |name: &str, optional, rest| Param { name: name.into(), optional, rest };
        let text = |params: &[Param], given| {
            let error = wrong_count("f", params, given);
            error.as_error().map(|e| e.message().to_owned()).unwrap_or_default()
        };
        let (w, h) = (param("w", false, false), param("h", true, false));
        assert_eq!(text(std::slice::from_ref(&w), 3), "`f` takes 1 argument (w), 3 given");
        assert_eq!(text(&[w.clone(), h], 0), "`f` takes 1 to 2 arguments (w, h?), 0 given");
        let rest = param("xs", false, true);
        assert_eq!(text(&[w, rest], 0), "`f` takes at least 1 argument (w, ...xs), 0 given");
    }
}
