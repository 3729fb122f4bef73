//! The two DynamoDB tables. The Directory holds customers, forms, connections, handshakes, links and budgets; the
//! Ledger holds leads and lanes, the keys that leads came with and counters.
//!
//! A row is a domain type as serde writes it, its keys, and beside them what conditions and indexes compare: moments as
//! milliseconds. Unknown attributes are ignored and kept, so that functions of two versions can share a table.

mod budget;
mod claims;
mod connections;
mod counters;
mod directory;
mod erasures;
mod exits;
mod handshakes;
mod idempotency;
mod imports;
mod keys;
mod lanes;
mod lead_row;
mod ledger;
mod links;
mod locks;
mod mark;
mod subjects;
mod suppressions;
mod table;
mod tallies;
#[cfg(test)]
mod versions;

pub use directory::DynamoDirectory;
pub use ledger::DynamoLedger;
