//! Natives that compare values, where a struct's own `==` and `<` must be asked.
//!
//! Such a function belongs to the script, and a native cannot call it: it answers
//! [`Next::Call`](crate::native::Next::Call) and goes on with what it gave. So a native first tries
//! without asking, in a plain loop; when that comes to nothing it begins anew as a [`Work`], which
//! hands out its questions one by one. Each question is asked once, whatever the answers.

use super::arguments::{give, length, list_of};
use super::sort::Direction;
use crate::native::{Call, NativeResult, Next};
use crate::value::{Comparison, Item, Less, MapObject, Owned, Verdict, room, try_equals, try_less};

/// What a [`Work`] wants to know.
pub(super) enum Question<'a> {
    /// Are they equal?
    Equal(Item<'a>, Item<'a>),
    /// Does the first belong behind the second?
    After(Item<'a>, Item<'a>, Direction),
}

/// Something that goes on by questions with the answer yes or no.
pub(super) trait Work: Sized + 'static {
    /// The next question; `None` when all is known.
    fn next(&mut self) -> Option<Question<'_>>;

    /// The answer to the last question.
    fn answer(&mut self, yes: bool);

    /// The result, when all is known.
    fn finish(self, call: &mut Call<'_>) -> NativeResult;
}

/// A question that has been put to the script.
enum Asked {
    Equal(Comparison),
    After(Less),
}

impl Asked {
    fn next(&mut self) -> Result<Verdict, Owned> {
        match self {
            Self::Equal(comparison) => Ok(comparison.next()),
            Self::After(less) => less.next(),
        }
    }

    fn answer(&mut self, yes: bool) {
        match self {
            Self::Equal(comparison) => comparison.answer(yes),
            Self::After(less) => less.answer(yes),
        }
    }
}

fn is_nan(value: &Owned) -> bool {
    value.as_float().is_some_and(f64::is_nan)
}

/// Does `a` belong behind `b`? `None` when that must be asked. NaN belongs behind all numbers, in
/// both directions; lists that it decides keep their order.
pub(super) fn after(a: &Owned, b: &Owned, direction: Direction) -> Result<Option<bool>, Owned> {
    let (less, more) = direction.pair(b, a);
    Ok(try_less(less, more)?.map(|less| less || (is_nan(a) && !is_nan(b))))
}

/// So many questions are answered before other threads may run.
const QUESTIONS: usize = 1000;

/// Goes on with a work, to its end or to the next question that the script must answer.
pub(super) fn run<W: Work>(call: &mut Call<'_>, mut work: W) -> NativeResult {
    for _ in 0..QUESTIONS {
        let Some(question) = work.next() else { return work.finish(call) };
        call.charge(1);
        let known = match question {
            Question::Equal(a, b) => try_equals(&a, &b),
            Question::After(a, b, direction) => after(&a, &b, direction)?,
        };
        let asked = match (known, question) {
            (Some(yes), _) => {
                work.answer(yes);
                continue;
            }
            (None, Question::Equal(a, b)) => {
                Asked::Equal(Comparison::new(a.to_owned(), b.to_owned()))
            }
            (None, Question::After(a, b, direction)) => {
                let (less, more) = direction.pair(b, a);
                Asked::After(Less::new(less.to_owned(), more.to_owned()))
            }
        };
        return go_on(call, work, asked);
    }
    Ok(Next::Later(Box::new(|call| run(call, work))))
}

/// Goes on with a question.
fn go_on<W: Work>(call: &mut Call<'_>, mut work: W, mut asked: Asked) -> NativeResult {
    match asked.next()? {
        Verdict::Known(yes) => {
            work.answer(yes);
            run(call, work)
        }
        Verdict::Ask { function, left, right } => Ok(Next::Call(
            function,
            vec![left, right],
            Box::new(|call, outcome| {
                asked.answer(outcome?.truthy());
                go_on(call, work, asked)
            }),
        )),
    }
}

/// The elements of a list that a work has.
fn item(list: &Owned, at: usize) -> Option<Item<'_>> {
    list.as_list()?.item(at)
}

/// What is looked for in a row of values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// Is it there?
    Contains,
    /// Where is it first?
    Index,
    /// How often is it there?
    Count,
}

