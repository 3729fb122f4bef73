//! Builds the measured programs as `sam build` does.

use std::path::Path;

use anyhow::Result;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::build_for_lambda;

use crate::programs::{OURS, Program};

/// Builds all of ours with the release profile, for this machine; the empty handlers only if requested.
pub async fn release(with_empty_handlers: bool, progress: &Progress) -> Result<Vec<Program>> {
    let functions = OURS.iter().filter(|ours| ours.name != ours.floor);
    let mut packages: Vec<_> = functions.map(|ours| ours.name).collect();
    if with_empty_handlers {
        packages.push("empty-handlers");
    }
    Ok(at(&build_for_lambda(progress, &packages).await?))
}

/// Those of our programs that a folder holds, each in its own subfolder.
pub fn at(folder: &Path) -> Vec<Program> {
    let all = OURS.map(|ours| Program::ours(ours, folder)).into_iter();
    all.filter(|program| program.command[0].is_file()).collect()
}
