//! The page of error codes: it has every code that the functions return, and no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lambda_http::http::StatusCode;
use regex_lite::Regex;

use crate::root;

/// Where responses and their codes are created.
const SOURCES: [&str; 6] = [
    "functions/admin-api/src",
    "functions/lead-webhook/src",
    "functions/oauth-callback/src",
    "shared/src/app",
    "shared/src/domain",
    "shared/src/web",
];

/// A file with codes contains at least one of these.
const MARKERS: [&str; 4] = [
    "StatusCode::",
    "Fault::new(",
    "FieldError {",
    "fn code(self)",
];

/// Expressions that pass on a code written elsewhere.
const PASSED_ON: [&str; 3] = ["code", "error.code()", "fault.code"];

/// Codes with a status, and those of single fields and reasons, which have none.
#[derive(Default)]
struct Codes {
    with_status: BTreeSet<(u16, String)>,
    without_status: BTreeSet<String>,
}

impl Codes {
    /// The codes in the source, as `rustfmt` formats it.
    fn of_sources() -> Self {
        let mut codes = Self::default();
        for folder in SOURCES {
            for file in files(&root().join(folder)) {
                let source = fs::read_to_string(&file).unwrap();
                let (source, _) = source.split_once("\nmod tests {").unwrap_or((&source, ""));
                if MARKERS.iter().any(|marker| source.contains(marker)) {
                    codes.read(source, &file);
                }
            }
        }
        codes
    }

    fn read(&mut self, source: &str, file: &Path) {
        let find = |pattern: &str| {
            let found = Regex::new(pattern).unwrap();
            let found = found.captures_iter(source).map(|found| {
                let part = |at| found.get(at).map_or("", |part| part.as_str().trim());
                (part(1).to_owned(), part(2).to_owned())
            });
            found.collect::<Vec<_>>()
        };
        let mut problems = find(r"Problem::new\(\s*([^,()]+),\s*([^,()]+),");
        let written = source.matches("Problem::new(").count();
        assert_eq!(problems.len(), written, "{}", file.display());
        problems.extend(find(r"Self::new\(\s*(StatusCode::\w+),\s*([^,()]+),"));
        problems.extend(find(r#"\((StatusCode::\w+), ("\w+")\)"#));
        for (status, code) in problems {
            let status = status.strip_prefix("StatusCode::").map(number);
            match (status, literal(&code, file)) {
                (Some(status), Some(code)) => {
                    self.with_status.insert((status, code));
                }
                (None, Some(code)) => panic!("{}: which status does {code} have?", file.display()),
                (_, None) => {}
            }
        }
        let mut faults = find(r"Fault::new\(\s*([^,]+),");
        faults.extend(find(r"(?s)FieldError \{\s+field\b.*?\bcode: ([^,]+),"));
        let codes = faults.iter().filter_map(|(code, _)| literal(code, file));
        self.without_status.extend(codes);
        let chosen = find(r"(?s)(?:fn code\(self\)|let code = match)(.*?)\n    \}");
        let arm = Regex::new(r#"=> "(\w+)""#).unwrap();
        for (arms, _) in chosen {
            let arms = arm.captures_iter(&arms);
            self.without_status
                .extend(arms.map(|arm| arm[1].to_owned()));
        }
    }
}

/// The files in a folder that are not tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// A code that is a literal. Anything else has to be passed on from elsewhere, or it would be missed.
fn literal(code: &str, file: &Path) -> Option<String> {
    let code = code.trim();
    let known = code
        .strip_prefix('"')
        .and_then(|code| code.strip_suffix('"'));
    assert!(
        known.is_some() || PASSED_ON.contains(&code),
        "{}: where does {code} come from?",
        file.display()
    );
    known.map(str::to_owned)
}

/// The number of a status, such as `NOT_FOUND`.
fn number(name: &str) -> u16 {
    let all = (100..600).filter_map(|number| StatusCode::from_u16(number).ok());
    let is_it = |status: &StatusCode| {
        let reason = status.canonical_reason().unwrap_or_default();
        reason.to_uppercase().replace(' ', "_") == name
    };
    let mut all = all.filter(is_it);
    all.next().unwrap_or_else(|| panic!("{name}")).as_u16()
}

/// Status and code of each row in the page's tables.
fn documented_codes() -> BTreeSet<(u16, String)> {
    let page = fs::read_to_string(root().join("docs/integrator/errors.md")).unwrap();
    let word = Regex::new(r"`(\w+)`").unwrap();
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.parse().ok()?, cells.next()?.to_owned()))
    });
    let codes = rows.flat_map(|(status, cell): (u16, String)| {
        let codes = word.captures_iter(&cell);
        codes
            .map(|code| (status, code[1].to_owned()))
            .collect::<Vec<_>>()
    });
    codes.collect()
}

#[test]
fn error_code_page_lists_exactly_the_codes_that_are_returned() {
    let (known, documented) = (Codes::of_sources(), documented_codes());
    let documented_without_status: BTreeSet<_> =
        documented.iter().map(|(_, code)| code.clone()).collect();

    let missing: Vec<_> = known.with_status.difference(&documented).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    let missing: Vec<_> = known
        .without_status
        .difference(&documented_without_status)
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    let mut extra = documented.difference(&known.with_status);
    let extra = extra.find(|(_, code)| !known.without_status.contains(code));
    assert_eq!(extra, None, "on the page, but never returned");
    assert!(known.with_status.len() > 40 && known.without_status.len() > 25);
}
