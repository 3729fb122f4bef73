//! Creates the template's tables without a deployment.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::checkout::Checkout;

/// Creates both under these names.
pub async fn create_tables(aws: &Aws, directory: &str, ledger: &str) -> Result<()> {
    let template = Checkout::locate()?.path("template.yaml");
    let options = serde_saphyr::options! { strict_booleans: true }; // the type N is not a "no"
    let template = fs::read_to_string(template)?;
    let template: Value = serde_saphyr::from_str_with_options(&template, options)?;
    for (resource, name) in [("Directory", directory), ("Ledger", ledger)] {
        let table = &template["Resources"][resource]["Properties"];
        let mut body = json!({ "TableName": name });
        for property in [
            "BillingMode",
            "AttributeDefinitions",
            "KeySchema",
            "GlobalSecondaryIndexes",
        ] {
            body[property] = table[property].clone();
        }
        aws.json("dynamodb", "DynamoDB_20120810.CreateTable", &body)
            .await?;
    }
    Ok(())
}
