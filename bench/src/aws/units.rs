//! DynamoDB's billing units.

use std::ops::AddAssign;

use super::row;
use super::{Item, LEDGER};

/// Request units of on-demand tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Units of up to 1 kB, in the table and in each index that changes.
    pub write: u64,
    /// Half units of reads of up to 4 kB: a consistent one counts two.
    pub half_reads: u64,
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.write += other.write;
        self.half_reads += other.half_reads;
    }
}

/// An index in the template: its key, and whether it holds the whole row.
struct Index {
    keys: &'static [&'static str],
    full_row: bool,
}

const LEDGER_INDEXES: [Index; 3] = [
    keys_only(&["due_shard", "due_at"]),
    keys_only(&["sk"]),
    keys_only(&["person"]),
];
const DIRECTORY_INDEXES: [Index; 1] = [Index {
    keys: &["owner", "pk"],
    full_row: true,
}];

const fn keys_only(keys: &'static [&'static str]) -> Index {
    Index {
        keys,
        full_row: false,
    }
}

impl Units {
    /// The units of reading one row.
    pub(super) fn of_read(size: u64, consistent: bool) -> Self {
        let blocks = size.div_ceil(4_096).max(1);
        Self {
            write: 0,
            half_reads: if consistent { 2 * blocks } else { blocks },
        }
    }

    /// The units of replacing a row: by the larger of both, and in each index for what leaves and what enters it.
    pub(super) fn of_write(table: &str, old: Option<&Item>, new: Option<&Item>) -> Self {
        let size = |row: Option<&Item>| row.map_or(0, row::size);
        let base = kilobytes(size(old).max(size(new)));
        let indexes: &[Index] = if table == LEDGER {
            &LEDGER_INDEXES
        } else {
            &DIRECTORY_INDEXES
        };
        let changed = indexes.iter().map(|index| index.units(old, new));
        Self {
            write: base + changed.sum::<u64>(),
            half_reads: 0,
        }
    }
}

impl Index {
    fn units(&self, old: Option<&Item>, new: Option<&Item>) -> u64 {
        let entry = |row: Option<&Item>| {
            let row = row?;
            let keys: Option<Vec<_>> = self.keys.iter().map(|key| row.get(*key).cloned()).collect();
            Some((
                keys?,
                kilobytes(if self.full_row { row::size(row) } else { 1 }),
            ))
        };
        match (entry(old), entry(new)) {
            (None, None) => 0,
            (Some((_, size)), None) | (None, Some((_, size))) => size,
            (Some((before, left)), Some((after, entered))) if before != after => left + entered,
            (Some(_), Some((_, size))) if self.full_row && old != new => size,
            (Some(_), Some(_)) => 0,
        }
    }
}

fn kilobytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_024).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::row::text;
    use super::*;

    fn lead(due: Option<&str>) -> Item {
        let all = [
            Some(("sk", "lead_1")),
            Some(("person", "p")),
            due.map(|due| ("due_at", due)),
            due.map(|_| ("due_shard", "due#1")),
        ];
        let all = all.into_iter().flatten();
        all.map(|(name, value)| (name.to_owned(), text(value)))
            .collect()
    }

    #[test]
    fn write_units_include_index_entries_added_moved_and_removed() {
        let (new, claimed, settled) = (lead(Some("1")), lead(Some("2")), lead(None));
        let write = |old, new| Units::of_write(LEDGER, old, new).write;

        assert_eq!(write(None, Some(&new)), 1 + 3);
        assert_eq!(write(Some(&new), Some(&claimed)), 1 + 2);
        assert_eq!(write(Some(&claimed), Some(&settled)), 1 + 1);
    }
}
