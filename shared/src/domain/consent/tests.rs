use super::*;
use crate::domain::form::tests::form;

fn parse(fields: &[(&str, &str)]) -> Result<Consent, ConsentError> {
    let fields = Submission::from_pairs(fields.iter().copied()).unwrap();
    Consent::parse(&form(), &fields, &Origin::default(), now())
}

fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

#[test]
fn only_a_ticked_box_is_consent() {
    for yes in ["yes", "on", "true", "1", " ON "] {
        assert!(parse(&[("consent", yes)]).is_ok(), "{yes}");
    }
    for no in ["", "off", "no", "false", "0", "2", "maybe"] {
        assert_eq!(
            parse(&[("consent", no)]),
            Err(ConsentError::Required),
            "{no}"
        );
    }
    assert_eq!(
        parse(&[("email", "ada@example.com")]),
        Err(ConsentError::Required)
    );
}

#[test]
fn forbidden_sources_and_implicit_consent_are_rejected_despite_a_ticked_box() {
    for source in [
        "purchased",
        "Rented",
        "third-party",
        "third_party",
        "appended",
        "THIRD PARTY",
        "thirdparty",
        "Purchased List",
        "3rd-party data",
        "purchased list 2024",
        "purchased/rented",
        "Leads (bought)",
        "third party vendor",
        "list rental",
        "Shared list",
        "Leads, shared",
        "traded",
        "Bought a mailing list",
        "Bought an email list",
        "Purchased our leads",
        "purchased online: 500 contacts",
    ] {
        assert_eq!(
            parse(&[("consent", "on"), ("source", source)]),
            Err(ConsentError::SourceNotPermitted),
            "{source}"
        );
    }
    for (name, value) in [
        ("pre_ticked", "true"),
        ("consent_pre_ticked", "on"),
        ("implicit", "yes"),
        ("consent_implicit", "1"),
        ("consent_type", "implied"),
        ("permission_to_send", "Implicit"),
        ("source", ""),
    ] {
        let twice = [("consent", "on"), ("source", "rented"), (name, value)];
        assert_eq!(parse(&twice), Err(ConsentError::SourceNotPermitted));
        let once = parse(&[("consent", "on"), (name, value)]);
        let refused = (!value.is_empty()).then_some(ConsentError::SourceNotPermitted);
        assert_eq!(once.err(), refused, "{name}");
    }
    for source in [
        "newsletter footer",
        "Purchased online",
        "Bought a ticket",
        "Purchased online, by email",
        "Trade Show",
        "Shared on a wall",
        "A post that was shared",
        "Car rental",
        "Web",
    ] {
        let parsed = parse(&[("consent", "on"), ("source", source)]);
        assert!(parsed.is_ok(), "{source}");
    }
}

#[test]
fn box_with_a_hidden_companion_field_is_ticked_if_either_value_is() {
    assert!(parse(&[("consent", "0"), ("consent", "1")]).is_ok());
    assert!(parse(&[("consent", "true"), ("consent", "false")]).is_ok());
    assert!(parse(&[("consent", "0"), ("consent", "")]).is_err());
}

#[test]
fn json_consent_given_takes_precedence_over_a_renamed_consent_box() {
    let mut form = form();
    form.consent_field = "newsletter".into();
    let parse = |fields: &[(&str, &str)]| {
        let fields = Submission::from_pairs(fields.iter().copied()).unwrap();
        Consent::parse(&form, &fields, &Origin::default(), now()).map(|_| ())
    };

    assert_eq!(parse(&[("consent.given", "true")]), Ok(()));
    assert_eq!(parse(&[("newsletter", "on")]), Ok(()));
    for fields in [
        [("consent", "on"), ("newsletter", "")],
        [("consent.given", "false"), ("newsletter", "on")],
    ] {
        assert_eq!(parse(&fields), Err(ConsentError::Required));
    }
}

#[test]
fn ticked_opt_out_overrides_consent() {
    let both = [("consent", "on"), ("emailOptOut", "1")];

    assert_eq!(parse(&both), Err(ConsentError::Required));
    assert!(parse(&[("consent", "on"), ("emailOptOut", "0")]).is_ok());
}

#[test]
fn sender_consent_time_is_capped_at_now_and_rejected_if_malformed_or_too_old() {
    let at = |given| Ok(parse(&[("consent", "on"), ("consent_given_at", given)])?.given_at);

    assert_eq!(
        at("2026-11-20T00:00:00Z"),
        Ok("2026-11-20T00:00:00Z".parse().unwrap())
    );
    assert_eq!(at("2027-01-01T00:00:00Z"), Ok(now()));
    assert_eq!(at(" "), Ok(now()));
    assert_eq!(at("yesterday"), Err(ConsentError::GivenAtMalformed));
    assert_eq!(at("2024-11-22T00:00:00Z"), Err(ConsentError::GivenAtTooOld));
}

