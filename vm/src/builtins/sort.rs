//! Sorting values: stable, NaN last, and safe with an order that throws.
//!
//! Where all values are numbers or all are strings, and where they are lists of such in columns,
//! their order is total, and each has a *rank*: 64 bits that are in the order of the values as far
//! as they tell them apart. Ranks are sorted together with the positions of their values, which
//! makes it stable, and those that are equal by what is behind them: so each value is looked at once
//! for each column, not once for each comparison.
//!
//! Many values are ranked in steps, between which other threads run ([`Next::Later`]): `ranking`.
//!
//! Everything else is sorted by merging, which works with any comparison, stops at the first error,
//! and can wait for what a struct's own `<` says.

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

use super::arguments::{element, give, list_of};
use super::compare::{Question, Work, after, run};
use super::ranking;
use crate::native::{Call, NativeResult, Next};
use crate::value::{Item, ListObject, Owned, Packing, View, compare, room, try_less};

/// Upwards or downwards. NaN is last in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// Downwards if `reverse`.
    pub(super) fn reversed(reverse: bool) -> Self {
        if reverse { Self::Down } else { Self::Up }
    }

    fn apply(self, order: Ordering) -> Ordering {
        match self {
            Self::Up => order,
            Self::Down => order.reverse(),
        }
    }

    /// The two in the order in which the first must be less, to stand before the second.
    pub(super) fn pair<T>(self, a: T, b: T) -> (T, T) {
        match self {
            Self::Up => (a, b),
            Self::Down => (b, a),
        }
    }

    /// The rank of something in this direction.
    fn rank(self, rank: u64) -> u64 {
        match self {
            Self::Up => rank,
            Self::Down => !rank,
        }
    }
}

/// What all values of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Ints,
    Floats,
    /// Ints and floats.
    Numbers,
    Texts,
}

impl Class {
    fn of(value: &Owned) -> Option<Self> {
        match value.view() {
            View::Int(_) => Some(Self::Ints),
            View::Float(_) => Some(Self::Floats),
            View::Str(_) => Some(Self::Texts),
            _ => None,
        }
    }

    /// What all of these are.
    fn of_all<'a>(mut values: impl Iterator<Item = Item<'a>>) -> Option<Self> {
        let first = values.next()?;
        values.try_fold(Self::of(&first)?, |class, value| class.join(Self::of(&value)?))
    }

    /// What both are.
    fn join(self, other: Self) -> Option<Self> {
        match (self, other) {
            (class, other) if class == other => Some(class),
            (Self::Texts, _) | (_, Self::Texts) => None,
            _ => Some(Self::Numbers),
        }
    }

    /// Are two values of the same rank always equal?
    fn is_exact(self) -> bool {
        matches!(self, Self::Ints | Self::Floats)
    }

    /// The rank of a value of this class. NaN has the last one, which no other number has.
    fn rank(self, value: &Owned, direction: Direction) -> u64 {
        direction.rank(match value.view() {
            View::Int(n) if self == Self::Ints => n.cast_unsigned() ^ 1 << 63,
            View::Int(n) => rank_of_float(n as f64),
            View::Float(x) if x.is_nan() => return u64::MAX,
            View::Float(x) => rank_of_float(x),
            View::Str(text) => rank_of_text(text.as_bytes()),
            _ => 0,
        })
    }
}

/// Floats in order: of negative ones all bits are turned, of others the sign.
fn rank_of_float(x: f64) -> u64 {
    // Both zeros are one.
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The first eight bytes. UTF-8 is in the order of its characters.
fn rank_of_text(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(first)
        }
    }
}

/// So many values are sorted in one go.
pub(super) const AT_ONCE: usize = 1 << 14;

/// Sorts in place, if there is a quick way to do it.
pub(super) fn quick(list: &mut ListObject, direction: Direction) -> bool {
    let Some(ints) = list.ints_mut().filter(|ints| ints.len() <= AT_ONCE) else { return false };
    // Equal ints cannot be told apart, so stability is no matter.
    match direction {
        Direction::Up => ints.sort_unstable(),
        Direction::Down => ints.sort_unstable_by_key(|&int| Reverse(int)),
    }
    true
}

/// So many columns are looked at one by one; what is behind them is compared.
const COLUMNS: usize = 4;

/// What values are whose order is total.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// They are lists of these; else the first is what they are themselves.
    lists: bool,
    classes: Vec<Class>,
}

/// A value in a sort: by its rank, then by its position.
pub(super) type Ranked = (u64, usize);

