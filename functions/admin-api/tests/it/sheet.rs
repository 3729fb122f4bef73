//! The file for a spreadsheet, which tells of whom no upload may have, and files of one form.

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

/// A lead of each person, which ended so.
async fn people(stage: &Stage, form: &str, ends: &[(&str, LeadState)]) {
    for (who, state) in ends {
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
async fn a_spreadsheet_tells_of_all_but_those_who_left_and_an_upload_of_those_who_can_go_in() {
    use RefusalReason as R;
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let why = WaitReason::NotConnected;
    let robot = QuarantineReason::TooFast;
    let ends = [
        ("waits", LeadState::waits(why)),
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
    people(&stage, &form, &ends).await;
    let never = json!({"email": "never@example.com"});
    stage
        .post("/v1/customers/engines/suppressions", never)
        .await;
    let of = async |query: &str| names(&stage.get(&format!("{CSV}?{query}")).await);
    let set = |names: &[&str]| BTreeSet::from_iter(names.iter().map(|name| (*name).to_owned()));

    assert_eq!(
        of("status=all&dialect=spreadsheet").await,
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
    assert_eq!(of("status=all").await, uploadable);
    let pending = set(&["waits", "refused", "ended"]);
    assert_eq!(of("dialect=spreadsheet&look=true").await, pending);
    assert_eq!(of("look=true").await, pending);
}

#[tokio::test]
async fn a_spreadsheet_says_in_words_what_became_of_each_lead() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let words = "address;=1 is not valid";
    let robot = QuarantineReason::Honeypot;
    let ends = [
        ("bo", refused(RefusalReason::InvalidAddress, Some(words))),
        ("cy", imported()),
        ("di", LeadState::Quarantined { why: robot }),
    ];
    people(&stage, &form, &ends).await;
    let odd = [("email", "admin@example.com"), ("fax", "1"), ("=x", "1")];
    sign_up_with(&stage, &form, &odd).await;

    let file = stage
        .get(&format!("{CSV}?status=all&dialect=spreadsheet"))
        .await;

    let told = rows(file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap());
    let told: Vec<_> = told
        .iter()
        .map(|row| {
            ["Status", "Reason", "Form", "Permission", "Notes"].map(|cell| row[cell].as_str())
        })
        .collect();
    let role = "An address that is kept but not mailed by Constant Contact, such as admin@; \
                Not kept, as your form has no such field: =x, fax";
    assert_eq!(
        told,
        [
            ["On the way", "", "Newsletter", "", role],
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
    let told = rows(file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap());
    assert_eq!(told[0]["Status"], "Exported");
}

/// A second form beside the newsletter's.
async fn fair(stage: &Stage) -> String {
    let body =
        json!({"name": "Trade fair", "consent_statement": "Analytical Engines may mail me."});
    let answer = stage.post("/v1/customers/engines/forms", body).await;
    answer.text("form_id")
}

#[tokio::test]
async fn a_file_of_one_form_marks_its_own_leads_only_and_is_named_after_it() {
    let stage = Stage::with_customers().await;
    let (news, fair) = (stage.form().await, fair(&stage).await);
    for (form, email) in [
        (&news, "ada@example.com"),
        (&fair, "ada@example.com"),
        (&fair, "bo@example.com"),
    ] {
        stage.sign_up(form, email).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }
    let of = async |query: &str| stage.get(&format!("{CSV}?{query}")).await;

    let first = of(&format!("form={fair}")).await;
    stage.memory.clock.advance(SignedDuration::from_millis(1));
    let others = of("look=true").await;
    let nobodys = of("form=frm_01ARZ3NDEKTSV4RRFFQ69G5FAV").await;
    let wrong = of("form=fair").await;

    assert_eq!(names(&first), BTreeSet::from(["ada".into(), "bo".into()]));
    let named =
        format!("attachment; filename=\"engines-{fair}-undelivered-2026-11-23-part-1.csv\"");
    assert_eq!(first.headers[CONTENT_DISPOSITION], named.as_str());
    assert_eq!(
        names(&others),
        BTreeSet::from(["ada".into()]),
        "of the newsletter"
    );
    assert_eq!(names(&nobodys), BTreeSet::new());
    assert_eq!(
        (wrong.status, wrong.faults()),
        (422, vec![("form", "malformed")])
    );
}

#[tokio::test]
async fn the_parts_of_one_form_go_on_with_that_form_and_with_no_other() {
    let stage = Stage::with_customers().await;
    let (news, fair) = (stage.form().await, fair(&stage).await);
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
    let elsewhere = stage.get(&next.replace(&fair, &news)).await;

    let both: BTreeSet<_> = names(&first).union(&names(&second)).cloned().collect();
    let odd = (0..80).map(|i| format!("p{}", 2 * i + 1));
    assert_eq!(both, odd.collect());
    assert_eq!(names(&first).len() + names(&second).len(), 80);
    assert_eq!(elsewhere.faults(), [("cursor", "malformed")]);
}

#[tokio::test]
async fn the_page_offers_files_of_one_form_where_there_are_several() {
    let stage = Stage::with_customers().await;
    let news = stage.form().await;
    let path = stage.manage_path().await;
    let page = async |at: &str| stage.page("GET", at, "").await.2;
    let alone = page(&path).await;
    let fair = fair(&stage).await;
    stage.sign_up(&news, "ada@example.com").await;
    stage.sign_up(&fair, "bo@example.com").await;

    let two = page(&path).await;
    let of_fair = page(&format!("{path}/file?status=undelivered&form={fair}")).await;
    let sheet = page(&format!("{path}/file?status=all&dialect=spreadsheet")).await;
    let download = format!("status=undelivered&dialect=upload&form={fair}");
    let (_, _, file) = stage
        .page("POST", &format!("{path}/leads.csv"), &download)
        .await;

    assert!(!alone.contains("Of one form only"));
    for said in [
        "Of one form only".to_owned(),
        format!("{path}/file?status=undelivered&amp;form={fair}"),
        "Trade fair: waiting, for Constant Contact’s upload".to_owned(),
        "Newsletter: all, for a spreadsheet".to_owned(),
    ] {
        assert!(two.contains(&said), "{said}: {two}");
    }
    assert!(of_fair.contains("Of one form only: <strong>Trade fair</strong>"));
    assert!(of_fair.contains(&format!("name=\"form\" value=\"{fair}\"")));
    assert!(of_fair.contains("Part 1: 1 person."), "{of_fair}");
    assert!(sheet.contains("Part 1: 2 sign-ups."), "{sheet}");
    assert!(file.contains("bo@example.com") && !file.contains("ada@"));
}

#[tokio::test]
async fn an_upload_has_a_long_street_in_two_lines_and_a_states_code_and_its_page_says_what_it_cuts()
{
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
