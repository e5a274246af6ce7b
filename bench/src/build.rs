//! Builds all programs, from their registries, once: Cargo, Go and npm know what is there already.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ottla_tests::kafka::{Jars, NEWEST};

use crate::client::{Client, Program};
use crate::{Outcome, home, kept, root, say};

/// The Node that runs the JavaScript clients, and those.
const NPM: [&str; 3] = ["node@24.21.0", "kafkajs@2.2.4", "@platformatic/kafka@2.12.1"];

/// The command lines of the clients that could be built.
#[derive(Debug)]
pub(crate) struct Programs(Vec<(Client, Vec<String>)>);

impl Programs {
    /// The clients.
    pub(crate) fn clients(&self) -> impl Iterator<Item = Client> + '_ {
        self.0.iter().map(|(client, _)| *client)
    }

    /// How one is started.
    pub(crate) fn command(&self, client: Client) -> &[String] {
        let found = self.0.iter().find(|(other, _)| *other == client);
        found.map_or(&[], |(_, command)| command)
    }
}

/// The sink's program.
pub(crate) fn sink() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(target).join("release/ottla-bench-sink")
}

/// Builds what these clients need. One that can't be built is named and left out.
pub(crate) fn all(clients: &[Client]) -> Outcome<Programs> {
    fs::create_dir_all(kept()).map_err(|e| format!("cannot create {:?}: {e}", kept()))?;
    say("building the sink");
    run(cargo(root()).args(["build", "--release", "--locked", "-p", "ottla-bench-sink"]))?;
    build_rust(clients);
    let mut programs: Vec<(Client, Vec<String>)> = Vec::new();
    let mut built: Vec<(Program, Outcome<Vec<String>>)> = Vec::new();
    for &client in clients {
        // In Node one set of packages serves all.
        let same = |program: &Program| match (program, client.program) {
            (Program::Node(_), Program::Node(_)) => true,
            (one, other) => *one == other,
        };
        if !built.iter().any(|(program, _)| same(program)) {
            built.push((client.program, build(client.program)));
        }
        match built.iter().find(|(program, _)| same(program)) {
            Some((_, Ok(command))) => programs.push((client, with_words(client, command))),
            Some((_, Err(reason))) => say(&format!("without {client}: {reason}")),
            None => {}
        }
    }
    Ok(Programs(programs))
}

fn with_words(client: Client, command: &[String]) -> Vec<String> {
    let mut command = command.to_vec();
    if let Program::Node(module) = client.program {
        command.push(format!("client={module}"));
    }
    command.push(format!("way={}", client.way));
    command
}

fn build(program: Program) -> Outcome<Vec<String>> {
    match program {
        Program::Rust(package) => rust(package),
        Program::Go => go(),
        Program::Java => java(),
        Program::Node(_) => node(),
    }
}

/// All Rust clients in one go, so that what they share is compiled once. One that can't be built
/// does not stop the others.
fn build_rust(clients: &[Client]) {
    if clients.iter().any(|client| matches!(client.program, Program::Rust(_))) {
        say("building the Rust clients");
        let mut build = cargo(&home().join("clients"));
        // Not `--locked`: what ottla depends on changes without this lock file. The peers are
        // pinned.
        build.args(["build", "--release", "--workspace", "--keep-going"]);
        if let Err(reason) = run(build.env("CARGO_TARGET_DIR", kept())) {
            say(&format!("not all of them are new: {reason}"));
        }
    }
}

fn rust(package: &str) -> Outcome<Vec<String>> {
    let program = kept().join("release").join(package);
    if program.exists() { Ok(vec![text(&program)]) } else { Err("it could not be built".into()) }
}

fn go() -> Outcome<Vec<String>> {
    say("building franz-go");
    let program = text(&kept().join("franz-go"));
    let mut build = Command::new("go");
    build.args(["build", "-o", &program, "."]).current_dir(home().join("clients/franz-go"));
    run(&mut build)?;
    Ok(vec![program])
}

fn java() -> Outcome<Vec<String>> {
    say("building the Java producer's program");
    let jars = Jars::fetch(NEWEST).class_path();
    let classes = text(&kept().join("java"));
    let source = text(&home().join("clients/java/Bench.java"));
    run(Command::new("javac").args(["-d", &classes, "-cp", &jars, &source]))?;
    let class_path = format!("{classes}:{jars}");
    let log = "-Dlog4j2.level=WARN";
    Ok(["java", "-Xmx512m", log, "-cp", &class_path, "Bench"].map(Into::into).into())
}

fn node() -> Outcome<Vec<String>> {
    say("building the programs for Node");
    let folder = kept().join("node");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot create {folder:?}: {e}"))?;
    let installed = folder.join(".installed");
    if fs::read_to_string(&installed).ok().as_deref() != Some(NPM.join(" ").as_str()) {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]);
        run(npm.arg("--prefix").arg(&folder).args(NPM))?;
        fs::write(&installed, NPM.join(" ")).map_err(|e| e.to_string())?;
    }
    run(cargo(root()).args(["xtask", "web"]))?;
    let package = folder.join("node_modules/ottla");
    let _ = fs::remove_dir_all(&package);
    copy(&root().join("web/dist"), &package.join("dist"))?;
    copy_file(&root().join("web/package.json"), &package.join("package.json"))?;
    copy(&home().join("clients/node"), &folder)?;
    let node = folder.join("node_modules/.bin/node");
    Ok(vec![text(&node), text(&folder.join("main.mjs"))])
}

/// The files of one folder into another.
fn copy(from: &Path, to: &Path) -> Outcome {
    let failed = |e: std::io::Error| format!("cannot copy {}: {e}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() {
            copy_file(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Outcome {
    let copied = fs::copy(from, to);
    copied.map(drop).map_err(|e| format!("cannot copy {}: {e}", from.display()))
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

fn run(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    // Standard output is for results.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.map_err(|e| format!("cannot run {name} ({e}): install it"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})")) }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
