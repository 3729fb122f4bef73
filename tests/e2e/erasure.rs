use reqwest::Method;
use serde_json::json;

use crate::queue::{self, drain_is};
use crate::scene::{Scene, alone, the_stack};

#[tokio::test]
async fn an_erased_person_is_gone_from_the_dead_letters_and_nobody_else_is() {
    let _alone = alone().await;
    let scene = Scene::of("erased-dead").await;
    let dead = the_stack()
        .deployment()
        .output("LeadDeadLettersUrl")
        .unwrap();
    drain_is(false).await.unwrap();
    for email in ["erased-dead@example.com", "kept-dead@example.com"] {
        scene.submit(email).await;
        let letter = queue::take().await.unwrap().unwrap();
        queue::send_to(dead, &letter, &scene.customer)
            .await
            .unwrap();
    }

    let path = format!("/v1/customers/{}/erasures", scene.customer);
    let person = json!({"email": "Erased-Dead@example.com"});
    let erased = scene
        .operator
        .done(Method::POST, &path, Some(&person))
        .await;

    drain_is(true).await.unwrap();
    let left = queue::count(dead).await.unwrap();
    queue::purge(dead).await.unwrap();
    assert_eq!(erased.unwrap(), json!({"erased": 1}));
    assert_eq!(left, 1);
}
