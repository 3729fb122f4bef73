//! `PUT /contacts/resubscribe/{contact_id}`: ask an unsubscribed contact to come back.

use serde_json::{Value, json};

use crate::contacts::{create_contact, path_of, permission_of, unsubscribed};
use crate::fact::facts;
use crate::site::{OWNER, Site, address};

facts! {
    Sandbox RESUBSCRIBE: a_resubscribe_mail_leaves_the_contact_unsubscribed,
    Sandbox RESUBSCRIBE: resubscribe_mail_can_be_sent_only_once,
    Token RESUBSCRIBE: resubscribing_a_subscribed_contact_is_a_conflict,
    Sandbox RESUBSCRIBE: resubscribing_a_deleted_contact_is_a_conflict,
    Sandbox RESUBSCRIBE: resubscribing_requires_valid_lists,
    Sandbox RESUBSCRIBE: contact_that_confirms_becomes_explicit_again,
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
    let reply = api.put(&resubscribe_path(&contact), &lists).await;
    assert_eq!(reply.expect(200).text, "");
    assert_eq!(permission_of(&api, &address).await, "unsubscribed");
    assert_eq!(
        api.contact(&address).await["list_memberships"],
        lists["list_ids"]
    );
}

async fn resubscribe_mail_can_be_sent_only_once(site: Site) {
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

async fn resubscribing_a_subscribed_contact_is_a_conflict(site: Site) {
    let api = site.owner().await;
    let contact = create_contact(&api, &address(), json!({})).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn resubscribing_a_deleted_contact_is_a_conflict(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    api.delete(&path_of(&contact)).await.expect(204);
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn resubscribing_requires_valid_lists(site: Site) {
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

async fn contact_that_confirms_becomes_explicit_again(site: Site) {
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
            .expect("the contact");
        account.contact_mut(id).expect("the contact").confirm(now);
    });
    assert_eq!(permission_of(&api, &address).await, "explicit");
}
