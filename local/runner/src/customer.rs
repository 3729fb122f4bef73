//! Plays the customer: follows a connect link in a browser and agrees.

use anyhow::{Result, ensure};

use crate::browser::Browser;

/// Opens the link, allows the access as the first user or as the one with this login, chooses the account's first list
/// and confirms the terms.
pub async fn connect(link: &str, login: Option<&str>) -> Result<()> {
    let mut browser = Browser::new()?;
    let welcome = browser.open(link).await?;
    ensure!(
        welcome.status.is_success(),
        "the connect page said: {}",
        welcome.heading()?
    );
    let consent = browser.submit(&welcome, "", &[]).await?;
    ensure!(
        consent.status.is_success(),
        "the consent page said: {}",
        consent.heading()?
    );
    let mut allowed = vec![("decision", "allow")];
    allowed.extend(login.map(|login| ("user", login)));
    let lists = browser.submit(&consent, "", &allowed).await?;
    ensure!(
        lists.status.is_success(),
        "the way back said: {}",
        lists.heading()?
    );
    let (choices, terms) = (lists.choices("list")?, lists.choices("terms")?);
    let mut choice: Vec<_> = terms.iter().map(|tick| ("terms", tick.as_str())).collect();
    match choices.first() {
        Some(list) => choice.push(("list", list)),
        None => choice.push(("new_list", "Web sign-ups")),
    }
    let done = browser.submit(&lists, "/connect/lists", &choice).await?;
    ensure!(
        done.url.path() == "/connect/done",
        "choosing lists ended at {}: {}",
        done.url.path(),
        done.heading()?
    );
    Ok(())
}
