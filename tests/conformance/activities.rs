//! Activity reports, and the activities that are not imports.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, SHOP_OWNER, Site, USUAL_SCOPE, address, ids};

facts! {
    Token SWAGGER: an_unknown_activity_is_not_found,
    Token BULK: activity_list_includes_a_new_import,
    Sandbox BULK: activities_can_be_filtered_by_state,
    Token SWAGGER: unknown_or_initialized_state_filter_is_rejected,
    Sandbox BULK: activities_are_listed_for_ten_days,
    Token SWAGGER: activity_page_limit_is_at_most_500,
    Token SWAGGER: tag_name_must_be_unique_and_1_to_255_characters,
    Sandbox SWAGGER: tags_are_added_by_an_activity,
    Token SWAGGER: unknown_tags_are_rejected,
    Sandbox SWAGGER: list_memberships_are_added_by_an_activity,
    Token SWAGGER: source_must_use_exactly_one_selector_of_at_most_500_ids,
    Token SWAGGER: exclude_is_allowed_only_with_list_ids_or_all_active_contacts,
    Sandbox SWAGGER: each_kind_of_activity_returns_its_own_counts,
    Sandbox SWAGGER: a_contact_has_at_most_fifty_tags,
    Sandbox SWAGGER: contact_on_50_lists_is_not_added_to_another,
    Sandbox SWAGGER: tag_source_is_omitted_if_there_is_none,
    Sandbox SWAGGER: deleted_contacts_are_not_counted_as_tagged,
    Sandbox SWAGGER: activity_queries_reject_unsupported_parameters,
}

const ACTIVITIES: &str = "/v3/activities";
const ADD_TAGS: &str = "/v3/activities/contacts_taggings_add";
const ADD_LISTS: &str = "/v3/activities/add_list_memberships";
const UNKNOWN_ID: &str = "04fe9a97-a579-43c5-bb1a-58ed29bf0a6a";

async fn start_import(api: &Api<'_>) -> String {
    let body = json!({ "import_data": [{ "email": address() }], "list_ids": [api.list().await] });
    let path = "/v3/activities/contacts_json_import";
    let activity = api.post(path, &body).await.expect(201).json();
    activity["activity_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn list_activities(api: &Api<'_>, query: &str) -> Vec<String> {
    let page = api
        .get(&format!("{ACTIVITIES}?{query}"))
        .await
        .expect(200)
        .json();
    ids(&page["activities"], "activity_id")
}

async fn an_unknown_activity_is_not_found(site: Site) {
    let api = site.owner().await;
    api.get(&format!("{ACTIVITIES}/{UNKNOWN_ID}"))
        .await
        .expect(404);
    api.get(&format!("{ACTIVITIES}/x")).await.expect(404);
}

async fn activity_list_includes_a_new_import(site: Site) {
    let api = site.owner().await;
    let id = start_import(&api).await;
    assert!(list_activities(&api, "limit=500").await.contains(&id));
}

async fn activities_can_be_filtered_by_state(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 0);
    let api = site.owner().await;
    let id = start_import(&api).await;
    assert_eq!(
        list_activities(&api, "state=processing").await,
        [id.as_str()]
    );
    site.sandbox().advance(SignedDuration::from_mins(1));
    assert!(list_activities(&api, "state=processing").await.is_empty());
    assert_eq!(list_activities(&api, "state=completed").await, [id]);
}

async fn unknown_or_initialized_state_filter_is_rejected(site: Site) {
    let api = site.owner().await;
    for state in ["done", "initialized"] {
        api.get(&format!("{ACTIVITIES}?state={state}"))
            .await
            .expect(400);
    }
}

async fn activities_are_listed_for_ten_days(site: Site) {
    let id = start_import(&site.owner().await).await;
    site.sandbox()
        .advance(SignedDuration::from_hours(24 * 10 - 1));
    assert_eq!(list_activities(&site.owner().await, "").await, [id]);
    site.sandbox().advance(SignedDuration::from_hours(2));
    assert!(list_activities(&site.owner().await, "").await.is_empty());
}

async fn activity_page_limit_is_at_most_500(site: Site) {
    let api = site.owner().await;
    api.get(&format!("{ACTIVITIES}?limit=501"))
        .await
        .expect(400);
}

