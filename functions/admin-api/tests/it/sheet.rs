//! The file for a spreadsheet, which also has leads that no upload may have, and files of one form.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lambda_http::http::header::{CONTENT_DISPOSITION, LINK};
use leadfeed_shared::domain::contact::{Note, NoteKind};
use leadfeed_shared::domain::lead::{
    DeliveryAction, LeadState, OptOutCheck, Permission, QuarantineReason, RefusalReason, WaitReason,
};
use serde_json::json;

use crate::csv::{CSV, rows, sign_up_with};
use crate::stage::{Answer, Stage};

fn refused(why: RefusalReason, detail: Option<&str>) -> LeadState {
    let detail = detail.map(str::to_owned);
    LeadState::Refused { why, detail }
}

fn imported() -> LeadState {
    LeadState::Delivered {
        contact: None,
        action: DeliveryAction::Imported,
        permission: Permission::Implicit,
        opt_out_check: OptOutCheck::Remote,
        notes: vec![Note {
            field: "Engine".into(),
            what: NoteKind::Omitted,
        }],
    }
}

/// Signs up one person for each state, and puts their lead into that state.
async fn sign_up_in_states(stage: &Stage, form: &str, states: &[(&str, LeadState)]) {
    for (who, state) in states {
        let lead = stage.sign_up(form, &format!("{who}@example.com")).await;
        stage.memory.ledger.tamper(|record| {
            if record.lead.id == lead {
                record.state = state.clone();
            }
        });
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }
}

fn names(answer: &Answer) -> BTreeSet<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = rows(
        answer
            .bytes
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&answer.bytes),
    );
    let names = rows
        .iter()
        .map(|row| row["Email Address"].replace("@example.com", ""));
    names.collect()
}

#[tokio::test]
async fn spreadsheet_has_leads_that_uploads_omit_but_no_opted_out_or_erased_ones() {
    use RefusalReason as R;
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let why = WaitReason::NotConnected;
    let robot = QuarantineReason::TooFast;
    let states = [
        ("waits", LeadState::waiting(why)),
        ("delivered", imported()),
        ("refused", refused(R::CcRefused, None)),
        ("invalid", refused(R::InvalidAddress, None)),
        ("ended", refused(R::CustomerDeleted, None)),
        ("old", refused(R::ConsentTooOld, None)),
        ("aside", LeadState::Quarantined { why: robot }),
        ("left", refused(R::OptedOutAfterConsent, None)),
        ("unwanted", refused(R::Suppressed, None)),
        ("changed", refused(R::SealBroken, None)),
        ("erased", LeadState::Erased),
        ("never", refused(R::InvalidAddress, None)),
    ];
    sign_up_in_states(&stage, &form, &states).await;
    let suppressed = json!({"email": "never@example.com"});
    stage
        .post("/v1/customers/engines/suppressions", suppressed)
        .await;
    let names_in = async |query: &str| names(&stage.get(&format!("{CSV}?{query}")).await);
    let set = |names: &[&str]| BTreeSet::from_iter(names.iter().map(|name| (*name).to_owned()));

    assert_eq!(
        names_in("status=all&dialect=spreadsheet").await,
        set(&[
            "waits",
            "delivered",
            "refused",
            "invalid",
            "ended",
            "old",
            "aside"
        ])
    );
    let uploadable = set(&["waits", "delivered", "refused", "ended"]);
    assert_eq!(names_in("status=all").await, uploadable);
    let pending = set(&["waits", "refused", "ended"]);
    assert_eq!(names_in("dialect=spreadsheet&look=true").await, pending);
    assert_eq!(names_in("look=true").await, pending);
}

