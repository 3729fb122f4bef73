//! What `sign_up_form` accepts and refuses.

use cc_sandbox::settings::SignUpEmailLength;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::reply::Reply;
use crate::sign_up_fields::one_field;
use crate::site::{Site, address, address_of_length, merged};

facts! {
    Token SWAGGER: lists_are_required,
    Token SWAGGER: an_address_or_an_sms_channel_is_required,
    Token SWAGGER: sms_channel_can_replace_the_email_address,
    Token SWAGGER: an_sms_channel_needs_all_its_properties,
    Token SWAGGER: email_address_must_be_a_plain_string,
    Token SWAGGER: address_of_50_characters_is_accepted,
    Sandbox SWAGGER: address_of_51_to_80_characters_is_accepted_depending_on_reading,
    Token SWAGGER: address_of_81_characters_is_rejected,
    Token SWAGGER: invalid_address_is_rejected_naming_email_address,
    Token SIGN_UP: address_with_a_plus_is_accepted,
    Token SWAGGER: create_source_is_rejected,
    Token SIGN_UP: permission_to_send_and_opt_in_source_are_rejected,
    Token SWAGGER: tags_notes_and_phone_and_address_arrays_are_rejected,
    Token SWAGGER: names_are_at_most_50_characters,
    Token SWAGGER: a_phone_number_is_at_most_25_characters,
    Token SWAGGER: null_property_is_rejected,
    Token SWAGGER: anniversary_is_accepted_in_eight_date_formats,
    Token SWAGGER: other_anniversary_formats_are_rejected,
    Token SWAGGER: birthday_requires_both_month_and_day,
    Token SWAGGER: birthday_parts_out_of_range_or_given_as_text_are_rejected,
    Token SWAGGER: street_address_requires_a_known_kind,
    Token SWAGGER: street_is_at_most_255_characters_and_other_address_parts_50,
    Sandbox SWAGGER: a_contact_has_at_most_three_phones,
    Sandbox SWAGGER: null_in_a_street_address_is_rejected,
    Token SWAGGER: rejected_sign_up_creates_no_contact,
}

const SIGN_UP: &str = "/v3/contacts/sign_up_form";
pub const UNKNOWN_ID: &str = "04fe9a97-a579-43c5-bb1a-58ed29bf0a6a";

/// Signs up a fresh address with `more` and expects `status`.
pub async fn sign_up_expecting(site: &Site, more: Value, status: u16) -> Reply {
    site.owner()
        .await
        .sign_up(&address(), more)
        .await
        .expect(status)
}

async fn lists_are_required(site: Site) {
    let api = site.owner().await;
    for body in [
        json!({ "email_address": address() }),
        json!({ "email_address": address(), "list_memberships": [] }),
    ] {
        let refused = api.post(SIGN_UP, &body).await.expect(400);
        assert!(
            refused.error_message().contains("list_memberships"),
            "{}",
            refused.text
        );
    }
}

async fn an_address_or_an_sms_channel_is_required(site: Site) {
    let api = site.owner().await;
    let body = json!({ "list_memberships": [api.list().await] });
    let refused = api.post(SIGN_UP, &body).await.expect(400);
    assert!(
        refused.error_message().contains("email_address"),
        "{}",
        refused.text
    );
}

fn sms_channel() -> Value {
    json!({
        "sms_address": "5555550100",
        "dial_code": "1",
        "country_code": "US",
        "sms_channel_consents": [{
            "sms_consent_permission": "explicit",
            "consent_type": "promotional_sms",
            "consent_medium_type": "website",
            "consent_medium_url": "https://example.com/form",
            "consent_medium_details": "sign-up form",
        }],
    })
}

async fn sms_channel_can_replace_the_email_address(site: Site) {
    let api = site.owner().await;
    let body = json!({ "list_memberships": [api.list().await], "sms_channel": sms_channel() });
    api.post(SIGN_UP, &body).await.expect_one_of(&[200, 201]);
}

async fn an_sms_channel_needs_all_its_properties(site: Site) {
    for name in [
        "sms_address",
        "dial_code",
        "country_code",
        "sms_channel_consents",
    ] {
        let mut channel = sms_channel();
        if let Some(channel) = channel.as_object_mut() {
            channel.remove(name);
        }
        sign_up_expecting(&site, json!({ "sms_channel": channel }), 400).await;
    }
}

async fn email_address_must_be_a_plain_string(site: Site) {
    let nested = json!({ "email_address": { "address": address() } });
    let refused = sign_up_expecting(&site, nested, 400).await;
    assert!(
        refused.error_message().contains("email_address"),
        "{}",
        refused.text
    );
}

async fn address_of_50_characters_is_accepted(site: Site) {
    site.owner()
        .await
        .sign_up(&address_of_length(50), json!({}))
        .await
        .expect(201);
}

async fn address_of_51_to_80_characters_is_accepted_depending_on_reading(site: Site) {
    let api = site.owner().await;
    api.sign_up(&address_of_length(51), json!({}))
        .await
        .expect(400);
    site.settings(|settings| settings.readings.sign_up_email_length = SignUpEmailLength::Chars80);
    api.sign_up(&address_of_length(51), json!({}))
        .await
        .expect(201);
    api.sign_up(&address_of_length(80), json!({}))
        .await
        .expect(201);
}

async fn address_of_81_characters_is_rejected(site: Site) {
    site.owner()
        .await
        .sign_up(&address_of_length(81), json!({}))
        .await
        .expect(400);
}

