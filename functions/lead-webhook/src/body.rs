//! Reading a body, whatever a form, a script or a server sends it as.

use encoding_rs::{Encoding, UTF_8};
use futures_util::stream;
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::http::{HeaderMap, StatusCode};
use leadfeed_shared::domain::submission::{Submission, SubmissionError};
use leadfeed_shared::web::Problem;
use multer::Multipart;
use percent_encoding::percent_decode;

/// The largest body, in bytes: a hundred times a long form.
pub const LIMIT: usize = 64 * 1024;

/// The fields of a submission.
///
/// # Errors
/// 413 over [`LIMIT`], 415 for a type that no form sends, 400 for what cannot be read.
pub async fn read(headers: &HeaderMap, body: &[u8]) -> Result<Submission, Problem> {
    if body.len() > LIMIT {
        let detail = "The body is larger than 64 kB.";
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            detail,
        ));
    }
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (kind, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/json" => json(body),
        "application/x-www-form-urlencoded" => form(body, charset(parameters)),
        "multipart/form-data" => multipart(declared, body).await,
        // A beacon cannot choose its type, and some clients send none.
        "text/plain" | "" => match body.trim_ascii_start().first() {
            Some(b'{') => json(body),
            _ if body.contains(&b'=') || body.is_empty() => form(body, charset(parameters)),
            _ => Err(unsupported()),
        },
        _ => Err(unsupported()),
    }
}

fn json(body: &[u8]) -> Result<Submission, Problem> {
    Submission::from_json(body).map_err(|error| unreadable(&error))
}

/// `a=b&c=d` in the charset that the type, the browser (`_charset_`) or the form (`encoding`) declares.
fn form(body: &[u8], declared: Option<&str>) -> Result<Submission, Problem> {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let end = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            (
                decode_percent(&pair[..end]),
                decode_percent(pair.get(end + 1..).unwrap_or_default()),
            )
        })
        .collect();
    let named = |name: &[u8]| {
        pairs
            .iter()
            .find(|(n, _)| n == name)
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    let label = declared
        .or_else(|| named(b"_charset_"))
        .or_else(|| named(b"encoding"))
        .unwrap_or("utf-8");
    let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(bad_charset)?;
    let text = |bytes: &[u8]| {
        encoding
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(String::from)
            .ok_or_else(bad_charset)
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect::<Result<Vec<_>, Problem>>()?;
    Submission::from_pairs(pairs).map_err(|error| unreadable(&error))
}

/// The text parts of a multipart body; files are left out.
async fn multipart(declared: &str, body: &[u8]) -> Result<Submission, Problem> {
    let broken = |_: multer::Error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_body",
            "The multipart body cannot be read.",
        )
    };
    let boundary = multer::parse_boundary(declared).map_err(broken)?;
    let whole = stream::iter([Ok::<_, std::io::Error>(body.to_vec())]);
    let mut parts = Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_none() && !name.is_empty() {
            let value = part.bytes().await.map_err(broken)?;
            let value = UTF_8
                .decode_without_bom_handling_and_without_replacement(&value)
                .ok_or_else(bad_charset)?;
            pairs.push((name, value.into_owned()));
        }
    }
    Submission::from_pairs(pairs).map_err(|error| unreadable(&error))
}

fn charset(parameters: &str) -> Option<&str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    })
}

fn decode_percent(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).collect()
}

fn unsupported() -> Problem {
    let detail = "Send application/x-www-form-urlencoded, multipart/form-data or application/json.";
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}

fn bad_charset() -> Problem {
    let detail = "The body is not in the charset it declares (UTF-8 where it declares none).";
    Problem::new(StatusCode::BAD_REQUEST, "malformed_charset", detail)
}

fn unreadable(error: &SubmissionError) -> Problem {
    let code = match error {
        SubmissionError::Empty => "empty_body",
        SubmissionError::MalformedJson => "malformed_json",
        SubmissionError::NotALead => "not_a_lead",
        SubmissionError::TooLarge => "too_many_fields",
    };
    Problem::new(
        StatusCode::BAD_REQUEST,
        code,
        format!("This cannot be taken as a lead: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fields(kind: &str, body: &[u8]) -> Result<Submission, (u16, &'static str)> {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        read(&headers, body)
            .await
            .map_err(|problem| (problem.status().as_u16(), problem.code()))
    }

    #[tokio::test]
    async fn every_kind_of_body_gives_its_fields() {
        let multipart = b"--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nada@example.com\r\n\
            --x\r\nContent-Disposition: form-data; name=\"cv\"; filename=\"cv.pdf\"\r\n\r\nPDF\r\n--x--\r\n";
        for (kind, body) in [
            (
                "application/x-www-form-urlencoded",
                &b"email=ada%40example.com&name=A+B"[..],
            ),
            (
                "application/x-www-form-urlencoded; charset=UTF-8",
                b"email=ada%40example.com",
            ),
            (
                "Application/JSON; charset=utf-8",
                b"{\"email\":\"ada@example.com\"}",
            ),
            ("multipart/form-data; boundary=x", multipart),
            (
                "text/plain;charset=UTF-8",
                b"{\"email\":\"ada@example.com\"}",
            ),
            ("", b"email=ada%40example.com"),
        ] {
            let fields = fields(kind, body).await.unwrap();
            assert_eq!(fields.get("email"), Some("ada@example.com"), "{kind}");
            assert_eq!(fields.get("cv"), None);
        }
    }

    #[tokio::test]
    async fn a_declared_charset_is_decoded_and_an_undeclared_one_refused() {
        let latin = b"first_name=Andr%E9";
        let urlencoded = "application/x-www-form-urlencoded";

        let typed = fields(
            "application/x-www-form-urlencoded; charset=ISO-8859-1",
            latin,
        )
        .await
        .unwrap();
        let named = fields(urlencoded, b"first_name=Andr%E9&encoding=ISO-8859-1")
            .await
            .unwrap();

        assert_eq!(typed.get("first_name"), Some("André"));
        assert_eq!(named.get("first_name"), Some("André"));
        assert_eq!(
            fields(urlencoded, latin).await,
            Err((400, "malformed_charset"))
        );
        assert_eq!(
            fields("application/x-www-form-urlencoded; charset=klingon", latin).await,
            Err((400, "malformed_charset"))
        );
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named() {
        assert_eq!(
            fields("application/json", b"{").await,
            Err((400, "malformed_json"))
        );
        assert_eq!(
            fields("application/json", b"").await,
            Err((400, "malformed_json"))
        );
        assert_eq!(
            fields("application/x-www-form-urlencoded", b"").await,
            Err((400, "empty_body"))
        );
        assert_eq!(
            fields("application/pdf", b"%PDF").await,
            Err((415, "unsupported_media_type"))
        );
        assert_eq!(
            fields("", b"hello").await,
            Err((415, "unsupported_media_type"))
        );
        assert_eq!(
            fields("multipart/form-data", b"--x").await,
            Err((400, "malformed_body"))
        );
        assert_eq!(
            fields("multipart/form-data; boundary=x", b"--x").await,
            Err((400, "malformed_body"))
        );
        let large = vec![b'a'; LIMIT + 1];
        assert_eq!(
            fields("application/json", &large).await,
            Err((413, "body_too_large"))
        );
    }
}
