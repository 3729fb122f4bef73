//! A customer with a hundred thousand leads: what a page costs, and what a file takes.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::admin::{Admin, Properties};
use leadfeed_shared::domain::consent::Origin;
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{Lead, LeadState};
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::{Clock as _, Ledger as _};
use serde_json::json;

const LEADS: u32 = 100_000;

/// Prints address and first name of each row, as another program reads the file.
const READER: &str = "
import csv, io, sys
text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='')
for row in csv.DictReader(text, strict=True):
    print(row['Email Address'], row['First Name'], row['Note'], sep='\\t')
";

/// Kilobytes of a line of `/proc/self/status`.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status
        .lines()
        .find(|known| known.starts_with(line))
        .unwrap();
    found.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn settings(value: serde_json::Value) -> Properties {
    Properties::parse(value.to_string().as_bytes()).unwrap()
}

async fn customer(admin: &Admin<Memory>) -> Lead {
    let engines = "engines".parse().unwrap();
    let put = json!({"name": "Engines", "brand": "Engines"});
    admin.put_customer(&engines, settings(put)).await.unwrap();
    let form = json!({"name": "News", "consent_statement": "Engines may mail me."});
    admin.create_form(&engines, settings(form)).await.unwrap();
    let forms = admin.forms(&engines).await.unwrap();
    let fields = [
        ("email", "ada@example.com"),
        ("first_name", "Ada, \"the\" Łovelace"),
        ("consent", "yes"),
        ("custom_fields[Note]", "a,b;c"),
    ];
    let fields = Submission::from_pairs(fields).unwrap();
    let form = &forms[0];
    let parsed = leadfeed_shared::domain::lead::ParsedLead::parse(
        form,
        fields,
        &Origin::default(),
        admin.clock.now(),
    );
    let parsed = parsed.unwrap();
    Lead {
        id: LeadId::new(ulid::Ulid::nil()),
        customer: engines,
        form: form.id.clone(),
        contact: parsed.contact,
        consent: parsed.consent,
        received_at: admin.clock.now(),
        seal: admin.keys.seal(""),
        notes: vec![],
    }
}

/// Signs so many people up, one a second.
async fn fill(memory: &Memory, admin: &Admin<Memory>) -> Vec<String> {
    let like = customer(admin).await;
    let mut written = Vec::new();
    for i in 0..LEADS {
        let at = like.received_at + SignedDuration::from_secs(i64::from(i));
        let millis = u64::try_from(at.as_millisecond()).unwrap();
        let mut lead = like.clone();
        lead.id = LeadId::new(ulid::Ulid::from_parts(millis, u128::from(i)));
        lead.contact.email = format!("p{i}@example.com").parse().unwrap();
        lead.received_at = at;
        let (form, contact, consent) = (&lead.form, &lead.contact, &lead.consent);
        let text = Lead::sealed_text(&lead.customer, form, &lead.id, contact, consent, at);
        lead.seal = admin.keys.seal(&text);
        memory
            .ledger
            .record(&lead, &LeadState::Queued, at)
            .await
            .unwrap();
        let note = &lead.contact.custom_fields["Note"];
        written.push(format!(
            "{}\t{}\t{note}",
            lead.contact.email.as_str(),
            lead.contact.first_name
        ));
    }
    written.reverse();
    written
}

/// What Python's reader makes of a file.
fn read_by_python(file: &[u8]) -> Vec<String> {
    let mut python = Command::new("python3")
        .args(["-X", "utf8", "-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, file) = (python.stdin.take().unwrap(), file.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&file).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_hundred_thousand_leads_cost_a_page_five_reads_and_a_file_little_memory() {
    let memory_world = Memory::new("2026-11-23T00:00:00Z".parse::<Timestamp>().unwrap());
    let admin = memory_world.admin();
    let written = fill(&memory_world, &admin).await;
    let engines = "engines".parse().unwrap();

    let before = memory_world.faults.steps();
    let overview = admin.overview(&engines).await.unwrap();
    let reads = memory_world.faults.steps() - before;
    assert_eq!((reads, overview.newest.len()), (5, 20));

    fs::write("/proc/self/clear_refs", "5").unwrap(); // the peak begins anew
    let before = memory("VmRSS");
    let (mut parts, mut read, mut cursor) = (0, Vec::new(), None);
    loop {
        let mut query = vec![("status", "all")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let until = admin.clock.now() + SignedDuration::from_secs(14);
        let part = admin
            .export(&engines, Properties::from_query(query), until)
            .await;
        let part = part.unwrap();
        assert!(part.rows <= 39_999 && part.csv.len() <= 4_000_000);
        let peak = memory("VmHWM").saturating_sub(before);
        assert!(peak < 64 * 1024, "{peak} kB for a part");
        eprintln!(
            "part {}: {} rows, {} bytes, {peak} kB at most",
            part.number,
            part.rows,
            part.csv.len()
        );
        read.extend(read_by_python(&part.csv));
        parts += 1;
        cursor = part.next;
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(parts, 3);
    assert!(read == written, "another reader finds what the ledger has");
}
