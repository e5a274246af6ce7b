//! `cargo xtask web`: builds the npm package into `web/dist`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Outcome;
use crate::command::{cargo, execute, exists, root, target_dir};
use crate::toolchain::{Toolchain, rust_lld};

const TARGET: &str = "wasm32-unknown-unknown";

/// Has `wasm-opt`, which makes the module smaller. The package is complete without it.
const BINARYEN: &str = "binaryen@132.0.0";

/// What browsers have had for years and Rust makes use of.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds it, and prints the sizes last.
pub(crate) fn run(build_std: bool) -> Outcome {
    let toolchain = Toolchain::find(TARGET, build_std)?;
    println!("{TARGET} with {toolchain}");
    let module = compile(&toolchain)?;
    let dist = root().join("web/dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).map_err(|e| format!("cannot empty {}: {e}", dist.display()))?;
    }
    execute(pack("bind").arg(module).arg(&dist))?;
    optimise(&dist.join("core_bg.wasm"))?;
    copy_scripts(&dist)?;
    execute(pack("finish").arg(&dist).arg(root().join("tests/budgets.toml")))
}

fn compile(toolchain: &Toolchain) -> Outcome<PathBuf> {
    let mut build = toolchain.cargo("rustc", TARGET);
    // As a `cdylib` alone: beside an `rlib` Cargo would not optimise across crates.
    build.args(["--locked", "--package", "ottla-web", "--profile", "web"]);
    build.args(["--crate-type", "cdylib"]);
    let dir = match toolchain {
        Toolchain::Installed => target_dir("web"),
        Toolchain::BuildStd(_) => {
            build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", rust_lld()?);
            target_dir("web-build-std")
        }
    };
    execute(build.env("CARGO_TARGET_DIR", &dir))?;
    Ok(dir.join(TARGET).join("web/ottla_web.wasm"))
}

fn pack(step: &str) -> Command {
    let package = ["run", "--quiet", "--locked", "--package", "ottla-web-pack", "--"];
    let mut command = cargo(&package);
    command.arg(step);
    command
}

/// In place, if npm can fetch what that needs.
fn optimise(module: &Path) -> Outcome {
    let tools = cache_dir()?.join(BINARYEN);
    let wasm_opt = tools.join("node_modules/binaryen/bin/wasm-opt");
    if !wasm_opt.exists() && !install(&tools) {
        println!("without wasm-opt, which npm would bring: the module is some 5 % larger");
        return Ok(());
    }
    let mut command = Command::new("node");
    command.arg(wasm_opt).arg("-Oz").args(WASM_FEATURES).arg(module).arg("-o").arg(module);
    execute(&mut command)
}

fn install(tools: &Path) -> bool {
    if !exists("npm") || fs::create_dir_all(tools).is_err() {
        return false;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(tools);
    npm.arg(BINARYEN).status().is_ok_and(|status| status.success())
}

/// Where the tests keep what they fetch.
fn cache_dir() -> Outcome<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.map(|base| base.join("ottla"))
        .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".into())
}

fn copy_scripts(dist: &Path) -> Outcome {
    let scripts = root().join("web/js");
    let failed = |e: std::io::Error| format!("cannot copy {}: {e}", scripts.display());
    for script in fs::read_dir(&scripts).map_err(failed)? {
        let script = script.map_err(failed)?;
        fs::copy(script.path(), dist.join(script.file_name())).map_err(failed)?;
    }
    Ok(())
}
