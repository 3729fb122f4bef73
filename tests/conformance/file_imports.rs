//! Imports of a CSV file.

use reqwest::Method;
use serde_json::json;

use crate::fact::facts;
use crate::imports::finish_activity;
use crate::reply::Reply;
use crate::site::{Api, Site, address};

facts! {
    Sandbox SWAGGER: csv_file_can_be_imported,
    Sandbox SWAGGER: an_imported_file_must_be_csv,
}

const IMPORT: &str = "/v3/activities/contacts_file_import";

async fn send_file(site: &Site, api: &Api<'_>, name: &str, content: String) -> Reply {
    let boundary = "a-boundary";
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"list_ids\"\r\n\r\n{}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: text/csv\r\n\r\n{content}\r\n--{boundary}--\r\n",
        api.list().await
    );
    let request = api.request(Method::POST, IMPORT);
    let kind = format!("multipart/form-data; boundary={boundary}");
    site.send(request.header("content-type", kind).body(body))
        .await
}

async fn csv_file_can_be_imported(site: Site) {
    let (api, address) = (site.owner().await, address());
    let file = format!("email,first_name,cf:Favourite_loaf\r\n{address},\"A, B\",rye\r\n");
    let activity = send_file(&site, &api, "leads.csv", file)
        .await
        .expect(201)
        .json();
    finish_activity(&site, &api, &activity).await;
    let contact = api.contact(&address).await;
    assert_eq!(contact["first_name"], "A, B");
    assert_eq!(contact["custom_fields"][0]["value"], "rye");
}

async fn an_imported_file_must_be_csv(site: Site) {
    let api = site.owner().await;
    send_file(&site, &api, "leads.xlsx", "email\r\n".into())
        .await
        .expect(415);
    let json = json!({ "list_ids": api.list().await });
    api.post(IMPORT, &json).await.expect(415);
}
