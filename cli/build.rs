//! Takes the npm package into the command, for the page of `ottla dev --bridge`, if it was built.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
    let dist = web.join("dist");
    // What isn't there counts as changed.
    let watched = [dist.clone(), web].into_iter().find(|folder| folder.exists());
    let watched = watched.unwrap_or_else(|| "build.rs".into());
    println!("cargo::rerun-if-changed={}", watched.display());

    let files = if env::var_os("CARGO_FEATURE_BRIDGE").is_some() { files(&dist) } else { vec![] };
    let entry = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default();
        format!("    ({name:?}, include_bytes!({file:?})),\n")
    };
    let list: String = files.iter().map(entry).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("package.rs"), format!("&[\n{list}]\n"))
}

/// The scripts, and the module that they load in a page.
fn files(dist: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(dist).into_iter().flatten().flatten().map(|file| file.path());
    let is_wanted = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name == "core_bg.wasm" || (name.ends_with(".js") && name != "core_inline.js")
    };
    let mut files: Vec<_> = listed.filter(is_wanted).collect();
    files.sort();
    files
}
