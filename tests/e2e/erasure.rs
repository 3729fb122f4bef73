use reqwest::Method;
use serde_json::json;

use crate::queue::{self, set_drain_enabled};
use crate::scene::{Scene, exclusive, finally, the_stack};

#[tokio::test]
async fn erasure_removes_only_the_erased_person_from_the_dead_letters() {
    let _exclusive = exclusive().await;
    let scene = Scene::new("erased-dead").await;
    let dead = the_stack()
        .deployment()
        .output("LeadDeadLettersUrl")
        .unwrap();
    let path = format!("/v1/customers/{}/erasures", scene.customer);
    let person = json!({"email": "Erased-Dead@example.com"});
    let erase_dead_letter = async {
        for email in ["erased-dead@example.com", "kept-dead@example.com"] {
            scene.submit(email).await;
            let letter = queue::next().await.unwrap();
            let sent = queue::send_to(dead, &letter, &scene.customer);
            sent.await.unwrap();
        }
        let erased = scene.operator.call_ok(Method::POST, &path, Some(&person));
        let erased = erased.await.unwrap();
        let left = queue::count(dead).await.unwrap();
        (erased, left, queue::take_from(dead).await.unwrap())
    };
    let restore = async {
        set_drain_enabled(true).await?;
        queue::purge(dead).await
    };

    set_drain_enabled(false).await.unwrap();
    let (erased, left, letter) = finally(erase_dead_letter, restore).await;

    assert_eq!(erased, json!({"erased": 1}));
    assert_eq!(left, 1);
    assert!(letter.unwrap().contains("kept-dead@example.com"));
}
