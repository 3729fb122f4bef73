//! Reads a request's body in any encoding that forms, scripts and servers use.

use futures_util::stream;
use lambda_http::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use lambda_http::http::{HeaderMap, StatusCode};
use leadfeed_shared::domain::names::TECHNICAL;
use leadfeed_shared::domain::submission::{Submission, SubmissionError};
use leadfeed_shared::web::Problem;
use multer::{Field, Multipart};
use percent_encoding::percent_decode;

use crate::charset::{Declared, Malformed, Raw, texts};

/// The largest body, in bytes: a hundred times a long form.
pub const LIMIT: usize = 64 * 1024;

/// The fields of a submission. `encoding` is the charset that the URL declares, if any.
///
/// # Errors
/// 413 over [`LIMIT`], 415 for a type that no form sends, 400 for a body that cannot be read or is empty.
pub async fn read(
    headers: &HeaderMap,
    body: &[u8],
    encoding: Option<&str>,
) -> Result<Submission, Problem> {
    if body.len() > LIMIT {
        let detail = "The body is larger than 64 kB.";
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            detail,
        ));
    }
    let text = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    if !matches!(text(CONTENT_ENCODING).trim(), "" | "identity") {
        return Err(compressed());
    }
    let declared = text(CONTENT_TYPE);
    let (kind, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    let charsets = Declared {
        by_type: charset(parameters),
        by_address: encoding,
    };
    let fields = match kind.trim().to_ascii_lowercase().as_str() {
        "application/json" => json(body),
        "application/x-www-form-urlencoded" => pairs(&form(body), charsets),
        "multipart/form-data" => pairs(&multipart(declared, body).await?, charsets),
        // A beacon cannot choose its type, and some clients send none.
        "text/plain" | "" => match body.trim_ascii_start().first() {
            Some(b'{') => json(body),
            _ if body.contains(&b'=') || body.is_empty() => pairs(&form(body), charsets),
            _ => Err(unsupported()),
        },
        _ => Err(unsupported()),
    }?;
    let has_content = fields.iter().any(|(name, _)| !TECHNICAL.contains(&name));
    has_content
        .then_some(fields)
        .ok_or_else(|| unreadable(&SubmissionError::Empty))
}

fn json(body: &[u8]) -> Result<Submission, Problem> {
    Submission::from_json(body).map_err(|error| unreadable(&error))
}

fn pairs(raw: &[Raw], declared: Declared<'_>) -> Result<Submission, Problem> {
    let pairs = texts(raw, declared).map_err(|Malformed| bad_charset())?;
    Submission::from_pairs(pairs).map_err(|error| unreadable(&error))
}

/// `a=b&c=d`.
fn form(body: &[u8]) -> Vec<Raw> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let end = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            Raw {
                name: decode_percent(&pair[..end]),
                value: decode_percent(pair.get(end + 1..).unwrap_or_default()),
                charset: None,
            }
        })
        .collect()
}

/// The text parts of a multipart body; files are left out.
async fn multipart(declared: &str, body: &[u8]) -> Result<Vec<Raw>, Problem> {
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
    let mut raw = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().map(|name| name.as_bytes().to_vec());
        let name = name
            .or_else(|| raw_parameter(&part, "name"))
            .unwrap_or_default();
        let is_file = part.file_name().is_some() || raw_parameter(&part, "filename").is_some();
        if !is_file && !name.is_empty() {
            raw.push(Raw {
                name,
                charset: charset_of(&part),
                value: part.bytes().await.map_err(broken)?.to_vec(),
            });
        }
    }
    Ok(raw)
}

/// A parameter of a part's header in the page's charset; the parser returns only what is UTF-8.
fn raw_parameter(part: &Field<'_>, name: &str) -> Option<Vec<u8>> {
    let header = part.headers().get(CONTENT_DISPOSITION)?.as_bytes();
    if std::str::from_utf8(header).is_ok() {
        return None;
    }
    let letters: String = header.iter().copied().map(char::from).collect(); // one char for each byte
    let value = parameter(&letters, name)?.chars();
    value.map(|letter| u8::try_from(letter).ok()).collect()
}

fn charset_of(part: &Field<'_>) -> Option<String> {
    let kind = part.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    charset(kind.split_once(';')?.1).map(str::to_owned)
}

fn charset(parameters: &str) -> Option<&str> {
    parameter(parameters, "charset")
}

