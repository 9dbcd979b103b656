//! Sorting very many values by their ranks, in steps between which other threads run.
//!
//! Ranks are sorted digit by digit, from the lowest on (a radix sort): a digit takes one pass over
//! them, which can stop anywhere. Values of the same rank are sorted by their next column, the same
//! way when they are many.
//!
//! A step looks at [`STEP`] values, but for strings with the same first eight bytes, and ints and
//! floats that are the same as floats: those are sorted by comparing, in one go.

use super::arguments::{element, list_of};
use super::sort::{AT_ONCE, By, Columns, Direction, Order, Ranked, merged, sort_by_all};
use crate::native::{Call, NativeResult, Next};
use crate::value::{ListObject, Owned};

/// So many values are looked at in a step.
const STEP: usize = 1 << 13;

/// How many values have each digit, and then where the next of them belongs.
type Digits = [[usize; 256]; size_of::<u64>()];

fn digit_of(rank: u64, digit: usize) -> usize {
    (rank >> (8 * digit)) as usize & 0xff
}

/// Gives `then` the positions of the elements of the list `keys` in their sorted order.
pub(super) fn ordered<F>(
    call: &mut Call<'_>,
    keys: Owned,
    direction: Direction,
    then: F,
) -> NativeResult
where
    F: FnOnce(&mut Call<'_>, Order) -> NativeResult + 'static,
{
    look(call, keys, direction, None, 0, then)
}

/// Looks what the values from `at` on are.
fn look<F>(
    call: &mut Call<'_>,
    keys: Owned,
    direction: Direction,
    known: Option<Columns>,
    at: usize,
    then: F,
) -> NativeResult
where
    F: FnOnce(&mut Call<'_>, Order) -> NativeResult + 'static,
{
    let list = list_of(&keys);
    let end = list.len().min(at + STEP);
    let columns = Columns::of(list, at..end).and_then(|here| match known {
        Some(known) => known.join(&here),
        None => Some(here),
    });
    call.charge(STEP / 8);
    let Some(columns) = columns else { return merged(call, keys, direction, then) };
    if end < list.len() {
        let go_on =
            move |call: &mut Call<'_>| look(call, keys, direction, Some(columns), end, then);
        return Ok(Next::Later(Box::new(go_on)));
    }
    let ranking = Ranking::new(list.len(), columns, direction);
    go_on(call, keys, ranking, then)
}

/// Goes on with a ranking, to its end.
fn go_on<F>(call: &mut Call<'_>, keys: Owned, mut ranking: Ranking, then: F) -> NativeResult
where
    F: FnOnce(&mut Call<'_>, Order) -> NativeResult + 'static,
{
    call.charge(STEP / 4);
    if ranking.step(list_of(&keys)) {
        return Ok(Next::Later(Box::new(move |call| go_on(call, keys, ranking, then))));
    }
    drop(keys);
    then(call, ranking.order())
}

/// A sort in steps.
pub(super) struct Ranking {
    columns: Columns,
    direction: Direction,
    ranked: Vec<Ranked>,
    /// Where a pass puts what it takes from `ranked`, and the other way round.
    other: Vec<Ranked>,
    /// What is left to be done, the next at the end.
    jobs: Vec<Job>,
}

/// Some values of which all columns before this one are equal.
struct Job {
    start: usize,
    end: usize,
    column: usize,
    stage: Stage,
    /// How far the stage has come.
    at: usize,
}

enum Stage {
    /// Ranks are found out, and their digits counted.
    Rank(Box<Digits>),
    /// A pass puts them in the order of a digit. `back`: from `other` to `ranked`.
    Pass { digit: usize, places: Box<Digits>, back: bool },
    /// The last pass went to `other`.
    Copy,
    /// Those of the same rank are sorted. The first of the last such is kept.
    Split(usize),
}

impl Job {
    fn new(start: usize, end: usize, column: usize) -> Self {
        let stage = Stage::Rank(Box::new([[0; 256]; size_of::<u64>()]));
        Self { start, end, column, stage, at: start }
    }

    fn next(self, stage: Stage) -> Self {
        Self { at: self.start, stage, ..self }
    }
}

impl Ranking {
    pub(super) fn new(len: usize, columns: Columns, direction: Direction) -> Self {
        // Lists of no columns: all are equal.
        if columns.by(0) == By::Nothing {
            let ranked = (0..len).map(|at| (0, at)).collect();
            return Self { columns, direction, ranked, other: Vec::new(), jobs: Vec::new() };
        }
        // Zeros of the kernel's, which cost nothing yet. The first ranks come with their positions.
        let (ranked, other) = (vec![(0, 0); len], vec![(0, 0); len]);
        let jobs = vec![Job::new(0, len, 0)];
        Self { columns, direction, ranked, other, jobs }
    }

    /// The positions in order, when all steps are done.
    pub(super) fn order(self) -> Order {
        Order::Ranked(self.ranked)
    }

    /// Does a step; false when all is done.
    pub(super) fn step(&mut self, values: &ListObject) -> bool {
        let Some(mut job) = self.jobs.pop() else { return false };
        let end = job.end.min(job.at + STEP);
        let done = end == job.end;
        let here = job.at..end;
        job.at = end;
        let next = match job.stage {
            Stage::Rank(mut digits) => {
                for (i, (rank, at)) in here.clone().zip(&mut self.ranked[here]) {
                    if job.column == 0 {
                        *at = i;
                    }
                    *rank = self.columns.rank(&element(values, *at), job.column, self.direction);
                    for (digit, counts) in digits.iter_mut().enumerate() {
                        counts[digit_of(*rank, digit)] += 1;
                    }
                }
                job.stage = Stage::Rank(digits);
                if done { Some(self.next_pass(job)) } else { Some(job) }
            }
            Stage::Pass { digit, ref mut places, back } => {
                let (from, to) = match back {
                    false => (&self.ranked, &mut self.other),
                    true => (&self.other, &mut self.ranked),
                };
                for &ranked in &from[here] {
                    let place = &mut places[digit][digit_of(ranked.0, digit)];
                    to[*place] = ranked;
                    *place += 1;
                }
                if done { Some(self.next_pass(job)) } else { Some(job) }
            }
            Stage::Copy => {
                self.ranked[here.clone()].copy_from_slice(&self.other[here]);
                let start = job.start;
                if done { Some(job.next(Stage::Split(start))) } else { Some(job) }
            }
            Stage::Split(ref mut first) => {
                if self.columns.then_by(job.column) == By::Nothing {
                    return !self.jobs.is_empty();
                }
                let mut equal = Vec::new();
                for at in here {
                    if self.ranked[at].0 != self.ranked[*first].0 {
                        equal.push((*first, at));
                        *first = at;
                    }
                }
                if done {
                    equal.push((*first, job.end));
                }
                let column = job.column;
                if !done {
                    self.jobs.push(job);
                }
                for (start, end) in equal {
                    self.sort_equal(values, start, end, column);
                }
                None
            }
        };
        self.jobs.extend(next);
        !self.jobs.is_empty()
    }

    /// What comes after a job's ranks or one of its passes: the pass of the next digit that tells any
    /// of them apart.
    fn next_pass(&self, job: Job) -> Job {
        let start = job.start;
        let (from, mut places, back) = match job.stage {
            Stage::Rank(counts) => (0, counts, false),
            Stage::Pass { digit, places, back } => (digit + 1, places, !back),
            Stage::Copy | Stage::Split(_) => unreachable!("there are no passes after these"),
        };
        let len = job.end - start;
        let job = Job { stage: Stage::Copy, ..job };
        match (from..places.len()).find(|&digit| !places[digit].contains(&len)) {
            Some(digit) => {
                let mut place = start;
                for count in &mut places[digit] {
                    place += std::mem::replace(count, place);
                }
                job.next(Stage::Pass { digit, places, back })
            }
            None if back => job.next(Stage::Copy),
            None => job.next(Stage::Split(start)),
        }
    }

    /// Sorts those of one rank in a column.
    fn sort_equal(&mut self, values: &ListObject, start: usize, end: usize, column: usize) {
        let equal = &mut self.ranked[start..end];
        match self.columns.then_by(column) {
            _ if equal.len() == 1 => {}
            By::Nothing => {}
            By::All => sort_by_all(values, equal, self.direction),
            By::Rank if equal.len() <= AT_ONCE => {
                self.columns.sort(values, equal, column + 1, self.direction);
            }
            By::Rank => self.jobs.push(Job::new(start, end, column + 1)),
        }
    }
}
