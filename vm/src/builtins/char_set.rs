//! Sets of characters, written as for `tr`: `"A-Za-z_"`.
//!
//! `a-z` stands for all characters from `a` to `z` by code point; a `-` that is the first or the
//! last character stands for itself. Anywhere else it must be part of a range: `a-z-9` could mean
//! several things, so it is an error.
//!
//! Looking a character up is one load for ASCII and a binary search in disjoint ranges for others,
//! so that walking a text is linear whatever the set.

use crate::value::{Kind, Owned, error};

/// A set of characters.
#[derive(Clone, Debug)]
pub(super) struct CharSet {
    /// Which of the ASCII characters are in it.
    ascii: [bool; 128],
    /// All ranges, both ends included: in order, and no two overlap.
    ranges: Box<[(char, char)]>,
}

impl CharSet {
    /// Reads a set; an error of kind `value` when it is none.
    pub(super) fn parse(text: &str) -> Result<Self, Owned> {
        let bad = |what: &str| error(Kind::Value, format!("`set` {what}"));
        if text.is_empty() {
            return Err(bad("must not be empty"));
        }
        let mut ranges = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.chars().next() {
            let first = rest.len() == text.len();
            rest = &rest[start.len_utf8()..];
            if start == '-' {
                if !first && !rest.is_empty() {
                    return Err(bad("has a `-` between a range and more: put it first or last"));
                }
                ranges.push(('-', '-'));
                continue;
            }
            let mut ahead = rest.chars();
            match (ahead.next(), ahead.next()) {
                (Some('-'), Some(end)) if end < start => {
                    return Err(bad(&format!("has the range {start}-{end}, which is backwards")));
                }
                (Some('-'), Some(end)) => {
                    ranges.push((start, end));
                    rest = ahead.as_str();
                }
                _ => ranges.push((start, start)),
            }
        }
        Ok(Self::of(ranges))
    }

    fn of(mut ranges: Vec<(char, char)>) -> Self {
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let overlap = next.0 <= before.1;
            if overlap {
                before.1 = before.1.max(next.1);
            }
            overlap
        });
        let ascii = std::array::from_fn(|i| find(&ranges, char::from(i as u8)));
        Self { ascii, ranges: ranges.into() }
    }

    /// Is it in the set?
    #[inline]
    pub(super) fn has(&self, c: char) -> bool {
        match self.ascii.get(c as usize) {
            Some(&has) => has,
            None => find(&self.ranges, c),
        }
    }

    /// The longest parts of a text that have no other characters, in order.
    pub(super) fn runs<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text.split(|c| !self.has(c)).filter(|run| !run.is_empty())
    }
}

fn find(ranges: &[(char, char)], c: char) -> bool {
    let at = ranges.partition_point(|range| range.1 < c);
    ranges.get(at).is_some_and(|range| range.0 <= c)
}

#[cfg(test)]
mod tests {
    use super::CharSet;

    fn runs(set: &str, text: &str) -> Option<String> {
        let set = CharSet::parse(set).ok()?;
        Some(set.runs(text).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn runs_are_as_long_as_can_be() {
        for (set, text, expected) in [
            ("0-9", "tel 12-34", "12|34"),
            ("A-Za-z", "It's a dog.", "It|s|a|dog"),
            ("-0-9", "a-1 2", "-1|2"),
            ("0-9-", "a-1 2", "-1|2"),
            ("-", "a--b-", "--|-"),
            ("a-fc-z", "abz!", "abz"),
            ("!--", "!,.-", "!,|-"),
            ("a-zß-ü", "größe 5 ÄÖ", "größe"),
            ("😀", "😀😀x", "😀😀"),
            ("x", "", ""),
            ("x", "abc", ""),
        ] {
            assert_eq!(runs(set, text).as_deref(), Some(expected), "{set} {text}");
        }
    }

    #[test]
    fn bad_sets_are_refused() {
        for set in ["", "z-a", "a-z-9", "a--", "--9"] {
            assert_eq!(runs(set, "a"), None, "{set}");
        }
    }
}
