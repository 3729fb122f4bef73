use reqwest::Method;
use serde_json::json;

use crate::queue::{self, drain_is};
use crate::scene::{Scene, alone, finally, the_stack};

#[tokio::test]
async fn an_erased_person_is_gone_from_the_dead_letters_and_nobody_else_is() {
    let _alone = alone().await;
    let scene = Scene::of("erased-dead").await;
    let dead = the_stack()
        .deployment()
        .output("LeadDeadLettersUrl")
        .unwrap();
    let path = format!("/v1/customers/{}/erasures", scene.customer);
    let person = json!({"email": "Erased-Dead@example.com"});
    let dies_and_is_erased = async {
        for email in ["erased-dead@example.com", "kept-dead@example.com"] {
            scene.submit(email).await;
            let letter = queue::next().await.unwrap();
            let sent = queue::send_to(dead, &letter, &scene.customer);
            sent.await.unwrap();
        }
        let erased = scene.operator.done(Method::POST, &path, Some(&person));
        let erased = erased.await.unwrap();
        (erased, queue::count(dead).await.unwrap())
    };
    let as_before = async {
        drain_is(true).await?;
        queue::purge(dead).await
    };

    drain_is(false).await.unwrap();
    let (erased, left) = finally(dies_and_is_erased, as_before).await;

    assert_eq!(erased, json!({"erased": 1}));
    assert_eq!(left, 1);
}