/// Where `wanted` is in `items`, or how often; `then` makes the result of it: the position of the
/// first, or the number. `None` when there is none.
pub(super) fn search(
    call: &mut Call<'_>,
    items: Owned,
    search: Search,
    then: fn(&mut Call<'_>, Option<usize>) -> NativeResult,
) -> NativeResult {
    let list = list_of(&items);
    let wanted = call.arg(0).clone();
    let (mut found, mut known) = (0, true);
    for (at, item) in list.iter().enumerate() {
        match try_equals(&item, &wanted) {
            Some(true) if search == Search::Count => found += 1,
            Some(true) => {
                call.charge(at / 4);
                return then(call, Some(at));
            }
            Some(false) => {}
            None => {
                known = false;
                break;
            }
        }
    }
    if known {
        call.charge(list.len() / 4);
        return then(call, (search == Search::Count).then_some(found));
    }
    run(call, Searching { items, wanted, at: 0, found: 0, search, over: false, then })
}

/// `x.contains(value)`, of what has no faster way.
pub(super) fn is_there(_: &mut Call<'_>, at: Option<usize>) -> NativeResult {
    give(at.is_some())
}

/// `x.index_of(value)` and `x.count(value)`
pub(super) fn number(_: &mut Call<'_>, n: Option<usize>) -> NativeResult {
    give(n.map(length))
}

struct Searching {
    items: Owned,
    wanted: Owned,
    at: usize,
    found: usize,
    search: Search,
    over: bool,
    then: fn(&mut Call<'_>, Option<usize>) -> NativeResult,
}

impl Work for Searching {
    fn next(&mut self) -> Option<Question<'_>> {
        if self.over {
            return None;
        }
        Some(Question::Equal(item(&self.items, self.at)?, Item::Place(&self.wanted)))
    }

    fn answer(&mut self, yes: bool) {
        if yes && self.search != Search::Count {
            self.over = true;
            return;
        }
        self.found += usize::from(yes);
        self.at += 1;
    }

    fn finish(self, call: &mut Call<'_>) -> NativeResult {
        let result = match self.search {
            Search::Count => Some(self.found),
            Search::Contains | Search::Index => self.over.then_some(self.at),
        };
        (self.then)(call, result)
    }
}

/// The least or the greatest.
#[derive(Clone, Copy)]
pub(super) enum Extreme {
    Min,
    Max,
}

impl Extreme {
    /// What is to be asked to know whether a value is better than the best so far.
    fn question<T>(self, value: T, best: T) -> (T, T) {
        match self {
            Self::Min => (best, value),
            Self::Max => (value, best),
        }
    }
}

/// The least or the greatest of a list, the first of several; nil of none. NaN counts as greater
/// than all numbers, as in sorting.
pub(super) fn extreme(call: &mut Call<'_>, items: Owned, which: Extreme) -> NativeResult {
    let list = list_of(&items);
    let mut rest = list.iter();
    let Some(mut best) = rest.next() else { return Next::nil() };
    if list.len() == 1 {
        // It must be something that has an order.
        try_less(&best, &best)?;
    }
    call.charge(list.len() / 4);
    for value in rest {
        let (a, b) = which.question(value, best);
        match after(&a, &b, Direction::Up)? {
            Some(true) => best = value,
            Some(false) => {}
            None => return run(call, Best { items, at: 1, best: 0, which }),
        }
    }
    give(best.to_owned())
}

struct Best {
    items: Owned,
    at: usize,
    best: usize,
    which: Extreme,
}

impl Work for Best {
    fn next(&mut self) -> Option<Question<'_>> {
        let (value, best) = (item(&self.items, self.at)?, item(&self.items, self.best)?);
        let (a, b) = self.which.question(value, best);
        Some(Question::After(a, b, Direction::Up))
    }

    fn answer(&mut self, yes: bool) {
        if yes {
            self.best = self.at;
        }
        self.at += 1;
    }

    fn finish(self, _: &mut Call<'_>) -> NativeResult {
        give(item(&self.items, self.best).map(Item::to_owned))
    }
}

/// The elements of a list without those that equal an earlier one.
pub(super) fn unique(call: &mut Call<'_>, items: Owned) -> NativeResult {
    let len = items.as_list().map_or(0, |list| list.len());
    room(len.saturating_mul(super::arguments::OBJECT))?;
    call.charge(len);
    let work = Unique {
        items,
        at: 0,
        kept: Vec::new(),
        seen: MapObject::new(),
        odd: Vec::new(),
        against: 0,
    };
    run(call, work)
}

/// What can be the key of a map is found by its hash. Something else equals only such as cannot be
/// a key either, and is compared with each of those.
struct Unique {
    items: Owned,
    at: usize,
    kept: Vec<Owned>,
    seen: MapObject,
    /// Those of `kept` that cannot be keys.
    odd: Vec<Owned>,
    /// Which of them the next one is compared with.
    against: usize,
}

impl Work for Unique {
    fn next(&mut self) -> Option<Question<'_>> {
        while let Some(value) = item(&self.items, self.at) {
            match self.seen.insert(value.to_owned(), Owned::NIL) {
                Ok(None) => self.kept.push(value.to_owned()),
                Ok(Some(_)) => {}
                // Equals nothing, not even itself.
                Err(_) if is_nan(&value) => self.kept.push(value.to_owned()),
                Err(_) if self.against < self.odd.len() => break,
                Err(_) => {
                    self.kept.push(value.to_owned());
                    self.odd.push(value.to_owned());
                    self.against = 0;
                }
            }
            self.at += 1;
        }
        let odd = Item::Place(self.odd.get(self.against)?);
        Some(Question::Equal(odd, item(&self.items, self.at)?))
    }

    fn answer(&mut self, yes: bool) {
        if yes {
            self.at += 1;
            self.against = 0;
        } else {
            self.against += 1;
        }
    }

    fn finish(self, _: &mut Call<'_>) -> NativeResult {
        give(self.kept)
    }
}