#[test]
fn unknown_statement_digest_requires_the_matching_statement_text() {
    let of = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = [("consent", "on")].iter().chain(fields).copied().collect();
        parse(&fields).map(|consent| (consent.statement, consent.version))
    };
    let ours = form().statement().text.clone();
    let (known, unknown) = (fingerprint(&ours), fingerprint("Mail me."));
    let digest = "consent_statement_sha256";

    assert_eq!(
        of(&[(digest, &known.to_uppercase())]),
        Ok((ours.clone(), Some(1)))
    );
    assert_eq!(
        of(&[(digest, &unknown)]),
        Err(ConsentError::StatementUnknown)
    );
    assert_eq!(
        of(&[(digest, &unknown), ("consent_statement", "Mail me.")]),
        Ok(("Mail me.".into(), None))
    );
    assert_eq!(
        of(&[(digest, &known), ("consent_statement", "Mail me.")]),
        Err(ConsentError::StatementUnknown)
    );
}

#[test]
fn sender_supplied_statement_is_kept_and_matched_to_known_versions() {
    let own = parse(&[("consent", "on"), ("consent_statement", "Mail me.")]).unwrap();
    let ours = parse(&[
        ("consent", "on"),
        ("consent_statement", &form().statement().text),
    ])
    .unwrap();

    assert_eq!((own.statement.as_str(), own.version), ("Mail me.", None));
    assert_eq!(ours.version, Some(1));
}

#[test]
fn brand_is_recorded_only_if_the_statement_names_it() {
    let of = |statement| {
        let parsed = parse(&[("consent", "on"), ("consent_statement", statement)]);
        parsed.map(|consent| consent.brand)
    };

    assert_eq!(of(""), Ok(Some("Analytical Engines".into())));
    assert_eq!(of("Looms may mail me."), Ok(None));
    assert_eq!(
        of("Send me news of analytical engines."),
        Ok(Some("Analytical Engines".into()))
    );
}

#[test]
fn empty_page_url_falls_back_to_the_referer() {
    let origin = Origin {
        referer: Some("https://engines.example/".into()),
        ..Origin::default()
    };
    let of = |page| {
        let fields = [("consent", "on"), ("consent_page_url", page)];
        let fields = Submission::from_pairs(fields).unwrap();
        Consent::parse(&form(), &fields, &origin, now()).map(|consent| consent.page_url)
    };

    let page = "https://engines.example/news";
    assert_eq!(of(page), Ok(Some(page.into())));
    assert_eq!(of(" "), Ok(Some("https://engines.example/".into())));
}

#[test]
fn consent_sent_from_another_site_than_its_page_is_detected_by_origin() {
    let of = |page: &str, site: Option<&str>| {
        let fields = [("consent", "on"), ("consent_page_url", page)];
        let fields = Submission::from_pairs(fields).unwrap();
        let origin = Origin {
            site: site.map(str::to_owned),
            ..Origin::default()
        };
        let consent = Consent::parse(&form(), &fields, &origin, now()).unwrap();
        assert_eq!(consent.origin.as_deref(), site);
        consent.is_from_other_site()
    };
    let page = "https://engines.example:443/news";

    for same in [None, Some("https://engines.example"), Some("null")] {
        assert!(!of(page, same), "{same:?}");
    }
    for other in ["http://engines.example", "https://looms.example"] {
        assert!(of(page, Some(other)), "{other}");
    }
    for unreadable in ["", "the news page"] {
        assert!(
            !of(unreadable, Some("https://looms.example")),
            "{unreadable}"
        );
    }
}

#[test]
fn overlong_statement_is_rejected_by_field_name_and_never_truncated() {
    let of = |length| {
        let statement = "x".repeat(length);
        let parsed = parse(&[("consent", "on"), ("consent_statement", &statement)]);
        parsed.map(|consent| consent.statement.len())
    };

    assert_eq!(of(4_000), Ok(4_000));
    assert_eq!(of(4_001), Err(ConsentError::StatementTooLong));
    let field = ConsentError::StatementTooLong.field(&form());
    assert_eq!(field, "consent_statement");
}

#[test]
fn certificates_are_kept_as_text() {
    let consent = parse(&[
        ("consent", "on"),
        ("xxTrustedFormCertUrl", "http://10.0.0.1/x"),
    ])
    .unwrap();

    assert_eq!(consent.certificates["trustedform"], "http://10.0.0.1/x");
}