async fn invalid_address_is_rejected_naming_email_address(site: Site) {
    let api = site.owner().await;
    for text in [
        "",
        "a",
        "a@b",
        "a@@b.example",
        "a b@c.example",
        "@c.example",
        "a@c.example.",
    ] {
        let refused = api.sign_up(text, json!({})).await.expect(400);
        assert!(
            refused.error_message().contains("email_address"),
            "{text}: {}",
            refused.text
        );
    }
}

async fn address_with_a_plus_is_accepted(site: Site) {
    let api = site.owner().await;
    let address = address().replace("fact.", "fact+");
    api.sign_up(&address, json!({})).await.expect(201);
    assert_eq!(
        api.contact(&address).await["email_address"]["address"],
        address
    );
}

async fn create_source_is_rejected(site: Site) {
    sign_up_expecting(&site, json!({ "create_source": "Contact" }), 400).await;
}

async fn permission_to_send_and_opt_in_source_are_rejected(site: Site) {
    sign_up_expecting(&site, json!({ "permission_to_send": "explicit" }), 400).await;
    sign_up_expecting(&site, json!({ "opt_in_source": "Contact" }), 400).await;
}

async fn tags_notes_and_phone_and_address_arrays_are_rejected(site: Site) {
    for name in ["taggings", "notes", "phone_numbers", "street_addresses"] {
        sign_up_expecting(&site, json!({ name: [] }), 400).await;
    }
}

async fn names_are_at_most_50_characters(site: Site) {
    for name in ["first_name", "last_name", "job_title", "company_name"] {
        sign_up_expecting(&site, json!({ name: "é".repeat(50) }), 201).await;
        let refused = sign_up_expecting(&site, json!({ name: "é".repeat(51) }), 400).await;
        assert!(refused.error_message().contains(name), "{}", refused.text);
    }
}

async fn a_phone_number_is_at_most_25_characters(site: Site) {
    sign_up_expecting(&site, json!({ "phone_number": "5".repeat(25) }), 201).await;
    sign_up_expecting(&site, json!({ "phone_number": "5".repeat(26) }), 400).await;
}

async fn null_property_is_rejected(site: Site) {
    sign_up_expecting(&site, json!({ "first_name": null }), 400).await;
}

async fn anniversary_is_accepted_in_eight_date_formats(site: Site) {
    let forms = [
        "12/31/2020",
        "1/2/2020",
        "2020/12/31",
        "2020/1/2",
        "2020-12-31",
        "2020-1-2",
        "12-31-2020",
        "1-2-2020",
    ];
    for form in forms {
        sign_up_expecting(&site, json!({ "anniversary": form }), 201).await;
    }
}

async fn other_anniversary_formats_are_rejected(site: Site) {
    for form in ["31/12/2020", "2020-02-30", "20201231", "tomorrow", ""] {
        sign_up_expecting(&site, json!({ "anniversary": form }), 400).await;
    }
}

async fn birthday_requires_both_month_and_day(site: Site) {
    sign_up_expecting(&site, json!({ "birthday_month": 5 }), 400).await;
    sign_up_expecting(&site, json!({ "birthday_day": 5 }), 400).await;
    sign_up_expecting(
        &site,
        json!({ "birthday_month": 5, "birthday_day": 5 }),
        201,
    )
    .await;
}

async fn birthday_parts_out_of_range_or_given_as_text_are_rejected(site: Site) {
    for (month, day) in [(0, 1), (13, 1), (1, 0), (1, 32), (-1, 5)] {
        sign_up_expecting(
            &site,
            json!({ "birthday_month": month, "birthday_day": day }),
            400,
        )
        .await;
    }
    sign_up_expecting(
        &site,
        json!({ "birthday_month": "5", "birthday_day": "5" }),
        400,
    )
    .await;
}

async fn street_address_requires_a_known_kind(site: Site) {
    sign_up_expecting(
        &site,
        json!({ "street_address": { "street": "1 Mill Lane" } }),
        400,
    )
    .await;
    sign_up_expecting(
        &site,
        json!({ "street_address": { "kind": "summer" } }),
        400,
    )
    .await;
    for kind in ["home", "work", "other"] {
        sign_up_expecting(&site, json!({ "street_address": { "kind": kind } }), 201).await;
    }
}

async fn street_is_at_most_255_characters_and_other_address_parts_50(site: Site) {
    let with = |name: &str, len| json!({ "street_address": merged(json!({ "kind": "home" }), json!({ name: "s".repeat(len) })) });
    for (name, max) in [
        ("street", 255),
        ("city", 50),
        ("state", 50),
        ("postal_code", 50),
        ("country", 50),
    ] {
        sign_up_expecting(&site, with(name, max), 201).await;
        sign_up_expecting(&site, with(name, max + 1), 400).await;
    }
}

async fn a_contact_has_at_most_three_phones(site: Site) {
    let (api, address) = (site.owner().await, address());
    let phones = ["home", "work", "mobile"];
    let phones = phones.map(|kind| json!({ "phone_number": "555 0100", "kind": kind }));
    let contact = json!({
        "email_address": { "address": address }, "create_source": "Account", "phone_numbers": phones,
    });
    api.post("/v3/contacts", &contact).await.expect(201);
    let phone = json!({ "phone_number": "555 0101" });
    let refused = api.sign_up(&address, phone).await.expect(400);
    assert!(refused.error_message().contains("phone"));
}

async fn null_in_a_street_address_is_rejected(site: Site) {
    let address = json!({ "street_address": { "kind": "home", "city": null } });
    sign_up_expecting(&site, address, 400).await;
}

async fn rejected_sign_up_creates_no_contact(site: Site) {
    let (api, address) = (site.owner().await, address());
    api.sign_up(&address, one_field(UNKNOWN_ID, "v"))
        .await
        .expect(400);
    assert_eq!(api.contact(&address).await, Value::Null);
}
