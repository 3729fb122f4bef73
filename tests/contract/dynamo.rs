//! What the tables contain, beyond what the ports show.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use leadfeed_shared::adapters::{DynamoDirectory, DynamoLedger};
use leadfeed_shared::domain::budget::{CallClass, Limits, Meter, Pause, Reservation};
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, WaitReason};
use leadfeed_shared::ports::{Budget, Claims, Connections, Exits, LeadFilter, Ledger, Requeue};
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::fresh;
use crate::promise::eventually;
use crate::promises::claims::{delivered, record, settled, waiting};
use crate::samples::{at, connection, far_future, lead};

type Item = HashMap<String, AttributeValue>;

/// The two tables.
#[derive(Clone)]
pub struct Tables {
    pub client: Client,
    pub directory: String,
    pub ledger: String,
}

impl Tables {
    /// A directory as in another process, without any cache.
    pub fn directory(&self) -> DynamoDirectory {
        DynamoDirectory::new(self.client.clone(), self.directory.clone())
    }

    pub fn ledger(&self) -> DynamoLedger {
        DynamoLedger::new(self.client.clone(), self.ledger.clone())
    }

    pub fn trials(&self, runtime: &Handle) -> Vec<Trial> {
        vec![
            self.trial(
                runtime,
                "delivered_lead_leaves_the_due_index_while_a_waiting_lead_stays",
                delivered_lead_leaves_the_due_index_while_a_waiting_lead_stays,
            ),
            self.trial(
                runtime,
                "quarantined_lead_expires_unless_it_is_released",
                quarantined_lead_expires_unless_it_is_released,
            ),
            self.trial(
                runtime,
                "exported_or_erased_lead_expires_at_the_given_time",
                exported_or_erased_lead_expires_at_the_given_time,
            ),
            self.trial(
                runtime,
                "claim_and_settle_preserve_attributes_of_a_later_version",
                claim_and_settle_preserve_attributes_of_a_later_version,
            ),
            self.trial(
                runtime,
                "unreadable_lead_row_is_skipped_and_other_leads_are_still_read",
                unreadable_lead_row_is_skipped_and_other_leads_are_still_read,
            ),
            self.trial(
                runtime,
                "unreadable_connection_does_not_affect_other_connections",
                unreadable_connection_does_not_affect_other_connections,
            ),
            self.trial(
                runtime,
                "all_lost_connections_are_found_even_with_very_large_rows",
                all_lost_connections_are_found_even_with_very_large_rows,
            ),
            self.trial(
                runtime,
                "all_idle_connections_are_found_even_with_very_large_rows",
                all_idle_connections_are_found_even_with_very_large_rows,
            ),
            self.trial(
                runtime,
                "new_budget_starts_unspent_and_a_lost_one_counts_as_evenly_used",
                new_budget_starts_unspent_and_a_lost_one_counts_as_evenly_used,
            ),
            self.trial(
                runtime,
                "processes_with_their_own_caches_share_one_budget",
                processes_with_their_own_caches_share_one_budget,
            ),
        ]
    }

    fn trial<F>(&self, runtime: &Handle, name: &str, check: fn(Self) -> F) -> Trial
    where
        F: Future<Output = ()> + 'static,
    {
        let (runtime, tables) = (runtime.clone(), self.clone());
        Trial::test(format!("aws::tables::{name}"), move || {
            runtime.block_on(check(tables));
            Ok(())
        })
    }

    async fn item(&self, table: &str, pk: String, sk: &str) -> Item {
        let request = self
            .client
            .get_item()
            .table_name(table)
            .consistent_read(true);
        let answer = request.set_key(Some(key(pk, sk))).send().await.unwrap();
        answer.item.unwrap()
    }
}

fn key(pk: String, sk: &str) -> Item {
    Item::from([
        ("pk".into(), AttributeValue::S(pk)),
        ("sk".into(), AttributeValue::S(sk.into())),
    ])
}

async fn delivered_lead_leaves_the_due_index_while_a_waiting_lead_stays(tables: Tables) {
    let (customer, ledger) = (fresh::customer(), tables.ledger());
    let for_person = waiting(WaitReason::Reconnect, None);
    for (settlement, indexed) in [(delivered(), false), (for_person, true)] {
        let lead = settled(&ledger, &customer, &settlement).await;

        let item = tables
            .item(
                &tables.ledger,
                format!("CUSTOMER#{customer}"),
                lead.id.as_str(),
            )
            .await;

        assert_eq!(item.contains_key("due_shard"), indexed);
        assert_eq!(item.contains_key("due_at"), indexed);
        assert_eq!(item.contains_key("expires_at"), !indexed);
    }
}

