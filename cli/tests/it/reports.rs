//! What is asked about many customers, days or leads at once.

use crate::deployment::Deployment;
use crate::doctor::connected;

async fn with_looms() -> Deployment {
    let deployment = Deployment::new().await;
    let put = ["customers", "put", "looms", "--name", "Looms"];
    assert!(deployment.leadfeed(&put).await.1);
    deployment
}

#[tokio::test]
async fn customers_are_listed_with_how_they_are_connected_and_picked_by_it() {
    let deployment = with_looms().await;
    connected(&deployment, |_| {}).await;
    let ids = async |filter: &[&str]| {
        let listed = deployment
            .json(&[&["customers", "list"], filter].concat())
            .await;
        let ids = listed.as_array().unwrap().iter();
        ids.map(|customer| customer["customer_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let (table, _) = deployment.leadfeed(&["customers", "list"]).await;

    let line = |id: &str| table.lines().find(|line| line.contains(id)).unwrap();
    assert!(line("engines").contains("active"), "{table}");
    assert!(line("looms").contains("not_connected"), "{table}");
    assert_eq!(ids(&[]).await, ["engines", "looms"]);
    assert_eq!(ids(&["--status", "active"]).await, ["engines"]);
    assert_eq!(ids(&["--blocked"]).await, ["looms"]);
    assert_eq!(ids(&["--status", "active", "--blocked"]).await, [""; 0]);
}

#[tokio::test]
async fn health_lists_every_lost_connection() {
    use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};
    let deployment = Deployment::new().await;
    let reason = LimitedReason::AppDeactivated;
    connected(&deployment, |row| {
        row.status = ConnectionStatus::Limited { reason }
    })
    .await;

    let (table, _) = deployment.leadfeed(&["health"]).await;
    let health = deployment.json(&["health"]).await;

    assert!(table.contains("app_deactivated"), "{table}");
    assert_eq!(health["lost_connections"][0]["customer_id"], "engines");
}
