//! `GET /contacts`.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, OWNER, Site, address, encoded, ids};

facts! {
    Token SIGN_UP: unknown_address_returns_200_and_an_empty_page,
    Token SIGN_UP: a_plus_in_an_address_must_be_encoded,
    Token SWAGGER: deleted_contacts_are_omitted_unless_requested,
    Sandbox FORUM_STATUS: contacts_can_be_filtered_by_status,
    Token SWAGGER: unknown_status_is_rejected,
    Token SWAGGER: sub_resources_are_returned_only_if_included,
    Token SWAGGER: unknown_include_is_rejected,
    Token SWAGGER: contact_page_limit_must_be_1_to_500,
    Sandbox OVERVIEW: next_pages_keep_the_filters_of_the_first,
    Sandbox SYNC: contacts_can_be_filtered_by_opt_out_date,
    Sandbox SWAGGER: opt_out_date_filter_applies_to_deletions_too,
    Token SWAGGER: contacts_can_be_filtered_by_update_and_creation_date,
    Token SWAGGER: invalid_date_filter_is_rejected,
    Token SWAGGER: contacts_can_be_filtered_by_list,
    Token SWAGGER: query_accepts_at_most_25_lists,
    Token SWAGGER: contacts_count_is_returned_only_with_include_count,
    Sandbox SWAGGER: queries_reject_unknown_and_repeated_parameters,
    Token OVERVIEW: timestamps_are_iso_8601,
    Sandbox SWAGGER: email_address_timestamps_have_an_offset_and_no_fraction,
}

const CONTACTS: &str = "/v3/contacts";

async fn get_page(api: &Api<'_>, query: &str) -> Value {
    api.get(&format!("{CONTACTS}?{query}"))
        .await
        .expect(200)
        .json()
}

async fn find_ids(api: &Api<'_>, query: &str) -> Vec<String> {
    ids(&get_page(api, query).await["contacts"], "contact_id")
}