impl Columns {
    /// Those of some values, one at least; `None` if their order is not known to be total.
    pub(super) fn of(list: &ListObject, part: Range<usize>) -> Option<Self> {
        let whole = match list.packing() {
            Packing::Ints => Some(Class::Ints),
            Packing::Floats => Some(Class::Floats),
            Packing::Bools => return None,
            Packing::Values => None,
        };
        let values = list.values().and_then(|values| values.get(part)).unwrap_or_default();
        if let Some(class) = whole.or_else(|| Class::of_all(values.iter().map(Item::Place))) {
            return Some(Self { lists: false, classes: vec![class] });
        }
        let width = values.first()?.as_list()?.len();
        if !values.iter().all(|value| value.as_list().is_some_and(|list| list.len() == width)) {
            return None;
        }
        // NaN in a list leaves its place undecided.
        let is_nan = |value: &Owned| value.as_float().is_some_and(f64::is_nan);
        let mut columns = Self { lists: true, classes: Vec::new() };
        for column in 0..width {
            let cells = || values.iter().filter_map(|value| value.as_list()?.item(column));
            let class = Class::of_all(cells())?;
            if class != Class::Texts && cells().any(|cell| is_nan(&cell)) {
                return None;
            }
            columns.classes.push(class);
        }
        Some(columns)
    }

    /// Those of two parts together.
    pub(super) fn join(mut self, other: &Self) -> Option<Self> {
        if self.lists != other.lists || self.classes.len() != other.classes.len() {
            return None;
        }
        for (class, &other) in self.classes.iter_mut().zip(&other.classes) {
            *class = class.join(other)?;
        }
        Some(self)
    }

    /// The rank of a value by one of its columns.
    #[inline]
    pub(super) fn rank(&self, value: &Owned, column: usize, direction: Direction) -> u64 {
        let cell =
            if self.lists { value.as_list().and_then(|list| list.item(column)) } else { None };
        self.classes[column].rank(&cell.unwrap_or(Item::Place(value)), direction)
    }

    /// How those are sorted that are equal in all columns before this one.
    pub(super) fn by(&self, column: usize) -> By {
        match self.classes.get(column) {
            None => By::Nothing,
            Some(_) if column == COLUMNS => By::All,
            Some(_) => By::Rank,
        }
    }

    /// The same for those that have the same rank in this column.
    pub(super) fn then_by(&self, column: usize) -> By {
        if self.classes[column].is_exact() { self.by(column + 1) } else { By::All }
    }

    /// Sorts some of which all columns before this one are equal.
    pub(super) fn sort(
        &self,
        values: &ListObject,
        ranked: &mut [Ranked],
        column: usize,
        direction: Direction,
    ) {
        match self.by(column) {
            By::Nothing => return,
            By::All => return sort_by_all(values, ranked, direction),
            By::Rank => {}
        }
        for (rank, at) in ranked.iter_mut() {
            *rank = self.rank(&element(values, *at), column, direction);
        }
        ranked.sort_unstable();
        let then_by = self.then_by(column);
        if then_by == By::Nothing {
            return;
        }
        for equal in ranked.chunk_by_mut(|a, b| a.0 == b.0).filter(|equal| equal.len() > 1) {
            if then_by == By::Rank {
                self.sort(values, equal, column + 1, direction);
            } else {
                sort_by_all(values, equal, direction);
            }
        }
    }
}

/// What decides the order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// They are equal.
    Nothing,
    /// The ranks of the next column, and what comes after it.
    Rank,
    /// The whole values.
    All,
}

/// Sorts by comparing whole values.
pub(super) fn sort_by_all(values: &ListObject, ranked: &mut [Ranked], direction: Direction) {
    ranked.sort_unstable_by(|&(_, i), &(_, j)| {
        let order = compare(&element(values, i), &element(values, j)).ok().flatten();
        direction.apply(order.unwrap_or(Ordering::Equal)).then(i.cmp(&j))
    });
}

/// Positions of values, in the order in which these are to stand.
pub(super) enum Order {
    Positions(Vec<usize>),
    Ranked(Vec<Ranked>),
}

impl Order {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Positions(positions) => positions.len(),
            Self::Ranked(ranked) => ranked.len(),
        }
    }

    /// Where the value stands that is to be at `i`.
    fn at(&self, i: usize) -> usize {
        match self {
            Self::Positions(positions) => positions[i],
            Self::Ranked(ranked) => ranked[i].1,
        }
    }

    /// All of them.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).map(|i| self.at(i))
    }
}

/// So many elements are moved in a step.
const MOVED: usize = 1 << 13;

/// Gives a list with its elements in this order.
pub(super) fn arrange(call: &mut Call<'_>, list: Owned, order: Order) -> NativeResult {
    let elements = list_of(&list);
    room(elements.element_bytes())?;
    let arranged = elements.empty_like()?;
    move_on(call, list, order, arranged)
}

/// Puts the elements that come next where they belong, some in each step.
fn move_on(
    call: &mut Call<'_>,
    mut list: Owned,
    order: Order,
    mut arranged: ListObject,
) -> NativeResult {
    let start = arranged.len();
    let end = order.len().min(start + MOVED);
    match list.own_list_mut() {
        Some(own) => (start..end).for_each(|i| arranged.push(own.lend(order.at(i)))),
        None => {
            let list = list_of(&list);
            (start..end).for_each(|i| arranged.push(element(list, order.at(i)).to_owned()));
        }
    }
    call.charge((end - start) / 4);
    if end < order.len() {
        return Ok(Next::Later(Box::new(move |call| move_on(call, list, order, arranged))));
    }
    give(arranged)
}

