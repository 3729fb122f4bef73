//! Imports that are held.

use super::trouble::{busy, run_in_vain};
use super::{backlog, run_next};
use crate::app::scene::ACCOUNT;
use crate::ports::Clock as _;

#[tokio::test]
async fn leads_of_an_import_are_not_read_while_there_is_no_moment_for_its_call() {
    let mut steps = Vec::new();
    for count in [1_000, 7_000] {
        let (scene, _) = backlog(count).await;
        run_in_vain(&scene, 1).await;
        let before = scene.memory.faults.steps();
        run_in_vain(&scene, 1).await;
        steps.push(scene.memory.faults.steps() - before);
        busy(&scene, scene.memory.clock.now());
        run_next(&scene).await;
        assert_eq!(scene.memory.crm.imports(ACCOUNT), [count]);
    }

    assert_eq!(steps[0], steps[1]);
}
