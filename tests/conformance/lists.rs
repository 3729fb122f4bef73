//! Contact lists.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, CREATOR, SHOP_OWNER, Site, USUAL_SCOPE, address, encoded, ids};

facts! {
    Token SWAGGER: a_page_of_lists_has_ids_and_names,
    Sandbox WORDPRESS: fifty_lists_are_a_page_unless_more_are_asked_for,
    Token SWAGGER: a_list_page_holds_one_to_five_hundred,
    Sandbox OVERVIEW: the_next_page_is_a_path_with_an_opaque_cursor,
    Sandbox OVERVIEW: following_the_pages_shows_every_list_once,
    Token OVERVIEW: a_made_up_cursor_is_refused,
    Sandbox SWAGGER: a_cursor_is_padded,
    Sandbox SWAGGER: a_list_query_takes_no_unknown_or_repeated_parameter,
    Sandbox SWAGGER: the_number_of_lists_comes_when_asked_for,
    Sandbox SWAGGER: memberships_are_counted_all_or_active,
    Token SWAGGER: another_membership_count_is_refused_in_these_words,
    Token SWAGGER: a_list_is_found_by_its_full_name,
    Token LISTS_POST: a_new_list_has_an_id,
    Token LISTS_POST: a_list_name_is_required_and_at_most_255_characters,
    Token LISTS_POST: a_list_name_is_unique,
    Token SWAGGER: a_list_takes_no_unknown_property,
    Token SWAGGER: a_list_is_renamed_by_a_put,
    Token SWAGGER: an_unknown_list_takes_no_name,
    Sandbox SWAGGER: a_deleted_list_is_gone_but_can_be_listed_as_deleted,
    Sandbox SWAGGER: a_list_is_there_until_its_deletion_is_done,
    Sandbox SWAGGER: a_deletion_that_is_not_queued_deletes_nothing,
    Token SWAGGER: a_list_delete_answers_with_an_activity,
    Token SWAGGER: an_unknown_list_is_not_found,
    Sandbox PRIVILEGES: a_campaign_creator_sees_lists_but_makes_none,
    Sandbox LISTS_POST: an_account_has_at_most_a_thousand_lists,
}

const LISTS: &str = "/v3/contact_lists";

async fn created(api: &Api<'_>, name: &str) -> Value {
    api.post(LISTS, &json!({ "name": name }))
        .await
        .expect(201)
        .json()
}

fn fresh_name() -> String {
    format!("List {}", address())
}

async fn a_page_of_lists_has_ids_and_names(site: Site) {
    let page = site.owner().await.get(LISTS).await.expect(200).json();
    let lists = page["lists"].as_array().expect("lists");
    assert!(!lists.is_empty());
    for list in lists {
        assert!(
            list["list_id"].as_str().is_some_and(|id| id.len() == 36),
            "{list}"
        );
        assert!(
            list["name"].is_string() && list["created_at"].is_string(),
            "{list}"
        );
    }
}

async fn fifty_lists_are_a_page_unless_more_are_asked_for(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let count = async |path: &str| {
        let page = api.get(path).await.expect(200).json();
        page["lists"].as_array().map(Vec::len)
    };
    assert_eq!(count(LISTS).await, Some(50));
    assert_eq!(count("/v3/contact_lists?limit=500").await, Some(61));
}

async fn a_list_page_holds_one_to_five_hundred(site: Site) {
    let api = site.owner().await;
    for limit in ["0", "501", "many", "-1"] {
        api.get(&format!("{LISTS}?limit={limit}")).await.expect(400);
    }
    api.get(&format!("{LISTS}?limit=500")).await.expect(200);
}

async fn the_next_page_is_a_path_with_an_opaque_cursor(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let page = api.get(LISTS).await.expect(200).json();
    let next = page["_links"]["next"]["href"]
        .as_str()
        .expect("a next page");
    assert!(
        next.starts_with("/v3/contact_lists?") && next.contains("cursor="),
        "{next}"
    );
}

async fn following_the_pages_shows_every_list_once(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let mut seen = Vec::new();
    let mut next = Some("/v3/contact_lists?limit=25".to_owned());
    while let Some(path) = next {
        let page = api.get(&path).await.expect(200).json();
        seen.extend(ids(&page["lists"], "list_id"));
        next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 61);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 61);
}

