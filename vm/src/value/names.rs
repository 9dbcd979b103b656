//! Names that are not there, and those that were meant.

/// `; did you mean ...?`, when one of `names` is close to `name`.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
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
}