#[tokio::test]
async fn spreadsheet_describes_each_leads_outcome_in_words() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let words = "address;=1 is not valid";
    let robot = QuarantineReason::Honeypot;
    let states = [
        ("bo", refused(RefusalReason::InvalidAddress, Some(words))),
        ("cy", imported()),
        ("di", LeadState::Quarantined { why: robot }),
    ];
    sign_up_in_states(&stage, &form, &states).await;
    let fields = [("email", "admin@example.com"), ("fax", "1"), ("=x", "1")];
    sign_up_with(&stage, &form, &fields).await;

    let file = stage
        .get(&format!("{CSV}?status=all&dialect=spreadsheet"))
        .await;

    let rows_read = rows(file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap());
    let rows_read: Vec<_> = rows_read
        .iter()
        .map(|row| {
            ["Status", "Reason", "Form", "Permission", "Notes"].map(|cell| row[cell].as_str())
        })
        .collect();
    let role_notes = "An address that is kept but not mailed by Constant Contact, such as admin@; \
                Not kept, as your form has no such field: =x, fax";
    assert_eq!(
        rows_read,
        [
            ["On the way", "", "Newsletter", "", role_notes],
            [
                "Set aside",
                "Looks like a robot filled in the form",
                "Newsletter",
                "",
                ""
            ],
            [
                "Delivered",
                "",
                "Newsletter",
                "Implied: a bulk import records no other",
                "Left out, as Constant Contact would not accept it: Engine"
            ],
            [
                "Not delivered",
                "Constant Contact does not accept the address. It says: address;'=1 is not valid",
                "Newsletter",
                "",
                ""
            ],
        ]
    );
    stage.get(CSV).await;
    let file = stage
        .get(&format!("{CSV}?status=exported&dialect=spreadsheet"))
        .await;
    let rows_read = rows(file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap());
    assert_eq!(rows_read[0]["Status"], "Exported");
}

/// A second form beside the newsletter's.
async fn trade_fair_form(stage: &Stage) -> String {
    let body =
        json!({"name": "Trade fair", "consent_statement": "Analytical Engines may mail me."});
    let answer = stage.post("/v1/customers/engines/forms", body).await;
    answer.text("form_id")
}

#[tokio::test]
async fn file_of_one_form_marks_only_that_forms_leads_and_is_named_after_it() {
    let stage = Stage::with_customers().await;
    let (news, fair) = (stage.form().await, trade_fair_form(&stage).await);
    for (form, email) in [
        (&news, "ada@example.com"),
        (&fair, "ada@example.com"),
        (&fair, "bo@example.com"),
    ] {
        stage.sign_up(form, email).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }
    let file = async |query: &str| stage.get(&format!("{CSV}?{query}")).await;

    let first = file(&format!("form={fair}")).await;
    stage.memory.clock.advance(SignedDuration::from_millis(1));
    let others = file("look=true").await;
    let unknown_form = file("form=frm_01ARZ3NDEKTSV4RRFFQ69G5FAV").await;
    let malformed = file("form=fair").await;

    assert_eq!(names(&first), BTreeSet::from(["ada".into(), "bo".into()]));
    let disposition =
        format!("attachment; filename=\"engines-{fair}-undelivered-2026-11-23-part-1.csv\"");
    assert_eq!(first.headers[CONTENT_DISPOSITION], disposition.as_str());
    assert_eq!(
        names(&others),
        BTreeSet::from(["ada".into()]),
        "the newsletter's lead"
    );
    assert_eq!(names(&unknown_form), BTreeSet::new());
    assert_eq!(
        (malformed.status, malformed.field_errors()),
        (422, vec![("form", "malformed")])
    );
}

#[tokio::test]
async fn parts_of_one_forms_file_continue_with_that_form_only() {
    let stage = Stage::with_customers().await;
    let (news, fair) = (stage.form().await, trade_fair_form(&stage).await);
    let long = "x".repeat(3_900);
    for i in 0..160 {
        let email = format!("p{i}@example.com");
        let custom: Vec<_> = (0..15).map(|i| format!("custom_fields[F{i}]")).collect();
        let mut fields = vec![("email", email.as_str())];
        fields.extend(custom.iter().map(|name| (name.as_str(), long.as_str())));
        let form = if i % 2 == 0 { &news } else { &fair };
        sign_up_with(&stage, form, &fields).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }
    let query = format!("status=all&dialect=spreadsheet&form={fair}");

    let first = stage.get(&format!("{CSV}?{query}")).await;
    let link = first.headers[LINK].to_str().unwrap().to_owned();
    let next = link.split(['<', '>']).nth(1).unwrap();
    let second = stage.get(next).await;
    let other_form = stage.get(&next.replace(&fair, &news)).await;

    let both: BTreeSet<_> = names(&first).union(&names(&second)).cloned().collect();
    let odd = (0..80).map(|i| format!("p{}", 2 * i + 1));
    assert_eq!(both, odd.collect());
    assert_eq!(names(&first).len() + names(&second).len(), 80);
    assert_eq!(other_form.field_errors(), [("cursor", "malformed")]);
}

