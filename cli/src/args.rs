//! The command line's arguments.

mod forms;
mod reports;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use secrecy::SecretString;

pub use forms::Forms;
pub use reports::{Counts, ListCustomers, People, Receipts};

/// The heading of options that every command accepts.
const GLOBAL: &str = "Global options";

/// Administer a Leadfeed stack: its customers, forms and leads, and its health
#[derive(Debug, Parser)]
#[command(name = "leadfeed", version)]
pub struct Options {
    #[command(flatten)]
    pub stack: Stack,
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Where a stack is, and what opens it.
#[derive(Debug, Args)]
pub struct Stack {
    /// Address of the stack: its output `ApiUrl`, or your own domain
    #[arg(
        long,
        env = "LEADFEED_URL",
        global = true,
        default_value = "",
        hide_default_value = true
    )]
    #[arg(help_heading = GLOBAL)]
    pub url: String,
    /// The admin token; prefer the environment, as other users of this machine can see arguments
    #[arg(long, env = "LEADFEED_TOKEN", global = true, hide_env_values = true)]
    #[arg(help_heading = GLOBAL)]
    pub token: Option<SecretString>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Manage customers
    #[command(subcommand)]
    Customers(Customers),
    /// Show or end a customer's connection to Constant Contact
    #[command(subcommand)]
    Connection(Connection),
    /// Manage lead forms
    #[command(subcommand)]
    Forms(Forms),
    /// Create links to send to a customer
    #[command(subcommand)]
    Links(Links),
    /// List, follow and erase leads
    #[command(subcommand)]
    Leads(Leads),
    /// Show what is held about a person
    #[command(subcommand)]
    People(People),
    /// Manage the addresses that a customer never wants mailed
    #[command(subcommand)]
    Suppressions(Suppressions),
    /// Retry leads, or release quarantined ones
    Replay(Replay),
    /// Download leads as CSV files
    Csv(Csv),
    /// Count leads: of a customer by day, or of all customers
    Counts(Counts),
    /// Set up Constant Contact applications
    #[command(subcommand)]
    App(App),
    /// Show how many calls an application has left today
    Budget {
        /// ID of the application
        #[arg(long, default_value = "default")]
        app: String,
    },
    /// Show the stack's health
    Health,
    /// Check a deployment step by step and say what is missing
    Doctor {
        /// Also check whether this customer's leads can go out
        #[arg(long)]
        customer: Option<String>,
    },
    /// Print a shell completion script
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub enum Customers {
    /// List customers and how they are connected
    List(ListCustomers),
    /// Show a customer
    Show { id: String },
    /// Create a customer, or change the settings given and keep the others
    Put(PutCustomer),
    /// Remove a customer along with its connection and forms
    Remove {
        id: String,
        /// Skip the confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub struct PutCustomer {
    /// Your ID for the customer
    pub id: String,
    /// Its name; required for a new customer
    #[arg(long)]
    pub name: Option<String>,
    /// The name its mail is sent under; defaults to the name for a new customer
    #[arg(long)]
    pub brand: Option<String>,
    /// ID of the application it connects through, from its next connect link on
    #[arg(long)]
    pub app: Option<String>,
    /// Where a browser goes after forms created from now on; empty for the built-in thank-you page
    #[arg(long)]
    pub return_url: Option<String>,
    /// A host that forms created from now on may send the browser back to; repeatable, replaces the current hosts,
    /// empty for none
    #[arg(long = "return-host", value_name = "HOST")]
    pub return_hosts: Vec<String>,
    /// Whether leads may go by bulk import
    #[arg(long)]
    pub bulk_import: Option<BulkImport>,
    /// Days to keep a lead once it is settled; at least 30
    #[arg(long)]
    pub retention_days: Option<u16>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum BulkImport {
    Never,
    WhenOverBudget,
}

#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Show a customer's connection
    Show { customer: String },
    /// Disconnect a customer and delete its tokens
    End {
        customer: String,
        /// Skip the confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Links {
    /// Create a single-use link to connect an account
    Connect { customer: String },
    /// Create a link to the customer's own page, valid for a day
    Manage { customer: String },
    /// Revoke every link to the customer's own page that was made until now
    Revoke { customer: String },
}

#[derive(Debug, Subcommand)]
pub enum Leads {
    /// List a customer's leads, newest first
    List(ListLeads),
    /// Show a lead with its consent, its notes and its timeline
    Show { lead: String },
    /// Print the signed receipt of a lead's consent
    Receipt { lead: String },
    /// Print the signed receipts of a customer's leads as JSON lines, newest first
    Receipts(Receipts),
    /// Print leads as they arrive and change, until interrupted
    Follow(Follow),
    /// Erase a lead
    Erase {
        lead: String,
        /// Skip the confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Erase all of a customer's leads that have this address
    Forget {
        customer: String,
        email: String,
        /// Skip the confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Suppressions {
    /// List a customer's suppressions, which hold no addresses
    List { customer: String },
    /// Suppress an address
    Add { customer: String, email: String },
    /// Stop suppressing an address
    Remove { customer: String, email: String },
}

#[derive(Debug, Args)]
pub struct ListLeads {
    pub customer: String,
    /// Only leads with this status
    #[arg(long)]
    pub status: Option<Status>,
    /// Only leads received at or after this time, such as 2026-11-23T12:00:00Z
    #[arg(long)]
    pub since: Option<String>,
    /// Maximum number of leads
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Status {
    Received,
    Queued,
    Sending,
    Delivered,
    Waiting,
    Refused,
    Quarantined,
    Erased,
}

#[derive(Debug, Args)]
pub struct Follow {
    pub customer: String,
    /// Seconds between polls
    #[arg(long, default_value_t = 5)]
    pub every: u64,
    /// Number of polls before exiting
    #[arg(long, hide = true, default_value_t = u64::MAX)]
    pub looks: u64,
}

#[derive(Debug, Args)]
pub struct Replay {
    pub customer: String,
    /// Only leads with this status; `quarantined` releases what is set aside
    #[arg(long)]
    pub status: Option<Replayable>,
    /// Only leads with this reason, such as `quota`
    #[arg(long)]
    pub reason: Option<String>,
    /// Only leads received at or after this time, such as 2026-11-23T12:00:00Z
    #[arg(long)]
    pub since: Option<String>,
    /// Only leads received before this time
    #[arg(long)]
    pub until: Option<String>,
    /// Only this lead, whatever its status, reason and time; repeatable. A quarantined lead also needs
    /// `--status quarantined`; one that went out in a file needs `--exported`
    #[arg(long = "lead", value_name = "LEAD")]
    pub leads: Vec<String>,
    /// Include leads that went out in a file
    #[arg(long)]
    pub exported: bool,
    /// Report what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Replayable {
    Waiting,
    Refused,
    Received,
    Exported,
    Quarantined,
}

#[derive(Debug, Args)]
pub struct Csv {
    pub customer: String,
    /// Which leads; undelivered ones are marked as gone out and no longer delivered automatically
    #[arg(long, value_enum, default_value_t = Selection::Undelivered)]
    pub status: Selection,
    /// Format of the file
    #[arg(long, value_enum, default_value_t = Dialect::Upload)]
    pub dialect: Dialect,
    /// Only leads of this form
    #[arg(long)]
    pub form: Option<String>,
    /// Download without marking any leads
    #[arg(long)]
    pub dry_run: bool,
    /// Folder to save the files in
    #[arg(long, default_value = ".")]
    pub into: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Selection {
    Undelivered,
    Exported,
    Delivered,
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Dialect {
    /// For an upload to Constant Contact
    Upload,
    /// For a spreadsheet program, with the outcome of each lead; `--status all` also has leads that cannot be uploaded
    Spreadsheet,
}

/// The API's name for a choice.
pub fn word(choice: impl ValueEnum) -> String {
    let value = choice.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Debug, Subcommand)]
pub enum App {
    /// Store an application's ID and secret; limits not given are kept
    Put(PutApp),
}

#[derive(Debug, Args)]
pub struct PutApp {
    /// ID of the application
    #[arg(default_value = "default")]
    pub id: String,
    /// The client ID that Constant Contact issued
    #[arg(long)]
    pub client_id: String,
    /// The client secret; prefer the environment, as other users of this machine can see arguments
    #[arg(long, env = "LEADFEED_CLIENT_SECRET", hide_env_values = true)]
    pub client_secret: SecretString,
    /// Calls per second that Constant Contact allows; default 4 for a new application
    #[arg(long)]
    pub calls_per_second: Option<u32>,
    /// Calls per day that Constant Contact allows; default 10,000 for a new application
    #[arg(long)]
    pub calls_per_day: Option<u32>,
}