async fn quarantined_lead_expires_unless_it_is_released(tables: Tables) {
    let (customer, ledger) = (fresh::customer(), tables.ledger());
    let lead = lead(&customer, 5);
    let pk = format!("CUSTOMER#{customer}");
    let item = async || {
        tables
            .item(&tables.ledger, pk.clone(), lead.id.as_str())
            .await
    };
    let why = QuarantineReason::Honeypot;

    ledger.quarantine(&lead, why, far_future()).await.unwrap();
    let quarantined = item().await;
    let released = ledger.requeue(&customer, &lead.id, Requeue::Quarantined, at(10), at(70));
    assert!(released.await.unwrap());

    assert_eq!(quarantined["expires_at"].as_n().unwrap(), "9000000000");
    let shard = quarantined["due_shard"].as_s().unwrap();
    assert!(shard.starts_with("aside#"), "{shard}: not among due leads");
    assert!(!item().await.contains_key("expires_at"));
}

async fn exported_or_erased_lead_expires_at_the_given_time(tables: Tables) {
    let (customer, ledger) = (fresh::customer(), tables.ledger());
    let lead = record(&ledger, &customer, 0).await;
    let ends_at = async || {
        let pk = format!("CUSTOMER#{customer}");
        let item = tables.item(&tables.ledger, pk, lead.id.as_str()).await;
        item["expires_at"].as_n().unwrap().clone()
    };

    let export = ledger.export(&customer, &lead.id, at(20), at(80_000_000));
    assert!(export.await.unwrap());
    assert_eq!(ends_at().await, at(80_000_000).as_second().to_string());

    let blank = lead.without_person();
    let erase = ledger.erase(&blank, at(60), at(90_000_000));
    assert!(erase.await.unwrap());
    assert_eq!(ends_at().await, at(90_000_000).as_second().to_string());
}

async fn claim_and_settle_preserve_attributes_of_a_later_version(tables: Tables) {
    let (customer, ledger) = (fresh::customer(), tables.ledger());
    let lead = record(&ledger, &customer, 0).await;
    let pk = format!("CUSTOMER#{customer}");
    let later = tables
        .client
        .update_item()
        .table_name(&tables.ledger)
        .set_key(Some(key(pk.clone(), lead.id.as_str())))
        .update_expression("SET invented = :later, #lead.invented = :later")
        .expression_attribute_names("#lead", "lead")
        .expression_attribute_values(":later", AttributeValue::S("later".into()));
    later.send().await.unwrap();

    let taken = ledger
        .claim(&customer, &lead.id, "ada", at(100), at(1))
        .await;
    taken.unwrap();
    assert!(
        ledger
            .settle(&customer, &lead.id, "ada", &delivered())
            .await
            .unwrap()
    );

    let item = tables.item(&tables.ledger, pk, lead.id.as_str()).await;
    assert_eq!(item["invented"].as_s().unwrap(), "later");
    assert_eq!(
        item["lead"].as_m().unwrap()["invented"].as_s().unwrap(),
        "later"
    );
    let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
    assert!(matches!(read.state, LeadState::Delivered { .. }));
}

/// As if written by a later version with a reason for waiting that this one does not know.
async fn unreadable_lead_row_is_skipped_and_other_leads_are_still_read(tables: Tables) {
    let (customer, ledger) = (fresh::customer(), tables.ledger());
    let unreadable = record(&ledger, &customer, 0).await;
    let good = record(&ledger, &customer, 1).await;
    let later = [("status", "waiting"), ("why", "invented")];
    let later = later.map(|(name, word)| (name.to_owned(), AttributeValue::S(word.to_owned())));
    let corrupt = tables
        .client
        .update_item()
        .table_name(&tables.ledger)
        .set_key(Some(key(
            format!("CUSTOMER#{customer}"),
            unreadable.id.as_str(),
        )))
        .update_expression("SET #state = :later")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":later", AttributeValue::M(later.into()));
    corrupt.send().await.unwrap();

    let all = LeadFilter::default();
    let listed = ledger.leads(&customer, &all, None, 9).await.unwrap().items;
    let both = [unreadable.id.clone(), good.id.clone()];
    let read = ledger.records(&customer, &both).await.unwrap();

    for found in [listed, read] {
        let found: Vec<_> = found.iter().map(|record| &record.lead.id).collect();
        assert_eq!(found, [&good.id]);
    }
    assert!(ledger.lead(&customer, &unreadable.id).await.is_err());
}

