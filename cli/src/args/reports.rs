//! The arguments of reports on many customers, days or leads.

use clap::{Args, Subcommand, ValueEnum};

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

#[derive(Debug, Subcommand)]
pub enum People {
    /// Show a person's leads with the consent of each, newest first
    Find {
        customer: String,
        /// The person's address; read from standard input if omitted, since other users of this machine can see arguments
        email: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct Receipts {
    pub customer: String,
    /// Only leads received at or after this time, such as 2026-11-23T12:00:00Z
    #[arg(long)]
    pub since: Option<String>,
}

#[derive(Debug, Args)]
pub struct Counts {
    /// Count this customer by day; all customers except removed ones if omitted
    pub customer: Option<String>,
    /// First day on which leads came in (UTC), such as 2026-11-01; 30 days are counted if omitted, at most 92
    #[arg(long)]
    pub since: Option<String>,
    /// Last day, included; today (UTC) if omitted
    #[arg(long)]
    pub until: Option<String>,
    /// Print CSV instead of a table
    #[arg(long)]
    pub csv: bool,
}
