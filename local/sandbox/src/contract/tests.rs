use super::*;

const LIST: &str = "04fe9a97-a579-43c5-bb1a-58ed29bf0a6a";

fn sign_up(properties: &str) -> Result<SignUp, String> {
    let body = format!(r#"{{"list_memberships":["{LIST}"]{properties}}}"#);
    parse(body.as_bytes()).map_err(|violation| violation.0)
}

#[test]
fn unknown_property_is_rejected_by_name() {
    let refused = sign_up(r#","create_source":"Contact""#).unwrap_err();
    assert!(
        refused.contains("unknown field `create_source`"),
        "{refused}"
    );
}

#[test]
fn name_may_have_50_characters_but_not_51() {
    let of = |len: usize| format!(r#","first_name":"{}""#, "é".repeat(len));
    assert!(sign_up(&of(50)).is_ok());

    let refused = sign_up(&of(51)).unwrap_err();
    assert_eq!(refused, "first_name: exceeds 50 characters");
}

#[test]
fn sign_up_rejects_null() {
    assert!(sign_up(r#","last_name":null"#).is_err());
}

#[test]
fn contact_list_and_field_reject_null() {
    let contact = |properties: &str| {
        let body = format!(r#"{{"create_source":"Account"{properties}}}"#);
        parse::<NewContact>(body.as_bytes()).is_ok()
    };
    assert!(contact(r#","street_addresses":[{"kind":"home"}]"#));
    assert!(!contact(
        r#","street_addresses":[{"kind":"home","city":null}]"#
    ));
    assert!(!contact(r#","first_name":null"#));
    assert!(!contact(
        r#","email_address":{"address":"a@c.example","permission_to_send":null}"#
    ));
    assert!(parse::<ListInput>(br#"{"name":"n","description":null}"#).is_err());
    assert!(parse::<NewField>(br#"{"label":"l","type":"string","version":null}"#).is_err());
}

#[test]
fn update_accepts_read_only_email_properties() {
    let body = br#"{"update_source":"Account","email_address":{"address":"a@c.example",
        "created_at":"2016-03-03T10:53:04-05:00","opt_in_date":"2016-01-23T13:48:44.108Z",
        "opt_out_source":"Contact","confirm_status":"off"}}"#;
    parse::<UpdatedContact>(body).unwrap();
}

#[test]
fn missing_property_is_reported_as_missing_and_invalid() {
    let refused = parse::<NewContact>(b"{}").unwrap_err();
    let words = "create_source is missing, create_source does not have a valid value";
    assert_eq!(refused.0, words);
}

#[test]
fn request_check_rejects_bodies_over_4_mb_and_incomplete_birthdays() {
    let import = |row: &str| {
        let body =
            format!(r#"{{"list_ids":["{LIST}"],"import_data":[{{"email":"a@c.example"{row}}}]}}"#);
        check_request(
            "POST",
            "/v3/activities/contacts_json_import",
            body.as_bytes(),
        )
        .is_ok()
    };
    assert!(import(r#","birthday_month":5,"birthday_day":5"#));
    assert!(!import(r#","birthday_month":5"#));
    assert!(!import(&" ".repeat(4_000_000)));

    let sign_up = |day: &str| {
        let body =
            format!(r#"{{"email_address":"a@c.example","list_memberships":["{LIST}"]{day}}}"#);
        check_request("POST", "/v3/contacts/sign_up_form", body.as_bytes()).is_ok()
    };
    assert!(sign_up(""));
    assert!(!sign_up(r#","birthday_day":5"#));
}

#[test]
fn malformed_json_is_reported_as_malformed() {
    let refused = parse::<SignUp>(br#"{"list_memberships":[],}"#).unwrap_err();
    assert_eq!(refused.0, "The JSON in the request is malformed.");
}

#[test]
fn only_eight_date_formats_are_valid_anniversaries() {
    let good = [
        "12/31/2020",
        "1/2/2020",
        "2020/12/31",
        "2020/1/2",
        "2020-12-31",
        "2020-1-2",
        "12-31-2020",
        "1-2-2020",
    ];
    for text in good {
        assert!(text.parse::<Anniversary>().is_ok(), "{text}");
    }
    for text in [
        "",
        "31/12/2020",
        "2020-02-30",
        "2020.1.2",
        "1/2/20",
        "a/b/cccc",
        "+1/2/2020",
    ] {
        assert!(text.parse::<Anniversary>().is_err(), "{text}");
    }
}

#[test]
fn addresses_with_quotes_spaces_or_no_dotted_domain_are_rejected() {
    let refused = [
        "",
        "a",
        "a@b",
        "a@@b.example",
        "a b@c.example",
        "\"a b\"@c.example",
        "a@c.example.",
        "ä@c.example",
        "a@[127.0.0.1]",
        "A <a@c.example>",
        "a@c.example\r\n",
    ];
    for text in refused {
        assert!(Email::parse(text, 50).is_err(), "{text:?}");
    }
    assert!(Email::parse("first+tag@mail.c.example", 50).is_ok());
}

#[test]
fn import_rows_beyond_the_size_cut_are_dropped() {
    let body = format!(
        r#"{{"list_ids":["{LIST}"],"import_data":[{{"email":"a@c.example"}},{{"email":"b@c.example"}}]}}"#
    );
    let all = JsonImport::parse(body.as_bytes(), body.len()).unwrap();
    let cut = JsonImport::parse(body.as_bytes(), body.len() - 3).unwrap();
    assert_eq!((all.rows.len(), cut.rows.len()), (2, 1));
}

#[test]
fn import_row_accepts_only_its_own_flat_property_names() {
    let row = |property: &str| {
        let body = format!(r#"{{"list_ids":["{LIST}"],"import_data":[{{{property}}}]}}"#);
        JsonImport::parse(body.as_bytes(), usize::MAX)
    };
    assert!(row(r#""email":"a@c.example","cf:Loaf":"rye","home country":"US""#).is_ok());
    assert!(row(r#""email":"a@c.example","home_country":"US""#).is_err());
    assert!(row(r#""email":"a@c.example","notes":"x""#).is_err());
    assert!(row(r#""email_address":"a@c.example""#).is_err());
}

proptest::proptest! {
    #[test]
    fn parsers_do_not_panic_on_any_bytes(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        parse::<SignUp>(&body).ok();
        parse::<NewContact>(&body).ok();
        JsonImport::parse(&body, 50).ok();
    }

    #[test]
    fn parsers_do_not_panic_on_any_text(text in ".{0,100}") {
        Email::parse(&text, 80).ok();
        text.parse::<Anniversary>().ok();
        text.parse::<Id>().ok();
        let body = serde_json::json!({ "email": text, text.clone(): text, "cf:x": text });
        let body = format!(r#"{{"list_ids":["{LIST}"],"import_data":[{body}]}}"#);
        JsonImport::parse(body.as_bytes(), text.len() * 3).ok();
    }

    #[test]
    fn parsed_address_is_within_the_limit_and_its_key_ignores_case(text in "[a-zA-Z0-9.+_-]{1,70}@[a-z0-9.-]{1,20}") {
        if let Ok(email) = Email::parse(&text, 50) {
            proptest::prop_assert!(email.as_str().chars().count() <= 50);
            let upper = Email::parse(&text.to_uppercase(), 50);
            proptest::prop_assert_eq!(upper.map(|email| email.key()).ok(), Some(email.key()));
        }
    }
}