/// The value of `name` among the parameters of a header.
fn parameter<'p>(parameters: &'p str, name: &str) -> Option<&'p str> {
    parameters.split(';').find_map(|parameter| {
        let (known, value) = parameter.split_once('=')?;
        let is_match = known.trim().eq_ignore_ascii_case(name);
        is_match.then(|| value.trim().trim_matches('"'))
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

fn compressed() -> Problem {
    let detail = "Send the body as it is, without a Content-Encoding.";
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_encoding",
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
        format!("This cannot be read as a lead: {error}."),
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
        read(&headers, body, None)
            .await
            .map_err(|problem| (problem.status().as_u16(), problem.code()))
    }

    #[tokio::test]
    async fn every_body_type_is_parsed_into_its_fields() {
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
    async fn declared_charset_is_decoded_and_an_undeclared_or_unknown_one_refused() {
        let latin = b"first_name=Andr%E9";
        let urlencoded = "application/x-www-form-urlencoded";

        let by_content_type = fields(
            "application/x-www-form-urlencoded; charset=ISO-8859-1",
            latin,
        )
        .await
        .unwrap();
        let by_field = fields(urlencoded, b"first_name=Andr%E9&encoding=ISO-8859-1")
            .await
            .unwrap();

        assert_eq!(by_content_type.get("first_name"), Some("André"));
        assert_eq!(by_field.get("first_name"), Some("André"));
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
    async fn multipart_body_is_decoded_in_the_charset_of_its_page_or_part() {
        let body_with = |type_line: &str, more: &str| {
            let part = "Content-Disposition: form-data; name=";
            let head = format!("--x\r\n{part}\"first_name\"{type_line}\r\n\r\nAndr");
            let tail = format!("\r\n{more}--x--\r\n");
            [head.as_bytes(), b"\xe9", tail.as_bytes()].concat()
        };
        let kind = "multipart/form-data; boundary=x";
        let page_charset =
            "--x\r\nContent-Disposition: form-data; name=\"_charset_\"\r\n\r\nwindows-1252\r\n";
        let part_charset = "\r\nContent-Type: text/plain; charset=ISO-8859-1";

        for body in [body_with("", page_charset), body_with(part_charset, "")] {
            let fields = fields(kind, &body).await.unwrap();
            assert_eq!(fields.get("first_name"), Some("André"));
        }
        assert_eq!(
            fields(kind, &body_with("", "")).await,
            Err((400, "malformed_charset"))
        );
    }

    #[tokio::test]
    async fn field_and_file_names_may_be_in_the_charset_of_the_page() {
        let part = |head: &[u8], content: &[u8]| {
            let start = &b"--x\r\nContent-Disposition: form-data; name=\""[..];
            [start, head, b"\"\r\n\r\n", content, b"\r\n"].concat()
        };
        let body = [
            part(b"_charset_", b"windows-1252"),
            part(b"pr\xe9nom", b"Andr\xe9"),
            part(b"cv\"; filename=\"f\xfcr Sie.pdf", b"%PDF \x81"),
            b"--x--\r\n".to_vec(),
        ];

        let fields = fields("multipart/form-data; boundary=x", &body.concat()).await;

        let fields = fields.unwrap();
        assert_eq!(fields.get("pr\u{e9}nom"), Some("Andr\u{e9}"));
        assert_eq!(fields.get("cv"), None);
    }

    #[tokio::test]
    async fn body_with_only_technical_fields_is_empty() {
        let urlencoded = "application/x-www-form-urlencoded";
        let empty = Err((400, "empty_body"));

        assert_eq!(
            fields(
                urlencoded,
                b"oid=1&retURL=a&form_time=2&_charset_=utf-8&submit=Send"
            )
            .await,
            empty
        );
        assert_eq!(
            fields("application/json", b"{\"form_time\":\"1.a\"}").await,
            empty
        );
        assert!(fields(urlencoded, b"oid=1&email=").await.is_ok());
    }

    #[tokio::test]
    async fn compressed_body_is_refused_as_such_and_not_as_malformed() {
        let read_with = async |coding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
            headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
            let fields = read(&headers, b"{\"email\":\"a\"}", None).await;
            fields.map_err(|problem| problem.code()).map(|_| ())
        };

        assert_eq!(read_with("gzip").await, Err("unsupported_content_encoding"));
        assert_eq!(read_with("identity").await, Ok(()));
    }

    #[tokio::test]
    async fn each_kind_of_unreadable_body_gets_its_own_error_code() {
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
