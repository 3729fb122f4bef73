//! A customer with a hundred thousand leads: what a page costs, and what a file takes.
#![expect(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use admin_api::{Api, handle};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use leadfeed_shared::app::admin::descriptions;
use leadfeed_shared::app::admin::{Admin, AdminAuth, Properties};
use leadfeed_shared::domain::consent::Origin;
use leadfeed_shared::domain::ids::{CustomerId, LeadId};
use leadfeed_shared::domain::lead::{
    Lead, LeadRecord, LeadState, ParsedLead, RefusalReason, WaitReason,
};
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::domain::tally::{Tally, TallyChanges, counted_as};
use leadfeed_shared::fakes::{Faults, Memory, MemoryTokens, samples};
use leadfeed_shared::ports::{Clock as _, Exits as _, Ledger as _, Tallies as _};
use serde_json::{Value, json};

const LEADS: u32 = 100_000;

/// Seconds between two leads: enough for all of them to fill 39 days.
const SECONDS_APART: i64 = 34;

/// Prints each row as another program reads it.
const READER: &str = "
import csv, json, sys
with open(sys.argv[1], encoding='utf-8-sig', newline='') as file:
    for row in csv.DictReader(file, strict=True):
        print(json.dumps(row))
";

fn engines() -> CustomerId {
    "engines".parse().unwrap()
}

/// The kilobytes in a line of `/proc/self/status`.
fn memory_kb(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status
        .lines()
        .find(|known| known.starts_with(line))
        .unwrap();
    found.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn settings(value: Value) -> Properties {
    Properties::parse(value.to_string().as_bytes()).unwrap()
}

/// A lead of a form, with something in every field.
async fn sample(admin: &Admin<Memory>) -> Lead {
    let engines = engines();
    let put = json!({"name": "Engines", "brand": "Engines"});
    admin.put_customer(&engines, settings(put)).await.unwrap();
    let form = json!({"name": "News", "consent_statement": "Engines may mail me."});
    admin.create_form(&engines, settings(form)).await.unwrap();
    let form = admin.forms(&engines).await.unwrap().remove(0);
    let fields = [
        ("email", "ada@example.com"),
        ("first_name", "Ada, \"the\" first"),
        ("last_name", "=Łovelace"),
        ("job_title", "Analyst"),
        ("company_name", "Engines & Co"),
        ("phone_number", "+1 555 0100"),
        ("street", "1 Main St, 2nd floor"),
        ("city", "London"),
        ("state", "LDN"),
        ("postal_code", "01234"),
        ("country", "GB"),
        ("consent", "yes"),
        ("custom_fields[Note]", "a,b;c"),
    ];
    let fields = Submission::from_pairs(fields).unwrap();
    let now = admin.clock.now();
    let parsed = ParsedLead::parse(&form, fields, &Origin::default(), now).unwrap();
    Lead {
        id: LeadId::new(0),
        customer: engines,
        form: form.id,
        contact: parsed.contact,
        consent: parsed.consent,
        received_at: now,
        seal: admin.keys.seal(""),
        notes: vec![],
    }
}

/// The state of a lead; every eighth was exported as well.
fn state(i: u32) -> LeadState {
    match i % 8 {
        1 => LeadState::waiting(WaitReason::NotConnected),
        2 => LeadState::waiting(WaitReason::Quota),
        3 => LeadState::refused(RefusalReason::CcRefused),
        4 => LeadState::refused(RefusalReason::InvalidAddress),
        5 | 6 => LeadState::Queued,
        _ => samples::delivered(),
    }
}

/// Records all leads with their states, and counts them.
async fn fill(world: &Memory, admin: &Admin<Memory>) {
    let template = sample(admin).await;
    let mut changes = TallyChanges::default();
    for i in 0..LEADS {
        let at = template.received_at + SignedDuration::from_secs(SECONDS_APART * i64::from(i));
        let mut lead = samples::lead_of_another_person(&template, i.into(), at, &admin.keys);
        if i.is_multiple_of(2) {
            let engine = ("Engine".to_owned(), format!("-{i}"));
            lead.contact.custom_fields.extend([engine]);
        }
        let (customer, id) = (&lead.customer, &lead.id);
        world.ledger.record(&lead, &state(i), at).await.unwrap();
        if i % 8 == 6 {
            assert!(world.ledger.export(customer, id, at, at).await.unwrap());
        }
        let record = world.ledger.peek(customer, id).unwrap();
        changes.count(id.day(), None, counted_as(&record));
        world.clock.advance_to(at);
    }
    let now = world.clock.now();
    let customer = engines();
    let counted = world.directory.tally(&customer, &changes, now);
    counted.await.unwrap();
}

/// Saves every part of a file. Checks that each is as large as it may be, and took little memory.
async fn save(admin: &Admin<Memory>, dialect: &str) -> Vec<PathBuf> {
    fs::write("/proc/self/clear_refs", "5").unwrap(); // resets the peak
    let before = memory_kb("VmRSS");
    let (mut saved, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("status", "all"), ("dialect", dialect)];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let query = Properties::from_query(query);
        let part = admin.export(&engines(), query, Timestamp::MAX).await;
        let part = part.unwrap();
        let peak = memory_kb("VmHWM").saturating_sub(before);
        let (rows, bytes) = (part.rows, part.csv.len());
        eprintln!("{}: {rows} rows, {bytes} bytes, {peak} kB", part.name);
        assert!(peak < 64 * 1024, "{peak} kB for a part");
        assert!(rows <= 39_999 && bytes <= 4_000_000);
        let full = rows == 39_999 || bytes > 3_990_000;
        assert!(full || part.next.is_none(), "there was room for more");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("{dialect}-{}", part.name));
        fs::write(&file, &part.csv).unwrap();
        saved.push(file);
        cursor = part.next;
        if cursor.is_none() {
            return saved;
        }
    }
}

