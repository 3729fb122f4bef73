//! Contact lists.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, CREATOR, SHOP_OWNER, Site, USUAL_SCOPE, address, encoded, ids};

facts! {
    Token SWAGGER: a_page_of_lists_has_ids_and_names,
    Sandbox WORDPRESS: default_page_holds_50_lists_and_limit_raises_it,
    Token SWAGGER: list_page_limit_must_be_1_to_500,
    Sandbox OVERVIEW: next_page_link_is_a_path_with_a_cursor,
    Sandbox OVERVIEW: following_next_links_returns_every_list_once,
    Token OVERVIEW: made_up_cursor_is_rejected,
    Sandbox SWAGGER: cursor_is_padded_to_a_multiple_of_4_characters,
    Sandbox SWAGGER: list_queries_reject_unknown_and_repeated_parameters,
    Sandbox SWAGGER: lists_count_is_returned_only_with_include_count,
    Sandbox SWAGGER: membership_count_covers_all_or_only_active_contacts,
    Token SWAGGER: unknown_membership_count_is_rejected_with_this_message,
    Token SWAGGER: lists_are_found_by_exact_name_including_case,
    Token LISTS_POST: created_list_can_be_read_by_its_id,
    Token LISTS_POST: a_list_name_is_required_and_at_most_255_characters,
    Token LISTS_POST: a_list_name_is_unique,
    Token SWAGGER: list_rejects_unknown_properties,
    Token SWAGGER: put_renames_a_list,
    Token SWAGGER: renaming_an_unknown_list_is_404_even_if_the_name_is_taken,
    Sandbox SWAGGER: deleted_list_is_404_but_still_listed_as_deleted,
    Sandbox SWAGGER: list_remains_usable_until_its_deletion_completes,
    Sandbox SWAGGER: list_deletion_rejected_by_a_full_queue_deletes_nothing,
    Token SWAGGER: deleting_a_list_returns_an_activity,
    Token SWAGGER: an_unknown_list_is_not_found,
    Sandbox PRIVILEGES: campaign_creator_can_read_lists_but_not_create_them,
    Sandbox LISTS_POST: an_account_has_at_most_a_thousand_lists,
}

const LISTS: &str = "/v3/contact_lists";

async fn create_list(api: &Api<'_>, name: &str) -> Value {
    api.post(LISTS, &json!({ "name": name }))
        .await
        .expect(201)
        .json()
}

