//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use secrecy::SecretString;

/// Runs a Leadfeed stack: customers, forms, leads, and whether all is well.
#[derive(Debug, Parser)]
#[command(name = "leadfeed", version)]
pub struct Options {
    #[command(flatten)]
    pub stack: Stack,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Where a stack is, and what opens it.
#[derive(Debug, Args)]
pub struct Stack {
    /// Address of the stack: its output `ApiUrl`, or its own domain
    #[arg(long, env = "LEADFEED_URL", global = true, default_value = "")]
    pub url: String,
    /// The admin token; better in the environment than here, where others on this machine can read it
    #[arg(long, env = "LEADFEED_TOKEN", global = true, hide_env_values = true)]
    pub token: Option<SecretString>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The customers of the service
    #[command(subcommand)]
    Customers(Customers),
    /// A customer's link to Constant Contact
    #[command(subcommand)]
    Connection(Connection),
    /// Lead forms
    #[command(subcommand)]
    Forms(Forms),
    /// Links to hand to a customer
    #[command(subcommand)]
    Links(Links),
    /// Leads and what became of them
    #[command(subcommand)]
    Leads(Leads),
    /// People whom a customer never wants mailed
    #[command(subcommand)]
    Suppressions(Suppressions),
    /// Try leads again
    Replay(Replay),
    /// Download leads as files that Constant Contact's upload takes
    Csv(Csv),
    /// Constant Contact applications
    #[command(subcommand)]
    App(App),
    /// What an application may still call today
    Budget {
        /// Which application
        #[arg(long, default_value = "default")]
        app: String,
    },
    /// How the stack is
    Health,
    /// Check a deployment step by step and say what is missing
    Doctor {
        /// Also whether this customer's leads can go out
        #[arg(long)]
        customer: Option<String>,
    },
    /// Print a completion script
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub enum Customers {
    /// All customers
    List,
    /// One customer
    Show { id: String },
    /// Make a customer, or change its settings: what is not said stays as it is
    Put(PutCustomer),
    /// Remove a customer with its connection and forms
    Remove {
        id: String,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub struct PutCustomer {
    /// Your id for it
    pub id: String,
    /// Its name; a new one needs it
    #[arg(long)]
    pub name: Option<String>,
    /// The name its mail is sent under; a new one's is its name where this is left out
    #[arg(long)]
    pub brand: Option<String>,
    /// The application it connects with
    #[arg(long)]
    pub app: Option<String>,
    /// Where a browser goes after a form; empty for the page of thanks
    #[arg(long)]
    pub return_url: Option<String>,
    /// A host that a form may send the browser back to, in the place of those it had; can be repeated, empty for none
    #[arg(long = "return-host")]
    pub return_hosts: Vec<String>,
    /// Whether leads may go by bulk import
    #[arg(long)]
    pub bulk_import: Option<BulkImport>,
    /// Days that a lead is kept once it is settled or set aside, at least 30
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
    /// How a customer is connected
    Show { customer: String },
    /// Disconnect a customer
    End { customer: String },
}

#[derive(Debug, Subcommand)]
pub enum Forms {
    /// A customer's forms
    List { customer: String },
    /// One form with its addresses and its webhook's secret
    Show { form: String },
    /// What to paste into a page
    Snippet {
        form: String,
        /// Sent by script, without leaving the page
        #[arg(long)]
        fetch: bool,
    },
    /// Make a form
    Create(CreateForm),
    /// Change a form
    Patch {
        form: String,
        /// A JSON object with the properties to change, as the API has them; null puts one back
        #[arg(long)]
        file: PathBuf,
    },
    /// Give a form's webhook another secret; the one before stays good until the next change
    Rotate { form: String },
    /// Let a form take leads
    Open { form: String },
    /// Let a form take no more leads
    Close { form: String },
    /// Remove a form
    Remove { form: String },
}

#[derive(Debug, Args)]
pub struct CreateForm {
    pub customer: String,
    /// Its name
    #[arg(long)]
    pub name: String,
    /// What stands beside the opt-in box; it has to name the brand
    #[arg(long)]
    pub consent: String,
    /// A list its leads join; can be repeated
    #[arg(long = "list")]
    pub lists: Vec<String>,
    /// An origin that may post by script; can be repeated
    #[arg(long = "origin")]
    pub origins: Vec<String>,
    /// Where a browser goes after the form
    #[arg(long)]
    pub return_url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Links {
    /// By which a customer connects an account, once
    Connect { customer: String },
    /// To a customer's own page, for a day
    Manage { customer: String },
}

#[derive(Debug, Subcommand)]
pub enum Leads {
    /// A customer's leads, newest first
    List(ListLeads),
    /// One lead with its timeline
    Show { lead: String },
    /// The signed receipt of a lead's consent
    Receipt { lead: String },
    /// Print leads as they come in and change, until interrupted
    Follow(Follow),
    /// Erase one lead
    Erase {
        lead: String,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
    /// Erase all leads of one address
    Forget {
        customer: String,
        email: String,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Suppressions {
    /// A customer's list, which holds no addresses
    List { customer: String },
    /// Put an address on it
    Add { customer: String, email: String },
    /// Take an address off it
    Remove { customer: String, email: String },
}

#[derive(Debug, Args)]
pub struct ListLeads {
    pub customer: String,
    /// Only leads with this status
    #[arg(long)]
    pub status: Option<Status>,
    /// Only leads received at or after this time
    #[arg(long)]
    pub since: Option<String>,
    /// How many at most
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
    /// Seconds between two looks
    #[arg(long, default_value_t = 5)]
    pub every: u64,
    /// Looks after which to end
    #[arg(long, hide = true, default_value_t = u64::MAX)]
    pub looks: u64,
}

#[derive(Debug, Args)]
pub struct Replay {
    pub customer: String,
    /// Only leads with this status; quarantined ones are released
    #[arg(long)]
    pub status: Option<Replayable>,
    /// Only leads for this reason, as in `quota`
    #[arg(long)]
    pub reason: Option<String>,
    /// Only leads received at or after this time
    #[arg(long)]
    pub since: Option<String>,
    /// Only leads received before this time
    #[arg(long)]
    pub until: Option<String>,
    /// These leads; can be repeated
    #[arg(long = "lead")]
    pub leads: Vec<String>,
    /// Also leads that went out in a file
    #[arg(long)]
    pub exported: bool,
    /// Say what would happen and do nothing
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
    /// Which leads; those undelivered are marked and not delivered by themselves any more
    #[arg(long, value_enum, default_value_t = Selection::Undelivered)]
    pub status: Selection,
    /// For whom
    #[arg(long, value_enum, default_value_t = Dialect::Upload)]
    pub dialect: Dialect,
    /// Download without marking any leads
    #[arg(long, alias = "look")]
    pub dry_run: bool,
    /// The folder the parts are put into
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
    Upload,
    Spreadsheet,
}

/// The API's word for a choice.
pub fn word(choice: impl ValueEnum) -> String {
    let value = choice.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Debug, Subcommand)]
pub enum App {
    /// Store an application's id and secret; limits that are not said stay as they are
    Put(PutApp),
}

#[derive(Debug, Args)]
pub struct PutApp {
    #[arg(default_value = "default")]
    pub id: String,
    #[arg(long)]
    pub client_id: String,
    /// Better in the environment than here
    #[arg(long, env = "LEADFEED_CLIENT_SECRET", hide_env_values = true)]
    pub client_secret: SecretString,
    /// What Constant Contact lets it call; 4 of a new one
    #[arg(long)]
    pub calls_per_second: Option<u32>,
    /// What Constant Contact lets it call; 10,000 of a new one
    #[arg(long)]
    pub calls_per_day: Option<u32>,
}