/// A file's rows as Python's CSV reader parses them.
fn read_by_python(file: &Path) -> Vec<BTreeMap<String, String>> {
    let mut python = Command::new("python3");
    let python = python.args(["-X", "utf8", "-c", READER]).arg(file);
    let output = python.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{:?}", output.stderr);
    let rows = text.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().unwrap()
}

/// The row that a file has for a lead.
fn expected_row(record: &LeadRecord, sheet: bool) -> BTreeMap<String, String> {
    let contact = &record.lead.contact;
    let address = &contact.street_address;
    let custom = |label: &str| {
        contact
            .custom_fields
            .get(label)
            .cloned()
            .unwrap_or_default()
    };
    let (mut last, mut phone) = (contact.last_name.clone(), contact.phone_number.clone());
    let mut engine = custom("Engine");
    let mut more = vec![];
    if sheet {
        let formulas = [&mut last, &mut phone, &mut engine].into_iter();
        let filled = formulas.filter(|text| !text.is_empty());
        filled.for_each(|text| text.insert(0, '\''));
        let state = &record.state;
        let status = match record.exported_at {
            Some(_) => "Exported",
            None => descriptions::status(state),
        };
        let text = |words: Option<&str>| words.unwrap_or_default().to_owned();
        let at = record.lead.received_at.to_zoned(TimeZone::UTC);
        more.extend([
            ("Signed up on", at.date().to_string()),
            ("Signed up at (UTC)", at.time().to_string()),
            ("Status", status.to_owned()),
            ("Reason", text(descriptions::reason(state))),
            ("Form", "News".to_owned()),
            ("Permission", text(descriptions::permission(state))),
            ("Notes", String::new()),
        ]);
    } else {
        more.push(("Home Address Line 2", String::new()));
        last.remove(0);
    }
    let columns = [
        ("Email Address", contact.email.as_str().to_owned()),
        ("First Name", contact.first_name.clone()),
        ("Last Name", last),
        ("Job Title", contact.job_title.clone()),
        ("Company", contact.company_name.clone()),
        ("Phone Number - Home", phone),
        ("Home Address Line 1", address.street.clone()),
        ("City", address.city.clone()),
        ("State / Province", address.state.clone()),
        ("Zip / Postal Code", address.postal_code.clone()),
        ("Country", address.country.clone()),
        ("Engine", engine),
        ("Note", custom("Note")),
    ];
    let columns = columns.into_iter().chain(more);
    columns
        .map(|(heading, cell)| (heading.to_owned(), cell))
        .collect()
}