fn unique_name() -> String {
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

async fn default_page_holds_50_lists_and_limit_raises_it(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let count = async |path: &str| {
        let page = api.get(path).await.expect(200).json();
        page["lists"].as_array().map(Vec::len)
    };
    assert_eq!(count(LISTS).await, Some(50));
    assert_eq!(count("/v3/contact_lists?limit=500").await, Some(61));
}

async fn list_page_limit_must_be_1_to_500(site: Site) {
    let api = site.owner().await;
    for limit in ["0", "501", "many", "-1"] {
        api.get(&format!("{LISTS}?limit={limit}")).await.expect(400);
    }
    api.get(&format!("{LISTS}?limit=500")).await.expect(200);
}

async fn next_page_link_is_a_path_with_a_cursor(site: Site) {
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

async fn following_next_links_returns_every_list_once(site: Site) {
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

async fn made_up_cursor_is_rejected(site: Site) {
    let api = site.owner().await;
    api.get(&format!("{LISTS}?cursor=made-up"))
        .await
        .expect(400);
}

async fn cursor_is_padded_to_a_multiple_of_4_characters(site: Site) {
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

async fn list_queries_reject_unknown_and_repeated_parameters(site: Site) {
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

async fn lists_count_is_returned_only_with_include_count(site: Site) {
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

async fn membership_count_covers_all_or_only_active_contacts(site: Site) {
    let api = site.owner().await;
    let (active, not_set) = (address(), address());
    api.sign_up(&active, json!({})).await.expect(201);
    let not_set = json!({
        "email_address": { "address": not_set, "permission_to_send": "not_set" },
        "create_source": "Account",
        "list_memberships": [api.list().await],
    });
    api.post("/v3/contacts", &not_set).await.expect(201);

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

async fn unknown_membership_count_is_rejected_with_this_message(site: Site) {
    let path = format!("{LISTS}?include_membership_count=some");
    let refused = site.owner().await.get(&path).await.expect(400);
    assert_eq!(refused.error_key(), "contacts.api.validation.error");
    assert_eq!(
        refused.error_message(),
        "include_membership_count does not have a valid value"
    );
}

async fn lists_are_found_by_exact_name_including_case(site: Site) {
    let api = site.owner().await;
    let name = unique_name();
    let id = create_list(&api, &name).await["list_id"].clone();
    let find_by_name = async |name: &str| {
        let path = format!("{LISTS}?name={}", encoded(name));
        let page = api.get(&path).await.expect(200).json();
        ids(&page["lists"], "list_id")
    };
    assert_eq!(json!(find_by_name(&name).await), json!([id]));
    assert!(find_by_name(&name.to_lowercase()).await.is_empty());
}

async fn created_list_can_be_read_by_its_id(site: Site) {
    let api = site.owner().await;
    let name = unique_name();
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
    let longest = format!("{:255}", unique_name()).replace(' ', "n");
    create_list(&api, &longest).await;
}

async fn a_list_name_is_unique(site: Site) {
    let api = site.owner().await;
    let name = unique_name();
    create_list(&api, &name).await;
    api.post(LISTS, &json!({ "name": name })).await.expect(409);
}

async fn list_rejects_unknown_properties(site: Site) {
    let body = json!({ "name": unique_name(), "colour": "red" });
    site.owner().await.post(LISTS, &body).await.expect(400);
}

async fn put_renames_a_list(site: Site) {
    let api = site.owner().await;
    let list = create_list(&api, &unique_name()).await;
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    let name = unique_name();
    let renamed = api
        .put(&path, &json!({ "name": name }))
        .await
        .expect(200)
        .json();
    assert_eq!(renamed["name"], json!(name));
    assert_eq!(renamed["list_id"], list["list_id"]);
}

async fn deleted_list_is_404_but_still_listed_as_deleted(site: Site) {
    let api = site.owner().await;
    let list = create_list(&api, &unique_name()).await;
    let id = list["list_id"].as_str().unwrap_or_default().to_owned();
    api.delete(&format!("{LISTS}/{id}")).await.expect(202);
    site.sandbox().advance(SignedDuration::from_mins(1));

    api.get(&format!("{LISTS}/{id}")).await.expect(404);
    let is_listed_with = async |status: &str| {
        let page = api
            .get(&format!("{LISTS}?limit=500&status={status}"))
            .await
            .expect(200)
            .json();
        ids(&page["lists"], "list_id").contains(&id)
    };
    assert_eq!(
        (
            is_listed_with("active").await,
            is_listed_with("deleted").await,
            is_listed_with("all").await
        ),
        (false, true, true)
    );
}

async fn deleting_a_list_returns_an_activity(site: Site) {
    let api = site.owner().await;
    let list = create_list(&api, &unique_name()).await;
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

async fn list_remains_usable_until_its_deletion_completes(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 10_000);
    let (api, address) = (site.owner().await, address());
    let list = create_list(&api, &unique_name()).await;
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

async fn list_deletion_rejected_by_a_full_queue_deletes_nothing(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 3_600_000);
    let api = site.owner().await;
    let list = create_list(&api, &unique_name()).await;
    let path = format!("{LISTS}/{}", list["list_id"].as_str().unwrap_or_default());
    for _ in 0..1000 {
        api.delete(&path).await.expect(202);
    }
    let other = create_list(&api, &unique_name()).await;
    let path = format!("{LISTS}/{}", other["list_id"].as_str().unwrap_or_default());
    api.delete(&path).await.expect(429);
    site.sandbox().advance(SignedDuration::from_hours(2));
    api.get(&path).await.expect(200);
}

async fn renaming_an_unknown_list_is_404_even_if_the_name_is_taken(site: Site) {
    let api = site.owner().await;
    let name = unique_name();
    create_list(&api, &name).await;
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

async fn campaign_creator_can_read_lists_but_not_create_them(site: Site) {
    let api = site.sign_in(CREATOR, USUAL_SCOPE).await;
    api.get(LISTS).await.expect(200);
    api.post(LISTS, &json!({ "name": unique_name() }))
        .await
        .expect(403);
}

async fn an_account_has_at_most_a_thousand_lists(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    for n in 61..1000 {
        create_list(&api, &format!("More {n}")).await;
    }
    api.post(LISTS, &json!({ "name": "one too many" }))
        .await
        .expect(400);
}
