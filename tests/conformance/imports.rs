//! Bulk imports.

use cc_sandbox::contract::Source;
use cc_sandbox::settings::{ImportTotal, UnknownImportField};
use cc_sandbox::world::ActivityState;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, CLUB_OWNER, OWNER, Site, USUAL_SCOPE, address};

facts! {
    Token SWAGGER: import_returns_201_with_an_activity,
    Sandbox BULK: import_goes_from_initialized_to_processing_to_completed,
    Sandbox IMPORT: imported_contacts_have_implicit_permission_from_the_account,
    Sandbox AUTORESPONDER: import_ignores_confirmed_opt_in,
    Sandbox IMPORT: import_changes_only_the_properties_it_sends,
    Sandbox SWAGGER: unsubscribed_contact_is_counted_but_not_added_to_lists,
    Sandbox SYNC: import_adds_a_contact_back_to_a_list_it_left,
    Sandbox BULK: invalid_address_anniversary_or_birthday_makes_a_row_correctable,
    Sandbox BULK: a_completed_import_may_have_row_errors,
    Sandbox SWAGGER: custom_fields_are_given_by_name_not_id,
    Sandbox SWAGGER: unknown_custom_field_is_a_row_error_or_400_depending_on_reading,
    Sandbox SWAGGER: import_total_includes_a_header_row_depending_on_reading,
    Sandbox SWAGGER: counts_are_zero_before_an_import_starts,
    Sandbox SWAGGER: international_phone_number_makes_a_row_correctable,
    Sandbox SWAGGER: row_that_exceeds_the_contacts_phone_limit_is_an_error,
    Sandbox SWAGGER: import_does_not_add_contacts_to_a_list_deleted_meanwhile,
    Sandbox SWAGGER: import_row_has_flat_phone_and_address_properties,
    Sandbox SWAGGER: import_beyond_1000_queued_activities_is_429,
    Sandbox SWAGGER: failed_cancelled_or_timed_out_import_creates_no_contact,
}

pub const IMPORT: &str = "/v3/activities/contacts_json_import";

async fn start_import(api: &Api<'_>, rows: Value) -> Value {
    let body = json!({ "import_data": rows, "list_ids": [api.list().await] });
    api.post(IMPORT, &body).await.expect(201).json()
}

/// Advances the clock until the activity has ended and returns its report.
pub async fn finish_activity(site: &Site, api: &Api<'_>, activity: &Value) -> Value {
    site.sandbox().advance(SignedDuration::from_mins(10));
    let path = activity["_links"]["self"]["href"].as_str().expect("a link");
    api.get(path).await.expect(200).json()
}

async fn run_import(site: &Site, api: &Api<'_>, rows: Value) -> Value {
    let activity = start_import(api, rows).await;
    finish_activity(site, api, &activity).await
}

async fn import_returns_201_with_an_activity(site: Site) {
    let activity = start_import(&site.owner().await, json!([{ "email": address() }])).await;
    assert!(activity["activity_id"].is_string() && activity["created_at"].is_string());
    assert!(
        matches!(
            activity["state"].as_str(),
            Some("initialized" | "processing")
        ),
        "{activity}"
    );
    for name in ["contacts_count", "added_count", "updated_count"] {
        assert_eq!(activity.get(name), None, "{activity}");
    }
}

async fn import_goes_from_initialized_to_processing_to_completed(site: Site) {
    site.settings(|settings| {
        settings.import_queued_ms = 10_000;
        settings.import_running_ms = 10_000;
    });
    let (api, address) = (site.owner().await, address());
    let activity = start_import(&api, json!([{ "email": address }])).await;
    let path = activity["_links"]["self"]["href"]
        .as_str()
        .expect("a link")
        .to_owned();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let now = api.get(&path).await.expect(200).json();
        let exists = api.contact(&address).await != Value::Null;
        seen.push((
            now["state"].clone(),
            now["percent_done"].as_u64() == Some(100),
            exists,
        ));
        site.sandbox().advance(SignedDuration::from_secs(10));
    }
    let states = ["initialized", "processing", "completed"];
    for ((state, complete, exists), expected) in seen.into_iter().zip(states) {
        assert_eq!(state, expected);
        assert_eq!(
            (complete, exists),
            (expected == "completed", expected == "completed")
        );
    }
}

async fn imported_contacts_have_implicit_permission_from_the_account(site: Site) {
    let (api, address) = (site.owner().await, address());
    run_import(
        &site,
        &api,
        json!([{ "email": address, "first_name": "A" }]),
    )
    .await;
    let contact = api.contact(&address).await;
    assert_eq!(contact["email_address"]["permission_to_send"], "implicit");
    assert_eq!(contact["email_address"]["opt_in_source"], "Account");
    assert_eq!(contact["create_source"], "Account");
    assert_eq!(contact["list_memberships"], json!([api.list().await]));
}

