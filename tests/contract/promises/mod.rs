pub mod apps;
pub mod budget;
pub mod claims;
pub mod connection_lists;
pub mod connections;
pub mod counters;
pub mod customers;
pub mod erasures;
pub mod exits;
pub mod forms;
pub mod handshakes;
pub mod idempotency;
pub mod imports;
pub mod lanes;
pub mod leases;
pub mod ledger;
pub mod links;
pub mod locks;
pub mod queue;
pub mod requeues;
pub mod subjects;
pub mod suppressions;
pub mod tallies;
pub mod vault;

use leadfeed_shared::ports::{Claims, Exits, Imports, Lanes, Ledger};

/// All of a ledger's promises about leads: what is changed through one port shows in another.
pub trait Leads: Ledger + Claims + Lanes + Exits + Imports {}

impl<L: Ledger + Claims + Lanes + Exits + Imports> Leads for L {}