/// The positions of values in their sorted order; `None` when an own `<` must be asked.
pub(super) fn order_of(keys: &ListObject, direction: Direction) -> Result<Option<Order>, Owned> {
    if let Some(columns) = Columns::of(keys, 0..keys.len()) {
        let mut ranked: Vec<Ranked> = (0..keys.len()).map(|at| (0, at)).collect();
        columns.sort(keys, &mut ranked, 0, direction);
        return Ok(Some(Order::Ranked(ranked)));
    }
    let mut merge = Merge::new(keys)?;
    while let Some((i, j)) = merge.next() {
        match after(&element(keys, i), &element(keys, j), direction)? {
            Some(after) => merge.answer(after),
            None => return Ok(None),
        }
    }
    Ok(Some(Order::Positions(merge.from)))
}

/// Gives `then` the positions of the elements of the list `keys` in their sorted order.
pub(super) fn ordered(
    call: &mut Call<'_>,
    keys: Owned,
    direction: Direction,
    then: impl FnOnce(&mut Call<'_>, Order) -> NativeResult + 'static,
) -> NativeResult {
    let list = list_of(&keys);
    room(list.len().saturating_mul(2 * size_of::<Ranked>()))?;
    if list.len() > AT_ONCE {
        return ranking::ordered(call, keys, direction, then);
    }
    call.charge(list.len() * list.len().max(1).ilog2() as usize / 4);
    match order_of(list, direction)? {
        Some(order) => {
            drop(keys);
            then(call, order)
        }
        None => merged(call, keys, direction, then),
    }
}

/// The same by merging, which can wait.
pub(super) fn merged(
    call: &mut Call<'_>,
    keys: Owned,
    direction: Direction,
    then: impl FnOnce(&mut Call<'_>, Order) -> NativeResult + 'static,
) -> NativeResult {
    let merge = Merge::new(list_of(&keys))?;
    run(call, Sorting { keys, merge, direction, then })
}

/// A sort that waits for answers.
struct Sorting<F> {
    /// A list.
    keys: Owned,
    merge: Merge,
    direction: Direction,
    then: F,
}

impl<F: FnOnce(&mut Call<'_>, Order) -> NativeResult + 'static> Work for Sorting<F> {
    fn next(&mut self) -> Option<Question<'_>> {
        let (i, j) = self.merge.next()?;
        let keys = list_of(&self.keys);
        Some(Question::After(element(keys, i), element(keys, j), self.direction))
    }

    fn answer(&mut self, yes: bool) {
        self.merge.answer(yes);
    }

    fn finish(self, call: &mut Call<'_>) -> NativeResult {
        drop(self.keys);
        (self.then)(call, Order::Positions(self.merge.from))
    }
}

/// Sorting by merging runs of positions, each twice as long as those of the round before.
struct Merge {
    /// The runs of this round.
    from: Vec<usize>,
    /// What is merged of them.
    to: Vec<usize>,
    /// How long the runs are.
    width: usize,
    /// What is left of the two runs that are merged: `left..middle` and `right..end`.
    left: usize,
    middle: usize,
    right: usize,
    end: usize,
}

impl Merge {
    /// Nothing is sorted yet.
    fn new(values: &ListObject) -> Result<Self, Owned> {
        let n = values.len();
        room(n.saturating_mul(2 * size_of::<usize>()))?;
        if let (1, Some(one)) = (n, values.item(0)) {
            // It must be something that has an order, as among others.
            try_less(&one, &one)?;
        }
        let (from, to) = ((0..n).collect(), Vec::with_capacity(n));
        let mut merge = Self { from, to, width: 1, left: 0, middle: 0, right: 0, end: 0 };
        merge.pair(0);
        Ok(merge)
    }

    /// The two runs from `start` on.
    fn pair(&mut self, start: usize) {
        let n = self.from.len();
        self.left = start;
        self.middle = (start + self.width).min(n);
        self.right = self.middle;
        self.end = (start + 2 * self.width).min(n);
    }

    /// The positions of two values, the first of which stands before the second: is it to stand
    /// behind it? `None` when all are in order: in `from`.
    fn next(&mut self) -> Option<(usize, usize)> {
        while self.width < self.from.len() {
            if self.left < self.middle && self.right < self.end {
                return Some((self.from[self.left], self.from[self.right]));
            }
            self.to.extend_from_slice(&self.from[self.left..self.middle]);
            self.to.extend_from_slice(&self.from[self.right..self.end]);
            if self.end < self.from.len() {
                self.pair(self.end);
            } else {
                std::mem::swap(&mut self.from, &mut self.to);
                self.to.clear();
                self.width *= 2;
                self.pair(0);
            }
        }
        None
    }

    fn answer(&mut self, after: bool) {
        // The left one first when both are equal: that is what makes it stable.
        let run = if after { &mut self.right } else { &mut self.left };
        self.to.push(self.from[*run]);
        *run += 1;
    }
}
