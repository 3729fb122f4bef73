//! Confirmation of commands that cannot be undone.

use anyhow::{Result, bail};

use crate::Stdin;
use crate::args::{Command, Connection, Customers, Forms, Leads};

/// Asks for confirmation of a command that cannot be undone, unless `--yes` was given. Without a terminal, it fails.
///
/// # Errors
/// If the answer is not yes, or nobody can be asked.
pub fn ask(command: &Command, stdin: &mut Stdin<'_>) -> Result<()> {
    let Some((act, name)) = irreversible(command) else {
        return Ok(());
    };
    if !stdin.is_terminal {
        bail!("{act} cannot be undone: pass --yes to confirm");
    }
    eprint!("{act} cannot be undone. Type {name} to confirm: ");
    let mut typed = String::new();
    stdin.lines.read_line(&mut typed)?;
    if [name, "yes"].contains(&typed.trim()) {
        return Ok(());
    }
    bail!("not confirmed: nothing was done");
}

/// The effect of a command that cannot be undone and was not confirmed, and its target.
fn irreversible(command: &Command) -> Option<(String, &str)> {
    match command {
        Command::Customers(Customers::Remove { id, yes: false }) => Some((
            format!(
                "Removing the customer {id} with its connection and forms, and refusing its leads that wait,"
            ),
            id,
        )),
        Command::Connection(Connection::End {
            customer,
            yes: false,
        }) => Some((
            format!("Ending the connection of the customer {customer}, whose tokens are deleted,"),
            customer,
        )),
        Command::Forms(Forms::Remove { form, yes: false }) => Some((
            format!("Removing the form {form} with its statements and webhook secret"),
            form,
        )),
        Command::Leads(Leads::Erase { lead, yes: false }) => {
            Some((format!("Erasing the lead {lead}"), lead))
        }
        Command::Leads(Leads::Forget {
            customer,
            email,
            yes: false,
        }) => Some((
            format!("Erasing all leads of {email} at the customer {customer}"),
            email,
        )),
        _ => None,
    }
}