async fn a_made_up_cursor_is_refused(site: Site) {
    let api = site.owner().await;
    api.get(&format!("{LISTS}?cursor=made-up"))
        .await
        .expect(400);
}

async fn a_cursor_is_padded(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    for limit in 10..13 {
        let path = format!("{LISTS}?limit={limit}");
        let page = api.get(&path).await.expect(200).json();
        let next = page["_links"]["next"]["href"]
            .as_str()
            .expect("a next page");
        let (_, cursor) = next.split_once("cursor=").expect("a cursor");
        assert_eq!(cursor.len() % 4, 0, "{cursor}");
        api.get(next).await.expect(200);
    }
}

async fn a_list_query_takes_no_unknown_or_repeated_parameter(site: Site) {
    let api = site.owner().await;
    for query in [
        "colour=red",
        "limit=1&limit=2",
        "channel_type=sms",
        "Limit=1",
    ] {
        api.get(&format!("{LISTS}?{query}")).await.expect(400);
    }
    let list = api.list().await;
    api.get(&format!("{LISTS}/{list}?limit=1"))
        .await
        .expect(400);
}

async fn the_number_of_lists_comes_when_asked_for(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let page = api.get(LISTS).await.expect(200).json();
    assert_eq!(page.get("lists_count"), None);
    let page = api
        .get(&format!("{LISTS}?include_count=true"))
        .await
        .expect(200)
        .json();
    assert_eq!(page["lists_count"], 61);
}

async fn memberships_are_counted_all_or_active(site: Site) {
    let api = site.owner().await;
    let (mailable, not) = (address(), address());
    api.sign_up(&mailable, json!({})).await.expect(201);
    let not = json!({
        "email_address": { "address": not, "permission_to_send": "not_set" },
        "create_source": "Account",
        "list_memberships": [api.list().await],
    });
    api.post("/v3/contacts", &not).await.expect(201);

    for (which, count) in [("all", 2), ("active", 1)] {
        let path = format!(
            "{LISTS}/{}?include_membership_count={which}",
            api.list().await
        );
        assert_eq!(
            api.get(&path).await.expect(200).json()["membership_count"],
            count,
            "{which}"
        );
    }
}

async fn another_membership_count_is_refused_in_these_words(site: Site) {
    let path = format!("{LISTS}?include_membership_count=some");
    let refused = site.owner().await.get(&path).await.expect(400);
    assert_eq!(refused.error_key(), "contacts.api.validation.error");
    assert_eq!(
        refused.error_message(),
        "include_membership_count does not have a valid value"
    );
}

async fn a_list_is_found_by_its_full_name(site: Site) {
    let api = site.owner().await;
    let name = fresh_name();
    let id = created(&api, &name).await["list_id"].clone();
    let named = async |name: &str| {
        let path = format!("{LISTS}?name={}", encoded(name));
        let page = api.get(&path).await.expect(200).json();
        ids(&page["lists"], "list_id")
    };
    assert_eq!(json!(named(&name).await), json!([id]));
    assert!(named(&name.to_lowercase()).await.is_empty());
}

async fn a_new_list_has_an_id(site: Site) {
    let api = site.owner().await;
    let name = fresh_name();
    let body = json!({ "name": name, "description": "d", "favorite": true });
    let list = api.post(LISTS, &body).await.expect(201).json();
    assert_eq!(
        (&list["name"], &list["description"]),
        (&json!(name), &json!("d"))
    );
    assert_eq!(list["favorite"], true);
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    assert_eq!(api.get(&path).await.expect(200).json()["name"], json!(name));
}

async fn a_list_name_is_required_and_at_most_255_characters(site: Site) {
    let api = site.owner().await;
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "n".repeat(256) }),
    ] {
        api.post(LISTS, &body).await.expect(400);
    }
    let longest = format!("{:255}", fresh_name()).replace(' ', "n");
    created(&api, &longest).await;
}

async fn a_list_name_is_unique(site: Site) {
    let api = site.owner().await;
    let name = fresh_name();
    created(&api, &name).await;
    api.post(LISTS, &json!({ "name": name })).await.expect(409);
}

async fn a_list_takes_no_unknown_property(site: Site) {
    let body = json!({ "name": fresh_name(), "colour": "red" });
    site.owner().await.post(LISTS, &body).await.expect(400);
}