#[tokio::test]
async fn page_offers_files_of_one_form_if_there_are_several() {
    let stage = Stage::with_customers().await;
    let news = stage.form().await;
    let path = stage.manage_path().await;
    let page = async |at: &str| stage.page("GET", at, "").await.2;
    let one_form = page(&path).await;
    let fair = trade_fair_form(&stage).await;
    stage.sign_up(&news, "ada@example.com").await;
    stage.sign_up(&fair, "bo@example.com").await;

    let two_forms = page(&path).await;
    let of_fair = page(&format!("{path}/file?status=undelivered&form={fair}")).await;
    let sheet = page(&format!("{path}/file?status=all&dialect=spreadsheet")).await;
    let download = format!("status=undelivered&dialect=upload&form={fair}");
    let (_, _, file) = stage
        .page("POST", &format!("{path}/leads.csv"), &download)
        .await;

    assert!(!one_form.contains("Of one form only"));
    for text in [
        "Of one form only".to_owned(),
        format!("{path}/file?status=undelivered&amp;form={fair}"),
        "Trade fair: waiting, for Constant Contact’s upload".to_owned(),
        "Newsletter: all, for a spreadsheet".to_owned(),
    ] {
        assert!(two_forms.contains(&text), "{text}: {two_forms}");
    }
    assert!(of_fair.contains("Of one form only: <strong>Trade fair</strong>"));
    assert!(of_fair.contains(&format!("name=\"form\" value=\"{fair}\"")));
    assert!(of_fair.contains("Part 1: 1 person."), "{of_fair}");
    assert!(sheet.contains("Part 1: 2 sign-ups."), "{sheet}");
    assert!(file.contains("bo@example.com") && !file.contains("ada@"));
}

#[tokio::test]
async fn upload_splits_long_streets_abbreviates_states_and_reports_shortened_values() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let street = "Building 5, Floor 3, Analytical Engines Company, 1 Main Street";
    let ada = [
        ("email", "ada@example.com"),
        ("street", street),
        ("state", "New York"),
    ];
    sign_up_with(&stage, &form, &ada).await;
    let path = format!("{}/file", stage.manage_path().await);
    let whole = stage.page("GET", &path, "").await.2;
    let long = "long ".repeat(30);
    let bo = [
        ("email", "bo@example.com"),
        ("street", &long),
        ("state", "Georgia"),
        ("country", "Georgia"),
    ];
    sign_up_with(&stage, &form, &bo).await;

    let cut = stage.page("GET", &path, "").await.2;
    let sheet = format!("{CSV}?status=all&dialect=spreadsheet");
    let sheet = stage.get(&sheet).await;
    let upload = stage.get(CSV).await;

    let upload = rows(&upload.bytes);
    let ada = upload
        .iter()
        .find(|row| row["Email Address"].starts_with("ada"));
    let ada = ada.unwrap();
    assert_eq!(
        (
            ada["Home Address Line 1"].as_str(),
            ada["Home Address Line 2"].as_str()
        ),
        (
            "Building 5, Floor 3, Analytical Engines Company, 1",
            "Main Street"
        )
    );
    assert_eq!(ada["State / Province"], "NY");
    let bo = upload
        .iter()
        .find(|row| row["Email Address"].starts_with("bo"));
    assert_eq!(bo.unwrap()["State / Province"], "Georgia");
    assert!(!whole.contains("shortened"), "{whole}");
    assert!(
        cut.contains("In <strong>1</strong> sign-up, something was shortened"),
        "{cut}"
    );
    let sheet = rows(sheet.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap());
    let whole = sheet.iter().any(|row| row["Home Address Line 1"] == street);
    assert!(
        whole
            && sheet
                .iter()
                .any(|row| row["State / Province"] == "New York")
    );
}
