//! What the tests share: the local stack, brought up once for all tests of a binary.

use std::sync::LazyLock;

use leadfeed_local::Stack;
use leadfeed_local::progress::Progress;
use tokio::runtime::Runtime;

/// A stack and the runtime that its servers live on, which outlives that of any one test.
static STACK: LazyLock<(Runtime, Stack)> = LazyLock::new(|| {
    // On a thread of its own: tests call from inside their runtimes, where another cannot be waited for.
    let started = std::thread::spawn(|| {
        let runtime = Runtime::new()?;
        let stack = runtime.block_on(Stack::start(&Progress::new()))?;
        anyhow::Ok((runtime, stack))
    });
    let started = started
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    started.unwrap_or_else(|error| panic!("the local stack did not start: {error:#}"))
});

/// The stack of this test binary. It stops when the process ends, however that ends.
pub fn stack() -> &'static Stack {
    &STACK.1
}
