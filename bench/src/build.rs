//! Builds what is measured as `sam build` does it.

use std::path::Path;

use anyhow::Result;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::build_for_lambda;

use crate::programs::{OURS, Program};

/// All of ours with the profile of a release, for this machine; the empty handlers where they are asked for.
pub async fn release(floors: bool, progress: &Progress) -> Result<Vec<Program>> {
    let functions = OURS.iter().filter(|ours| ours.name != ours.floor);
    let mut packages: Vec<_> = functions.map(|ours| ours.name).collect();
    if floors {
        packages.push("empty-handlers");
    }
    Ok(at(&build_for_lambda(progress, &packages).await?))
}

/// Those of ours that a folder holds, each in a folder of its own.
pub fn at(folder: &Path) -> Vec<Program> {
    let all = OURS.map(|ours| Program::ours(ours, folder)).into_iter();
    all.filter(|program| program.command[0].is_file()).collect()
}