async fn create_tag(api: &Api<'_>) -> Value {
    let body = json!({ "name": format!("tag {}", address()) });
    api.post("/v3/contact_tags", &body).await.expect(201).json()
}

async fn tag_name_must_be_unique_and_1_to_255_characters(site: Site) {
    let api = site.owner().await;
    let tag = create_tag(&api).await;
    assert!(tag["tag_id"].is_string());
    api.post("/v3/contact_tags", &json!({ "name": tag["name"] }))
        .await
        .expect(409);
    for name in [String::new(), "x".repeat(256)] {
        api.post("/v3/contact_tags", &json!({ "name": name }))
            .await
            .expect(400);
    }
    let page = api
        .get("/v3/contact_tags?limit=500")
        .await
        .expect(200)
        .json();
    assert!(
        ids(&page["tags"], "tag_id")
            .iter()
            .any(|id| tag["tag_id"] == id.as_str())
    );
}

async fn sign_up_contact(api: &Api<'_>, address: &str) -> Value {
    api.sign_up(address, json!({})).await.expect(201).json()["contact_id"].clone()
}

async fn tags_are_added_by_an_activity(site: Site) {
    let (api, address) = (site.owner().await, address());
    let (contact, tag) = (
        sign_up_contact(&api, &address).await,
        create_tag(&api).await,
    );
    let body = json!({ "source": { "contact_ids": [contact] }, "tag_ids": [tag["tag_id"]] });
    api.post("/v3/activities/contacts_taggings_add", &body)
        .await
        .expect(201);
    site.sandbox().advance(SignedDuration::from_mins(1));
    assert_eq!(
        api.contact(&address).await["taggings"],
        json!([tag["tag_id"]])
    );
}

async fn unknown_tags_are_rejected(site: Site) {
    let body = json!({ "source": { "all_active_contacts": true }, "tag_ids": [UNKNOWN_ID] });
    let api = site.owner().await;
    let reply = api
        .post("/v3/activities/contacts_taggings_add", &body)
        .await;
    reply.expect_one_of(&[400, 404]);
}

async fn list_memberships_are_added_by_an_activity(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = sign_up_contact(&api, &address).await;
    let lists = api.lists().await;
    let body = json!({ "source": { "contact_ids": [contact] }, "list_ids": lists[1..3] });
    api.post("/v3/activities/add_list_memberships", &body)
        .await
        .expect(201);
    site.sandbox().advance(SignedDuration::from_mins(1));
    assert_eq!(
        api.contact(&address).await["list_memberships"],
        json!(lists[..3])
    );
}

async fn exclude_is_allowed_only_with_list_ids_or_all_active_contacts(site: Site) {
    let api = site.owner().await;
    let (list, tag) = (api.list().await, create_tag(&api).await);
    for (source, status) in [
        (json!({ "list_ids": [list] }), 201),
        (json!({ "all_active_contacts": true }), 201),
        (json!({ "contact_ids": [UNKNOWN_ID] }), 400),
        (json!({ "tag_ids": [tag["tag_id"]] }), 400),
    ] {
        let body = json!({
            "source": source, "exclude": { "contact_ids": [UNKNOWN_ID] }, "tag_ids": [tag["tag_id"]],
        });
        api.post(ADD_TAGS, &body).await.expect(status);
    }
}

fn count_names(activity: &Value) -> Vec<String> {
    let counts = activity["status"].as_object().expect("counts");
    let mut names: Vec<_> = counts.keys().cloned().collect();
    names.sort();
    names
}

async fn each_kind_of_activity_returns_its_own_counts(site: Site) {
    let (api, address) = (site.owner().await, address());
    let (contact, tag) = (
        sign_up_contact(&api, &address).await,
        create_tag(&api).await,
    );
    let source = json!({ "contact_ids": [contact] });
    let tags = json!({ "source": source, "tag_ids": [tag["tag_id"]] });
    let tagged = api.post(ADD_TAGS, &tags).await.expect(201).json();
    assert_eq!(
        count_names(&tagged),
        ["items_completed_count", "items_total_count"]
    );
    let lists = json!({ "source": source, "list_ids": api.lists().await[1..3] });
    let added = api.post(ADD_LISTS, &lists).await.expect(201).json();
    assert!(count_names(&added).contains(&"list_count".to_owned()));
    assert!(!count_names(&added).contains(&"person_count".to_owned()));

    site.sandbox().advance(SignedDuration::from_mins(1));
    let report = added["_links"]["self"]["href"].as_str().expect("a link");
    let report = api.get(report).await.expect(200).json();
    assert_eq!(report["status"]["list_count"], 2);
    assert_eq!(report["status"]["items_completed_count"], 1);
}