async fn unreadable_connection_does_not_affect_other_connections(tables: Tables) {
    let directory = tables.directory();
    let [unreadable, good] = [(); 2].map(|()| connection(&fresh::customer()));
    for connection in [&unreadable, &good] {
        assert!(directory.put_connection(connection).await.unwrap());
    }
    let corrupt = tables
        .client
        .update_item()
        .table_name(&tables.directory)
        .set_key(Some(key(
            format!("CUSTOMER#{}", unreadable.customer),
            "CONNECTION",
        )))
        .update_expression("SET generation = :nothing")
        .expression_attribute_values(":nothing", AttributeValue::S("nothing".into()));
    corrupt.send().await.unwrap();

    let customers = [&unreadable, &good].map(|connection| connection.customer.clone());
    let found = directory.connections_of(&customers.into()).await.unwrap();

    let expected = [
        (unreadable.customer.clone(), None),
        (good.customer.clone(), Some(good.clone())),
    ];
    assert_eq!(found, expected.into());
    let months_later = at(86_400 * 100);
    let idle = async || directory.idle(months_later, 1_000).await.unwrap();
    let idle = eventually(idle, |idle| idle.contains(&good.customer)).await;
    assert!(idle.contains(&good.customer) && !idle.contains(&unreadable.customer));
}

async fn all_lost_connections_are_found_even_with_very_large_rows(tables: Tables) {
    let directory = tables.directory();
    let mut lost = BTreeSet::new();
    for _ in 0..5 {
        let mut connection = connection(&fresh::customer());
        connection.account.name = "x".repeat(300_000);
        let reason = LimitedReason::AppDeactivated;
        connection.status = ConnectionStatus::Limited { reason };
        assert!(directory.put_connection(&connection).await.unwrap());
        lost.insert(connection.customer);
    }

    let found = async || {
        let found = directory.lost(1_000).await.unwrap().into_iter();
        found.map(|(customer, _)| customer).collect::<BTreeSet<_>>()
    };
    let found = eventually(found, |found| found.is_superset(&lost)).await;

    assert!(found.is_superset(&lost), "{found:?}");
    assert_eq!(directory.lost(3).await.unwrap().len(), 3);
}

async fn all_idle_connections_are_found_even_with_very_large_rows(tables: Tables) {
    let (directory, day) = (tables.directory(), 86_400);
    let mut idle = BTreeSet::new();
    for _ in 0..5 {
        let mut connection = connection(&fresh::customer());
        connection.account.name = "x".repeat(300_000);
        connection.token_expires_at = at(30 * day);
        assert!(directory.put_connection(&connection).await.unwrap());
        idle.insert(connection.customer);
    }

    let found = async || {
        let found = directory.idle(at(90 * day), 1_000).await.unwrap();
        BTreeSet::from_iter(found)
    };
    let found = eventually(found, |found| found.is_superset(&idle)).await;

    assert!(found.is_superset(&idle), "{found:?}");
    assert_eq!(directory.idle(at(90 * day), 3).await.unwrap().len(), 3);
}

async fn reserve(directory: &DynamoDirectory, app: &AppId, now: Timestamp) -> Vec<Timestamp> {
    let class = CallClass::Delivery;
    let reserved = directory.reserve(
        Meter::Api(app, Limits::default()),
        class,
        2,
        now,
        at(86_400),
    );
    match reserved.await.unwrap() {
        Reservation::Granted(moments) => moments,
        Reservation::NotBefore { .. } => vec![],
    }
}

async fn new_budget_starts_unspent_and_a_lost_one_counts_as_evenly_used(tables: Tables) {
    let (app, noon) = (fresh::app(), at(43_200));
    let spent = async || tables.directory().state(&app).await.unwrap().unwrap().spent;

    assert_eq!(reserve(&tables.directory(), &app, noon).await.len(), 2);
    assert_eq!(spent().await, 2);

    let delete = tables.client.delete_item().table_name(&tables.directory);
    let delete = delete.set_key(Some(key(format!("APP#{app}"), "BUDGET")));
    delete.send().await.unwrap();
    assert_eq!(reserve(&tables.directory(), &app, noon).await.len(), 2);
    assert_eq!(spent().await, 5_002);
}

async fn processes_with_their_own_caches_share_one_budget(tables: Tables) {
    let (app, noon) = (fresh::app(), at(43_200));
    let processes = [tables.directory(), tables.directory(), tables.directory()];
    let mut moments = Vec::new();
    for _ in 0..4 {
        for process in &processes {
            moments.extend(reserve(process, &app, noon).await);
        }
    }

    assert_eq!(moments.len(), 24);
    moments.sort();
    moments.dedup();
    assert_eq!(moments.len(), 24);
    let closed = &processes[0];
    let meter = Meter::Api(&app, Limits::default());
    closed.pause(meter, noon, Pause::Day).await.unwrap();
    assert_eq!(reserve(&processes[1], &app, noon).await, []);
}