/// Whether a lead is in the upload. A spreadsheet has the others, too.
fn is_uploadable(record: &LeadRecord) -> bool {
    let why = RefusalReason::InvalidAddress;
    record.state != LeadState::refused(why)
}

/// The customer's page, and the port calls it took.
async fn page(world: &Memory) -> (String, u64) {
    let tokens = MemoryTokens::new(&Faults::default(), &["token"]);
    let auth = AdminAuth::read(tokens, world.clock.now()).await.unwrap();
    let admin = world.admin();
    let link = admin.manage_link(&engines()).await.unwrap();
    let path = link.url.strip_prefix("https://leads.example").unwrap();
    let event = include_str!("../../../events/admin-get-health.json");
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["headers"]["accept"] = "text/html".into();
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let before = world.faults.steps();
    let api = Api {
        auth,
        admin,
        service: "Leadfeed".to_owned(),
    };
    let response = handle(&api, request).await;
    let steps = world.faults.steps() - before;
    let html = String::from_utf8(response.into_body().to_vec()).unwrap();
    (html, steps)
}

/// What the chart's label says of the last thirty days.
fn expected_chart_label(records: &[LeadRecord], today: Date) -> String {
    let (mut delivered, mut waiting, mut refused) = (0, 0, 0);
    for record in records {
        let day = record.lead.received_at.to_zoned(TimeZone::UTC).date();
        if day + 30.days() <= today {
            continue;
        }
        match &record.state {
            LeadState::Delivered { .. } => delivered += 1,
            LeadState::Waiting { .. } => waiting += 1,
            LeadState::Refused { .. } => refused += 1,
            _ => delivered += u32::from(record.exported_at.is_some()),
        }
    }
    format!("{delivered} delivered, {waiting} waiting, {refused} not delivered; at most")
}

/// Bytes of a day's counters in DynamoDB, at most: the keys, and names with numbers of 21 bytes.
fn stored_size(tally: &Tally) -> usize {
    let counters = tally.counts.keys();
    counters
        .map(|label| "n.".len() + label.to_string().len() + 21)
        .sum::<usize>()
        + 200
}

#[tokio::test]
async fn page_takes_six_reads_and_file_parts_little_memory_with_100_000_leads() {
    let world = Memory::new("2026-11-23T00:00:00Z".parse::<Timestamp>().unwrap());
    let admin = world.admin();
    fill(&world, &admin).await;

    let (upload, sheet) = (
        save(&admin, "upload").await,
        save(&admin, "spreadsheet").await,
    );

    let records = world.ledger.all();
    for (files, sheet) in [(upload, false), (sheet, true)] {
        assert!(files.len() > 1);
        let listed = records.iter().rev();
        let listed = listed.filter(|record| sheet || is_uploadable(record));
        let mut expected = listed.map(|record| expected_row(record, sheet));
        for row in files.iter().flat_map(|file| read_by_python(file)) {
            assert_eq!(Some(row), expected.next());
        }
        assert_eq!(expected.next(), None);
    }

    let (html, steps) = page(&world).await;
    assert_eq!(steps, 6, "three rows; forms, counters and the newest leads");
    let today = world.clock.now().to_zoned(TimeZone::UTC).date();
    assert!(
        html.contains(&expected_chart_label(&records, today)),
        "{html}"
    );
    assert_eq!(
        html.matches("<g><title>").count(),
        30,
        "every day has leads"
    );
    let days = world.directory.tallies(&engines()).await.unwrap();
    let largest = days.iter().map(stored_size).max().unwrap();
    assert!(
        365 * largest < 1_000_000,
        "a year fits into one answer of DynamoDB"
    );
}