async fn import_ignores_confirmed_opt_in(site: Site) {
    let (api, address) = (site.sign_in(CLUB_OWNER, USUAL_SCOPE).await, address());
    run_import(&site, &api, json!([{ "email": address }])).await;
    let email = api.contact(&address).await["email_address"].clone();
    assert_eq!(email["permission_to_send"], "implicit");
    assert_eq!(email["confirm_status"], "off");
}

async fn import_changes_only_the_properties_it_sends(site: Site) {
    let (api, address) = (site.owner().await, address());
    api.sign_up(&address, json!({ "first_name": "A", "last_name": "B" }))
        .await
        .expect(201);
    run_import(
        &site,
        &api,
        json!([{ "email": address, "first_name": "C" }]),
    )
    .await;
    let contact = api.contact(&address).await;
    assert_eq!(
        (&contact["first_name"], &contact["last_name"]),
        (&json!("C"), &json!("B"))
    );
    assert_eq!(contact["email_address"]["permission_to_send"], "explicit");
}

async fn unsubscribed_contact_is_counted_but_not_added_to_lists(site: Site) {
    let (api, address) = (site.owner().await, address());
    api.sign_up(&address, json!({})).await.expect(201);
    let now = site.sandbox().clock().now();
    site.account_of(OWNER, |account| {
        let id = account
            .contact_by_email(&address)
            .map(|contact| contact.id)
            .expect("the contact");
        account
            .contact_mut(id)
            .expect("the contact")
            .unsubscribe(Source::Contact, None, now);
    });
    let rows = json!([{ "email": address }, { "email": crate::site::address() }]);
    let activity = run_import(&site, &api, rows).await;
    assert_eq!(activity["state"], "completed");
    assert_eq!(activity["status"]["cannot_add_to_list_count"], 1);
    let contact = api.contact(&address).await;
    assert_eq!(
        contact["email_address"]["permission_to_send"],
        "unsubscribed"
    );
    assert_eq!(contact["list_memberships"], json!([]));
}

async fn import_adds_a_contact_back_to_a_list_it_left(site: Site) {
    let (api, address) = (site.owner().await, address());
    let created = api.sign_up(&address, json!({})).await.expect(201).json();
    let path = format!(
        "/v3/contacts/{}",
        created["contact_id"].as_str().unwrap_or_default()
    );
    let left = json!({ "update_source": "Contact", "list_memberships": [] });
    api.put(&path, &left).await.expect(200);
    run_import(&site, &api, json!([{ "email": address }])).await;
    assert_eq!(
        api.contact(&address).await["list_memberships"],
        json!([api.list().await])
    );
}

async fn invalid_address_anniversary_or_birthday_makes_a_row_correctable(site: Site) {
    let api = site.owner().await;
    let good = address();
    let rows = json!([
        { "email": "no address" },
        { "first_name": "Nobody" },
        { "email": address(), "anniversary": "soon" },
        { "email": address(), "birthday_month": 5 },
        { "email": good },
    ]);
    let activity = run_import(&site, &api, rows).await;
    assert_eq!(activity["status"]["correctable_count"], 4);
    assert_eq!(activity["status"]["person_count"], 5);
    assert!(api.contact(&good).await["contact_id"].is_string());
}

async fn a_completed_import_may_have_row_errors(site: Site) {
    let activity = run_import(
        &site,
        &site.owner().await,
        json!([{ "email": "no address" }]),
    )
    .await;
    assert_eq!(activity["state"], "completed");
    assert_eq!(activity["percent_done"], 100);
    assert!(
        activity["activity_errors"]
            .as_array()
            .is_some_and(|errors| !errors.is_empty())
    );
}

async fn custom_fields_are_given_by_name_not_id(site: Site) {
    let (api, address) = (site.owner().await, address());
    run_import(
        &site,
        &api,
        json!([{ "email": address, "cf:Favourite_loaf": "rye" }]),
    )
    .await;
    let field = api.field("Favourite_loaf").await;
    let expected = json!([{ "custom_field_id": field, "value": "rye" }]);
    assert_eq!(api.contact(&address).await["custom_fields"], expected);
}

async fn unknown_custom_field_is_a_row_error_or_400_depending_on_reading(site: Site) {
    let api = site.owner().await;
    let row = json!([{ "email": address(), "cf:Unheard_of": "x" }]);
    let activity = run_import(&site, &api, row.clone()).await;
    assert_eq!(activity["status"]["error_count"], 1);

    site.settings(|settings| settings.readings.unknown_import_field = UnknownImportField::Refuse);
    let body = json!({ "import_data": row, "list_ids": [api.list().await] });
    api.post(IMPORT, &body).await.expect(400);
}