async fn a_list_is_renamed_by_a_put(site: Site) {
    let api = site.owner().await;
    let list = created(&api, &fresh_name()).await;
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    let name = fresh_name();
    let renamed = api
        .put(&path, &json!({ "name": name }))
        .await
        .expect(200)
        .json();
    assert_eq!(renamed["name"], json!(name));
    assert_eq!(renamed["list_id"], list["list_id"]);
}

async fn a_deleted_list_is_gone_but_can_be_listed_as_deleted(site: Site) {
    let api = site.owner().await;
    let list = created(&api, &fresh_name()).await;
    let id = list["list_id"].as_str().unwrap_or_default().to_owned();
    api.delete(&format!("{LISTS}/{id}")).await.expect(202);
    site.sandbox().advance(SignedDuration::from_mins(1));

    api.get(&format!("{LISTS}/{id}")).await.expect(404);
    let has = async |status: &str| {
        let page = api
            .get(&format!("{LISTS}?limit=500&status={status}"))
            .await
            .expect(200)
            .json();
        ids(&page["lists"], "list_id").contains(&id)
    };
    assert_eq!(
        (has("active").await, has("deleted").await, has("all").await),
        (false, true, true)
    );
}

async fn a_list_delete_answers_with_an_activity(site: Site) {
    let api = site.owner().await;
    let list = created(&api, &fresh_name()).await;
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    let deleted = api.delete(&path).await.expect(202);
    let activity = deleted.json();
    assert!(
        activity["activity_id"].is_string() && activity["state"].is_string(),
        "{activity}"
    );
    assert_eq!(activity.get("status"), None);
    assert!(deleted.header("location").is_some());
}

async fn a_list_is_there_until_its_deletion_is_done(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 10_000);
    let (api, address) = (site.owner().await, address());
    let list = created(&api, &fresh_name()).await;
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    let deletion = api.delete(&path).await.expect(202).json();
    assert_eq!(deletion["state"], "initialized");
    api.get(&path).await.expect(200);
    let more = json!({ "list_memberships": [list["list_id"]] });
    api.sign_up(&address, more).await.expect(201);

    site.sandbox().advance(SignedDuration::from_mins(1));
    api.get(&path).await.expect(404);
    assert_eq!(api.contact(&address).await["list_memberships"], json!([]));
    let report = deletion["_links"]["self"]["href"].as_str().expect("a link");
    let report = api.get(report).await.expect(200).json();
    assert_eq!(report["state"], "completed");
}

async fn a_deletion_that_is_not_queued_deletes_nothing(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 3_600_000);
    let api = site.owner().await;
    let list = created(&api, &fresh_name()).await;
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    for _ in 0..1000 {
        api.delete(&path).await.expect(202);
    }
    let other = created(&api, &fresh_name()).await;
    let path = format!("{LISTS}/{}", other["list_id"].as_str().unwrap_or_default());
    api.delete(&path).await.expect(429);
    site.sandbox().advance(SignedDuration::from_hours(2));
    api.get(&path).await.expect(200);
}

async fn an_unknown_list_takes_no_name(site: Site) {
    let api = site.owner().await;
    let name = fresh_name();
    created(&api, &name).await;
    let path = format!("{LISTS}/04fe9a97-a579-43c5-bb1a-58ed29bf0a6a");
    api.put(&path, &json!({ "name": name })).await.expect(404);
}

async fn an_unknown_list_is_not_found(site: Site) {
    let api = site.owner().await;
    let reply = api
        .get(&format!("{LISTS}/04fe9a97-a579-43c5-bb1a-58ed29bf0a6a"))
        .await;
    assert_eq!(reply.expect(404).error_key(), "contacts.api.not_found");
}

async fn a_campaign_creator_sees_lists_but_makes_none(site: Site) {
    let api = site.sign_in(CREATOR, USUAL_SCOPE).await;
    api.get(LISTS).await.expect(200);
    api.post(LISTS, &json!({ "name": fresh_name() }))
        .await
        .expect(403);
}

async fn an_account_has_at_most_a_thousand_lists(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    for n in 61..1000 {
        created(&api, &format!("More {n}")).await;
    }
    api.post(LISTS, &json!({ "name": "one too many" }))
        .await
        .expect(400);
}
