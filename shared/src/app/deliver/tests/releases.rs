//! Which leads are released when, and that none is blocked by others.

use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::fakes::Call;
use crate::ports::{Clock as _, Connections as _, Forms as _, Lanes as _};

#[tokio::test]
async fn a_thousand_marked_lanes_without_leads_do_not_block_a_release() {
    let scene = Scene::connected().await;
    let (clock, ledger) = (&scene.memory.clock, &scene.memory.ledger);
    for n in 0..1_000 {
        let other = format!("other-{n}").parse().unwrap();
        ledger.mark_lane(&other, clock.now()).await.unwrap();
    }
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.memory.crm.fail_next(CrmError::Unavailable);
    scene.drain().await;
    clock.advance(SignedDuration::from_mins(1));

    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    assert!(
        ledger
            .due_lanes(clock.now(), None, 2_000)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn leads_waiting_for_a_list_are_all_released_once_their_form_gets_one() {
    let mut scene = Scene::connected().await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);
    let directory = scene.memory.directory.clone();
    directory
        .mark_list_gone(&scene.customer, &scene.list)
        .await
        .unwrap();
    let mut leads = Vec::new();
    for n in 0..12 {
        let email = format!("{n}@example.com");
        leads.push(scene.submit(&[("email", &email)]).await.lead);
        scene.drain().await;
    }
    assert_eq!(scene.memory.crm.count(Call::SignUp), 0);

    scene.form.lists = vec![scene.memory.crm.add_list(ACCOUNT, "Events")];
    directory.put_form(&scene.form).await.unwrap();
    scene.mark_lane().await;
    assert_eq!(scene.memory.release().await.unwrap().waited, 12);
    scene.drain().await;
    scene.drain().await;

    for lead in &leads {
        assert_eq!(scene.state(lead).await.as_str(), "delivered");
    }
}