async fn sign_up_contact(api: &Api<'_>, address: &str) -> String {
    let created = api
        .sign_up(address, json!({ "first_name": "A" }))
        .await
        .expect(201)
        .json();
    created["contact_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

async fn unknown_address_returns_200_and_an_empty_page(site: Site) {
    let api = site.owner().await;
    let page = get_page(&api, &format!("email={}", encoded(&address()))).await;
    assert_eq!(page["contacts"], json!([]));
}

async fn a_plus_in_an_address_must_be_encoded(site: Site) {
    let (api, address) = (site.owner().await, address().replace("fact.", "fact+"));
    let id = sign_up_contact(&api, &address).await;
    assert_eq!(
        find_ids(&api, &format!("email={}", encoded(&address))).await,
        [id]
    );
    assert!(find_ids(&api, &format!("email={address}")).await.is_empty());
}

async fn deleted_contacts_are_omitted_unless_requested(site: Site) {
    let (api, address) = (site.owner().await, address());
    let id = sign_up_contact(&api, &address).await;
    api.delete(&format!("{CONTACTS}/{id}")).await.expect(204);
    let email = encoded(&address);
    assert!(find_ids(&api, &format!("email={email}")).await.is_empty());
    for status in ["all", "deleted"] {
        assert_eq!(
            find_ids(&api, &format!("email={email}&status={status}")).await,
            [id.as_str()]
        );
    }
}

fn unsubscribe(site: &Site, address: &str) {
    let now = site.sandbox().clock().now();
    site.account_of(OWNER, |account| {
        let id = account
            .contact_by_email(address)
            .map(|contact| contact.id)
            .expect("the contact");
        let contact = account.contact_mut(id).expect("the contact");
        contact.unsubscribe(cc_sandbox::contract::Source::Contact, None, now);
    });
}

async fn contacts_can_be_filtered_by_status(site: Site) {
    let api = site.owner().await;
    let (active, gone) = (address(), address());
    let active_id = sign_up_contact(&api, &active).await;
    let gone_id = sign_up_contact(&api, &gone).await;
    unsubscribe(&site, &gone);
    let unset = json!({
        "email_address": { "address": address(), "permission_to_send": "not_set" },
        "create_source": "Account",
    });
    api.post(CONTACTS, &unset).await.expect(201);

    assert_eq!(find_ids(&api, "status=active").await, [active_id.as_str()]);
    assert_eq!(
        find_ids(&api, "status=unsubscribed").await,
        [gone_id.as_str()]
    );
    assert_eq!(find_ids(&api, "status=not_set").await.len(), 1);
    assert_eq!(
        find_ids(&api, "status=active,unsubscribed").await,
        [active_id, gone_id]
    );
    assert_eq!(find_ids(&api, "").await.len(), 3);
}

async fn unknown_status_is_rejected(site: Site) {
    site.owner()
        .await
        .get(&format!("{CONTACTS}?status=asleep"))
        .await
        .expect(400);
}

async fn sub_resources_are_returned_only_if_included(site: Site) {
    let (api, address) = (site.owner().await, address());
    sign_up_contact(&api, &address).await;
    let email = format!("email={}", encoded(&address));
    let plain = get_page(&api, &email).await["contacts"][0].clone();
    assert_eq!(plain.get("list_memberships"), None);
    let rich = get_page(
        &api,
        &format!("{email}&include=list_memberships,custom_fields"),
    )
    .await;
    let rich = &rich["contacts"][0];
    assert_eq!(rich["list_memberships"], json!([api.list().await]));
    assert!(rich["custom_fields"].is_array());
    assert_eq!(rich.get("phone_numbers"), None);
}

async fn unknown_include_is_rejected(site: Site) {
    site.owner()
        .await
        .get(&format!("{CONTACTS}?include=everything"))
        .await
        .expect(400);
}

async fn contact_page_limit_must_be_1_to_500(site: Site) {
    let api = site.owner().await;
    for limit in ["0", "501", "x"] {
        api.get(&format!("{CONTACTS}?limit={limit}"))
            .await
            .expect(400);
    }
    api.get(&format!("{CONTACTS}?limit=500")).await.expect(200);
}

async fn next_pages_keep_the_filters_of_the_first(site: Site) {
    let api = site.owner().await;
    let mut expected = Vec::new();
    for n in 0..7 {
        let address = address();
        let id = sign_up_contact(&api, &address).await;
        if n % 2 == 0 {
            unsubscribe(&site, &address);
            expected.push(id);
        }
    }
    let mut seen = Vec::new();
    let mut next = Some(format!(
        "{CONTACTS}?status=unsubscribed&limit=2&include=list_memberships"
    ));
    while let Some(path) = next {
        let page = api.get(&path).await.expect(200).json();
        assert!(page["contacts"][0]["list_memberships"].is_array());
        seen.extend(ids(&page["contacts"], "contact_id"));
        next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, expected);
}

async fn opt_out_date_filter_applies_to_deletions_too(site: Site) {
    let (api, address) = (site.owner().await, address());
    let id = sign_up_contact(&api, &address).await;
    let before = site.sandbox().clock().now();
    site.sandbox().advance(SignedDuration::from_mins(5));
    api.delete(&format!("{CONTACTS}/{id}")).await.expect(204);
    let after = site.sandbox().clock().now() + SignedDuration::from_secs(1);

    for status in ["deleted", "all"] {
        for (at, expected) in [(before, &[id.as_str()][..]), (after, &[])] {
            let at = encoded(&at.to_string());
            let query = format!("status={status}&optout_after={at}");
            assert_eq!(find_ids(&api, &query).await, expected, "{status}");
        }
    }
}

async fn contacts_can_be_filtered_by_opt_out_date(site: Site) {
    let (api, address) = (site.owner().await, address());
    let id = sign_up_contact(&api, &address).await;
    let before = site.sandbox().clock().now();
    site.sandbox().advance(SignedDuration::from_mins(5));
    unsubscribe(&site, &address);
    let after = site.sandbox().clock().now() + SignedDuration::from_secs(1);

    let query =
        |name: &str, at| format!("status=unsubscribed&{name}={}", encoded(&format!("{at}")));
    assert_eq!(
        find_ids(&api, &query("optout_after", before)).await,
        [id.as_str()]
    );
    assert_eq!(find_ids(&api, &query("optout_before", after)).await, [id]);
    assert!(
        find_ids(&api, &query("optout_after", after))
            .await
            .is_empty()
    );
    let contact = api.contact(&address).await;
    assert_eq!(contact["email_address"]["opt_out_source"], "Contact");
    assert!(contact["email_address"]["opt_out_date"].is_string());
}

async fn contacts_can_be_filtered_by_update_and_creation_date(site: Site) {
    let (api, address) = (site.owner().await, address());
    let id = sign_up_contact(&api, &address).await;
    let email = encoded(&address);
    for (name, when, hit) in [
        ("updated_after", "2020-01-01T00:00:00Z", true),
        ("updated_after", "2099-01-01T00:00:00Z", false),
        ("created_before", "2099-01-01", true),
        ("created_before", "2020-01-01", false),
    ] {
        let hits = find_ids(&api, &format!("email={email}&{name}={when}")).await;
        assert_eq!(hits.contains(&id), hit, "{name}={when}");
    }
}

async fn invalid_date_filter_is_rejected(site: Site) {
    let api = site.owner().await;
    for name in [
        "updated_after",
        "created_after",
        "optout_after",
        "optout_before",
    ] {
        api.get(&format!("{CONTACTS}?{name}=yesterday"))
            .await
            .expect(400);
    }
}

async fn contacts_can_be_filtered_by_list(site: Site) {
    let (api, address) = (site.owner().await, address());
    let name = format!("Members {address}");
    let list = api
        .post("/v3/contact_lists", &json!({ "name": name }))
        .await
        .expect(201)
        .json();
    let more = json!({ "list_memberships": [list["list_id"]] });
    let created = api.sign_up(&address, more).await.expect(201).json();
    let query = format!("lists={}", list["list_id"].as_str().unwrap_or_default());
    assert_eq!(
        json!(find_ids(&api, &query).await),
        json!([created["contact_id"]])
    );
}

async fn query_accepts_at_most_25_lists(site: Site) {
    let api = site.owner().await;
    let id = "04fe9a97-a579-43c5-bb1a-58ed29bf0a6a";
    api.get(&format!("{CONTACTS}?lists={}", vec![id; 25].join(",")))
        .await
        .expect(200);
    api.get(&format!("{CONTACTS}?lists={}", vec![id; 26].join(",")))
        .await
        .expect(400);
}

async fn contacts_count_is_returned_only_with_include_count(site: Site) {
    let (api, address) = (site.owner().await, address());
    sign_up_contact(&api, &address).await;
    let email = encoded(&address);
    assert_eq!(
        get_page(&api, &format!("email={email}"))
            .await
            .get("contacts_count"),
        None
    );
    let counted = get_page(&api, &format!("email={email}&include_count=true")).await;
    assert_eq!(counted["contacts_count"], 1);
}

async fn timestamps_are_iso_8601(site: Site) {
    let (api, address) = (site.owner().await, address());
    sign_up_contact(&api, &address).await;
    let at = api.contact(&address).await["created_at"].clone();
    let at = at.as_str().unwrap_or_default();
    assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
}

async fn queries_reject_unknown_and_repeated_parameters(site: Site) {
    let api = site.owner().await;
    for query in [
        "colour=red",
        "segment_id=1",
        "sms_status=all",
        "status=all&status=all",
    ] {
        api.get(&format!("{CONTACTS}?{query}")).await.expect(400);
    }
    for path in ["/v3/contacts/counts?limit=1", "/v3/account/summary?limit=1"] {
        api.get(path).await.expect(400);
    }
}

async fn email_address_timestamps_have_an_offset_and_no_fraction(site: Site) {
    let (api, address) = (site.owner().await, address());
    sign_up_contact(&api, &address).await;
    let contact = api.contact(&address).await;
    let time = |at: &Value| at.as_str().unwrap_or_default().to_owned();
    let (own, whole) = (
        time(&contact["email_address"]["created_at"]),
        time(&contact["created_at"]),
    );
    assert!(own.ends_with("-05:00") && !own.contains('.'), "{own}");
    assert!(whole.ends_with('Z'), "{whole}");
    let parsed = |at: &str| at.parse::<jiff::Timestamp>().expect("a time").as_second();
    assert_eq!(parsed(&own), parsed(&whole));
}
