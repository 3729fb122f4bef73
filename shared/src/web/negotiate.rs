use lambda_http::http::{HeaderMap, header::ACCEPT};

/// The reader of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person, in a browser: pages and redirects.
    Browser,
    /// A program: JSON.
    Program,
}

/// Tells them apart by `Accept` (RFC 9110): browsers ask for `text/html` by name, programs hardly ever do.
///
/// A caller that names both gets the one that it prefers, or of equals the first.
#[must_use]
pub fn audience(headers: &HeaderMap) -> Audience {
    let lines = headers.get_all(ACCEPT).iter();
    let ranges = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    let mut best = (Audience::Program, 0);
    for range in ranges {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        let audience = match kind.trim().to_ascii_lowercase().as_str() {
            "text/html" => Audience::Browser,
            "application/json" | "application/problem+json" => Audience::Program,
            _ => continue,
        };
        let weight = weight(parameters);
        if weight > best.1 {
            best = (audience, weight);
        }
    }
    best.0
}

/// `q` in thousandths; an unreadable one counts as none.
fn weight(parameters: &str) -> u32 {
    let given = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(given) = given else {
        return 1_000;
    };
    let (whole, part) = given.split_once('.').unwrap_or((given, ""));
    match (whole, format!("{part:0<3}").parse()) {
        ("0", Ok(thousandths @ 0..1_000)) => thousandths,
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience_of(lines: &[&'static str]) -> Audience {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, line.parse().unwrap());
        }
        audience(&headers)
    }

    #[test]
    fn accept_header_that_prefers_html_means_a_browser() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "TEXT/HTML",
            "text/html, */*; q=0.01",
            "application/json;q=0.9, text/html",
            "text/html, application/json",
            "text/html;level=1;Q=0.5",
        ] {
            assert_eq!(audience_of(&[accept]), Audience::Browser, "{accept}");
        }
        assert_eq!(audience_of(&["image/png", "text/html"]), Audience::Browser);
    }

    #[test]
    fn any_other_accept_header_means_a_program() {
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "application/json, text/plain, */*",
            "application/json, text/html",
            "application/json, text/html;q=0.9",
            "text/html;q=0",
            "text/html;q=0.000, */*",
            "x-text/html",
            ";;,,;q=",
        ] {
            assert_eq!(audience_of(&[accept]), Audience::Program, "{accept}");
        }
        assert_eq!(audience_of(&[]), Audience::Program);
    }
}
