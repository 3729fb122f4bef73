//! What is asked about many customers, days or leads at once.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct ListCustomers {
    /// Only customers whose connection has this status
    #[arg(long)]
    pub status: Option<Status>,
    /// Only customers whose leads wait until a person acts
    #[arg(long)]
    pub blocked: bool,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Status {
    NotConnected,
    Active,
    Limited,
    NeedsReconnect,
    Disconnected,
    Unreadable,
}
