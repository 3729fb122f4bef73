//! `PUT /contacts/resubscribe/{contact_id}`: ask an unsubscribed contact to come back.

use serde_json::{Value, json};

use crate::contacts::{created, path_of, standing, unsubscribed};
use crate::fact::facts;
use crate::site::{OWNER, Site, address};

facts! {
    Sandbox RESUBSCRIBE: a_resubscribe_mail_leaves_the_contact_unsubscribed,
    Sandbox RESUBSCRIBE: a_resubscribe_mail_goes_out_once,
    Token RESUBSCRIBE: only_an_unsubscribed_contact_is_asked_back,
    Sandbox RESUBSCRIBE: a_deleted_contact_is_not_asked_back,
    Sandbox RESUBSCRIBE: a_resubscribe_needs_lists,
    Sandbox RESUBSCRIBE: a_contact_that_confirms_is_explicit_again,
}

fn resubscribe_path(contact: &Value) -> String {
    format!(
        "/v3/contacts/resubscribe/{}",
        contact["contact_id"].as_str().unwrap_or_default()
    )
}

async fn a_resubscribe_mail_leaves_the_contact_unsubscribed(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let lists = json!({ "list_ids": [api.list().await] });
    let asked = api.put(&resubscribe_path(&contact), &lists).await;
    assert_eq!(asked.expect(200).text, "");
    assert_eq!(standing(&api, &address).await, "unsubscribed");
    assert_eq!(
        api.contact(&address).await["list_memberships"],
        lists["list_ids"]
    );
}

async fn a_resubscribe_mail_goes_out_once(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(200);
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn only_an_unsubscribed_contact_is_asked_back(site: Site) {
    let api = site.owner().await;
    let contact = created(&api, &address(), json!({})).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn a_deleted_contact_is_not_asked_back(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    api.delete(&path_of(&contact)).await.expect(204);
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn a_resubscribe_needs_lists(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    for body in [
        json!({}),
        json!({ "list_ids": [] }),
        json!({ "list_ids": ["x"] }),
    ] {
        api.put(&resubscribe_path(&contact), &body)
            .await
            .expect(400);
    }
}

async fn a_contact_that_confirms_is_explicit_again(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(200);
    let now = site.sandbox().clock().now();
    site.account_of(OWNER, |account| {
        let id = account
            .contact_by_email(&address)
            .map(|contact| contact.id)
            .expect("it");
        account.contact_mut(id).expect("it").confirm(now);
    });
    assert_eq!(standing(&api, &address).await, "explicit");
}
