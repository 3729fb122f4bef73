//! The arguments of commands on forms.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Forms {
    /// List a customer's forms
    List { customer: String },
    /// Show a form with its addresses and webhook secret
    Show { form: String },
    /// Print the HTML to paste into a page
    Snippet {
        form: String,
        /// Submit by script, without leaving the page
        #[arg(long)]
        fetch: bool,
    },
    /// Create a form
    Create(CreateForm),
    /// Change a form
    Patch {
        form: String,
        /// File with a JSON object of the properties to change, named as in the API; null resets one
        #[arg(long)]
        file: PathBuf,
    },
    /// Give a form's webhook a new secret; the old one stays valid until the next rotation
    Rotate { form: String },
    /// Open a form to new leads
    Open { form: String },
    /// Close a form to new leads
    Close { form: String },
    /// Remove a form along with its statements and webhook secret
    Remove {
        form: String,
        /// Skip the confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub struct CreateForm {
    pub customer: String,
    /// Name of the form
    #[arg(long)]
    pub name: String,
    /// The statement beside the opt-in box; it must name the brand
    #[arg(long)]
    pub consent: String,
    /// ID of a list that its leads join; repeatable
    #[arg(long = "list", value_name = "LIST")]
    pub lists: Vec<String>,
    /// An origin that may submit by script; repeatable
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub origins: Vec<String>,
    /// Where a browser goes after the form
    #[arg(long)]
    pub return_url: Option<String>,
    /// Accept only signed webhooks; the form has no page and no snippet
    #[arg(long)]
    pub signed_only: bool,
    /// The brand's privacy policy, linked beside the opt-in box
    #[arg(long)]
    pub privacy_url: Option<String>,
}