async fn a_contact_has_at_most_fifty_tags(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = sign_up_contact(&api, &address).await;
    let mut tags = Vec::new();
    for _ in 0..51 {
        tags.push(create_tag(&api).await["tag_id"].clone());
    }
    for some in [&tags[..50], &tags[50..]] {
        let body = json!({ "source": { "contact_ids": [contact] }, "tag_ids": some });
        api.post(ADD_TAGS, &body).await.expect(201);
        site.sandbox().advance(SignedDuration::from_mins(1));
        assert_eq!(api.contact(&address).await["taggings"], json!(tags[..50]));
    }
}

async fn contact_on_50_lists_is_not_added_to_another(site: Site) {
    let (api, address) = (site.sign_in(SHOP_OWNER, USUAL_SCOPE).await, address());
    let page = api.get("/v3/contact_lists?limit=51").await.expect(200);
    let lists = ids(&page.json()["lists"], "list_id");
    let more = json!({ "list_memberships": lists[..50] });
    let signed_up = api.sign_up(&address, more).await.expect(201).json();
    let source = json!({ "contact_ids": [signed_up["contact_id"]] });
    let body = json!({ "source": source, "list_ids": lists[50..] });
    let activity = api.post(ADD_LISTS, &body).await.expect(201).json();

    site.sandbox().advance(SignedDuration::from_mins(1));
    let report = activity["_links"]["self"]["href"].as_str().expect("a link");
    let report = api.get(report).await.expect(200).json();
    assert_eq!(report["status"]["cannot_add_to_list_count"], 1);
    let contact = api.contact(&address).await;
    assert_eq!(contact["list_memberships"], json!(lists[..50]));
}

async fn tag_source_is_omitted_if_there_is_none(site: Site) {
    assert_eq!(
        create_tag(&site.owner().await).await.get("tag_source"),
        None
    );
}

async fn deleted_contacts_are_not_counted_as_tagged(site: Site) {
    let (api, address) = (site.owner().await, address());
    let (contact, tag) = (
        sign_up_contact(&api, &address).await,
        create_tag(&api).await,
    );
    let body = json!({ "source": { "contact_ids": [contact] }, "tag_ids": [tag["tag_id"]] });
    api.post(ADD_TAGS, &body).await.expect(201);
    site.sandbox().advance(SignedDuration::from_mins(1));
    let count = async || {
        let path = "/v3/contact_tags?include_count=true";
        api.get(path).await.expect(200).json()["tags"][0]["contacts_count"].clone()
    };
    assert_eq!(count().await, 1);
    let path = format!("/v3/contacts/{}", contact.as_str().unwrap_or_default());
    api.delete(&path).await.expect(204);
    assert_eq!(count().await, 0);
}

async fn activity_queries_reject_unsupported_parameters(site: Site) {
    let api = site.owner().await;
    let id = start_import(&api).await;
    for path in [
        format!("{ACTIVITIES}?status=completed"),
        format!("{ACTIVITIES}/{id}?state=completed"),
    ] {
        api.get(&path).await.expect(400);
    }
}

async fn source_must_use_exactly_one_selector_of_at_most_500_ids(site: Site) {
    let api = site.owner().await;
    let list = api.list().await;
    let sources = [
        json!({}),
        json!({ "contact_ids": [UNKNOWN_ID], "list_ids": [list] }),
        json!({ "contact_ids": vec![UNKNOWN_ID; 501] }),
    ];
    for source in sources {
        let body = json!({ "source": source, "list_ids": [list] });
        api.post("/v3/activities/add_list_memberships", &body)
            .await
            .expect(400);
    }
}
