//! The account behind a token, and what its user may do.

use serde_json::Value;

use crate::fact::facts;
use crate::site::{CLUB_OWNER, CREATOR, MANAGER, OWNER, Site, USUAL_SCOPE};

facts! {
    Token SWAGGER: summary_includes_account_and_organization_details,
    Token SWAGGER: extra_fields_are_returned_only_on_request,
    Sandbox SWAGGER: company_logo_is_omitted_if_there_is_none,
    Token SWAGGER: unknown_extra_field_is_rejected,
    Sandbox SWAGGER: users_of_one_account_see_the_same_account_id,
    Sandbox SWAGGER: summary_requires_the_account_read_scope,
    Token SWAGGER: privileges_are_an_array_of_ids_and_names,
    Sandbox SWAGGER: privileges_need_no_scope,
    Sandbox PRIVILEGES: owners_and_managers_have_all_contact_privileges,
    Sandbox PRIVILEGES: campaign_creators_only_contact_privilege_is_reading_lists,
}

const SUMMARY: &str = "/v3/account/summary";

async fn summary_includes_account_and_organization_details(site: Site) {
    let summary = site.owner().await.get(SUMMARY).await.expect(200).json();
    let names = [
        "encoded_account_id",
        "organization_name",
        "contact_email",
        "country_code",
        "first_name",
        "last_name",
        "time_zone_id",
    ];
    for name in names {
        assert!(
            summary[name].as_str().is_some_and(|text| !text.is_empty()),
            "{name}: {summary}"
        );
    }
}

async fn extra_fields_are_returned_only_on_request(site: Site) {
    let api = site.owner().await;
    let plain = api.get(SUMMARY).await.expect(200).json();
    assert_eq!(plain.get("physical_address"), None);

    let path = format!("{SUMMARY}?extra_fields=physical_address,company_logo");
    let rich = api.get(&path).await.expect(200).json();
    assert!(rich["physical_address"].is_object(), "{rich}");
}

async fn company_logo_is_omitted_if_there_is_none(site: Site) {
    let path = format!("{SUMMARY}?extra_fields=company_logo");
    let summary = site.owner().await.get(&path).await.expect(200).json();
    assert_eq!(summary.get("company_logo"), None);
}

async fn unknown_extra_field_is_rejected(site: Site) {
    let path = format!("{SUMMARY}?extra_fields=everything");
    site.owner().await.get(&path).await.expect(400);
}

async fn account_id(site: &Site, user: &str) -> Value {
    let api = site.sign_in(user, USUAL_SCOPE).await;
    api.get(SUMMARY).await.expect(200).json()["encoded_account_id"].clone()
}

async fn users_of_one_account_see_the_same_account_id(site: Site) {
    assert_eq!(
        account_id(&site, OWNER).await,
        account_id(&site, MANAGER).await
    );
    assert_ne!(
        account_id(&site, OWNER).await,
        account_id(&site, CLUB_OWNER).await
    );
}

async fn summary_requires_the_account_read_scope(site: Site) {
    let api = site.sign_in(OWNER, "contact_data offline_access").await;
    api.get(SUMMARY).await.expect(403);
}

async fn privileges(site: &Site, user: &str, scope: &str) -> Vec<String> {
    let api = site.sign_in(user, scope).await;
    let privileges = api
        .get("/v3/account/user/privileges")
        .await
        .expect(200)
        .json();
    crate::site::ids(&privileges, "privilege_name")
}

async fn privileges_are_an_array_of_ids_and_names(site: Site) {
    let api = site.owner().await;
    let privileges = api
        .get("/v3/account/user/privileges")
        .await
        .expect(200)
        .json();
    let privileges = privileges.as_array().expect("an array");
    assert!(!privileges.is_empty());
    for privilege in privileges {
        assert!(privilege["privilege_id"].is_u64() && privilege["privilege_name"].is_string());
    }
}

async fn privileges_need_no_scope(site: Site) {
    assert!(!privileges(&site, OWNER, "offline_access").await.is_empty());
}

async fn owners_and_managers_have_all_contact_privileges(site: Site) {
    for user in [OWNER, MANAGER] {
        let names = privileges(&site, user, USUAL_SCOPE).await;
        for name in [
            "contacts:read",
            "contacts:write",
            "contacts:lists:read",
            "contacts:lists:write",
        ] {
            assert!(
                names.iter().any(|known| known == name),
                "{user} lacks {name}"
            );
        }
    }
}

async fn campaign_creators_only_contact_privilege_is_reading_lists(site: Site) {
    let names = privileges(&site, CREATOR, USUAL_SCOPE).await;
    let contacts: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("contacts:"))
        .collect();
    assert_eq!(contacts, ["contacts:lists:read"]);
}