async fn import_total_includes_a_header_row_depending_on_reading(site: Site) {
    let api = site.owner().await;
    for (reading, total) in [(ImportTotal::WithHeader, 3), (ImportTotal::Rows, 2)] {
        site.settings(|settings| settings.readings.import_total = reading);
        let rows = json!([{ "email": address() }, { "email": address() }]);
        let activity = run_import(&site, &api, rows).await;
        assert_eq!(activity["status"]["items_total_count"], total);
    }
}

async fn counts_are_zero_before_an_import_starts(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 10_000);
    let activity = start_import(&site.owner().await, json!([{ "email": address() }])).await;
    assert_eq!(activity["state"], "initialized");
    assert_eq!(activity["status"]["items_total_count"], 0);
    assert_eq!(activity["status"]["person_count"], 0);
}

async fn international_phone_number_makes_a_row_correctable(site: Site) {
    let api = site.owner().await;
    let (abroad, here) = (address(), address());
    let rows = json!([
        { "email": abroad, "phone": "+44 20 7946 0100" },
        { "email": here, "phone": "+1 555 0100" },
    ]);
    let activity = run_import(&site, &api, rows).await;
    assert_eq!(activity["status"]["correctable_count"], 1);
    assert_eq!(api.contact(&abroad).await, Value::Null);
    assert!(api.contact(&here).await["contact_id"].is_string());
}

async fn row_that_exceeds_the_contacts_phone_limit_is_an_error(site: Site) {
    let (api, address) = (site.owner().await, address());
    let full = json!({
        "email": address, "home_phone": "555 0100", "work_phone": "555 0101", "phone": "555 0102",
    });
    let one_more = json!({ "email": address, "mobile_phone": "555 0103" });
    let in_place = json!({ "email": address, "home_phone": "555 0104" });
    for (row, errors) in [(full, 0), (one_more, 1), (in_place, 0)] {
        let activity = run_import(&site, &api, json!([row])).await;
        assert_eq!(activity["status"]["error_count"], errors);
    }
    let contact = api.contact(&address).await;
    assert_eq!(contact["phone_numbers"].as_array().map(Vec::len), Some(3));
}

async fn import_does_not_add_contacts_to_a_list_deleted_meanwhile(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 10_000);
    let (api, address) = (site.owner().await, address());
    let list = api.list().await;
    let activity = start_import(&api, json!([{ "email": address }])).await;
    let now = site.sandbox().clock().now();
    site.sandbox().with(|lab| {
        let (world, context) = lab.at(now);
        let id = list.parse().expect("an id");
        let account = world
            .accounts
            .iter_mut()
            .find(|known| known.list(id).is_some());
        account
            .expect("the account")
            .delete_list(id, &context)
            .expect("a list");
    });
    finish_activity(&site, &api, &activity).await;
    assert_eq!(api.contact(&address).await["list_memberships"], json!([]));
}

async fn import_row_has_flat_phone_and_address_properties(site: Site) {
    let (api, address) = (site.owner().await, address());
    let row = json!([{
        "email": address, "work_phone": "555 0100", "home_street": "1 Mill Lane",
        "home_street2": "Flat 2", "home_city": "Waltham", "home country": "US",
        "phone": "555 0101",
    }]);
    run_import(&site, &api, row).await;
    let contact = api.contact(&address).await;
    let phones = contact["phone_numbers"].as_array().expect("phones");
    let kinds: Vec<_> = phones.iter().map(|phone| &phone["kind"]).collect();
    assert_eq!(kinds, ["other", "work"]);
    let street = &contact["street_addresses"][0];
    assert_eq!(
        (&street["kind"], &street["street"]),
        (&json!("home"), &json!("1 Mill Lane Flat 2"))
    );
    assert_eq!(
        (&street["city"], &street["country"]),
        (&json!("Waltham"), &json!("US"))
    );
}

async fn import_beyond_1000_queued_activities_is_429(site: Site) {
    site.settings(|settings| settings.import_queued_ms = 3_600_000);
    let api = site.owner().await;
    let body = json!({ "import_data": [{ "email": address() }], "list_ids": [api.list().await] });
    for _ in 0..1000 {
        api.post(IMPORT, &body).await.expect(201);
    }
    let refused = api.post(IMPORT, &body).await.expect(429);
    assert_ne!(refused.error_key(), "throttled");
    assert_ne!(refused.error_key(), "quota_exceeded");
}

async fn failed_cancelled_or_timed_out_import_creates_no_contact(site: Site) {
    let endings = [
        ActivityState::Failed,
        ActivityState::Cancelled,
        ActivityState::TimedOut,
    ];
    site.account_of(OWNER, |account| account.import_endings.extend(endings));
    let api = site.owner().await;
    for state in ["failed", "cancelled", "timed_out"] {
        let address = address();
        let activity = run_import(&site, &api, json!([{ "email": address }])).await;
        assert_eq!(activity["state"], state);
        assert_eq!(api.contact(&address).await, Value::Null);
    }
}
