//! The jars of one Kafka version, fetched from Maven into a cache.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use crate::cache;
use crate::progress::say;

/// What to do when Java or Maven is missing.
const INSTALL: &str = "install Java 17 or newer and Maven (Debian: apt-get install \
                       default-jdk-headless maven; macOS: brew install openjdk maven)";

/// The jars of one Kafka version.
#[derive(Debug, Clone)]
pub struct Jars {
    version: String,
    dir: PathBuf,
}

impl Jars {
    /// Finds the jars of `version`, such as `4.3.1`, in the user's cache or lets Maven fetch them.
    ///
    /// Safe to call from several processes at once, and after a download that was cut off.
    ///
    /// # Panics
    /// If Java or Maven is not installed or Maven fails.
    #[must_use]
    pub fn fetch(version: &str) -> Self {
        let cache = cache::dir();
        let dir = cache.join(format!("kafka-{version}"));
        let jars = Self { version: version.into(), dir };
        // One Maven at a time: its own repository is not safe for more.
        let lock = File::create(cache.join("maven.lock")).expect("cannot create the cache's lock");
        lock.lock().expect("cannot lock the cache");
        if !jars.dir.is_dir() {
            jars.download(&cache);
        }
        jars
    }

    /// The version as given to [`Jars::fetch`].
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What Java takes after `-cp`.
    #[must_use]
    pub fn class_path(&self) -> String {
        self.dir.join("*").to_string_lossy().into_owned()
    }

    /// Whether this is older than 4.0, with other names of tools and options, and Log4j 1.
    pub(super) fn is_before_4(&self) -> bool {
        ["2.", "3."].iter().any(|major| self.version.starts_with(major))
    }

    /// Whether this is a 2.x, which has no controller but ZooKeeper.
    pub(super) fn is_2(&self) -> bool {
        self.version.starts_with("2.")
    }

    /// The command line that runs `class` with these jars. What it unpacks goes into `scratch`:
    /// a Java that is killed leaves it there.
    pub(super) fn java(&self, scratch: &Path, flags: &[OsString], class: &str) -> Vec<OsString> {
        let mut temporary = OsString::from("-Djava.io.tmpdir=");
        temporary.push(scratch);
        let mut argv = vec!["java".into(), temporary];
        argv.extend_from_slice(flags);
        argv.extend(["-cp".into(), self.class_path().into(), class.into()]);
        argv
    }

    fn download(&self, cache: &Path) {
        say(&format!("fetching Kafka {} from Maven (about 60 MB)", self.version));
        let partial = cache.join(format!("kafka-{}.partial-{}", self.version, process::id()));
        create_dir(&partial);
        let pom = partial.join("pom.xml");
        fs::write(&pom, self.pom()).expect("cannot write the pom");
        let output = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "dependency:copy-dependencies"])
            .arg("-DoutputDirectory=libs")
            .current_dir(&partial)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|e| panic!("cannot run mvn ({e}): {INSTALL}"));
        let log = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "mvn failed for Kafka {}:\n{log}", self.version);
        fs::rename(partial.join("libs"), &self.dir).expect("cannot move the jars in place");
        let _ = fs::remove_dir_all(&partial);
    }

    fn pom(&self) -> String {
        let artifacts: &[&str] = if self.is_2() {
            &["kafka_2.12", "kafka-clients"]
        } else {
            &["kafka_2.13", "kafka-tools", "kafka-clients"]
        };
        let mut needed: String = artifacts
            .iter()
            .map(|artifact| dependency("org.apache.kafka", artifact, &self.version))
            .collect();
        if self.is_2() {
            // The ZooKeeper client that 2.1 came with can't read addresses on Java 14 and newer
            // (ZOOKEEPER-3779). The binding's Log4j is the one that is still cared for.
            needed += &dependency("org.apache.zookeeper", "zookeeper", "3.5.10");
            needed += &dependency("org.slf4j", "slf4j-log4j12", "1.7.36");
        } else if !self.is_before_4() {
            // Kafka 3 brings its own SLF4J binding, Kafka 4 none.
            needed += &dependency("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4");
        }
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
             <modelVersion>4.0.0</modelVersion>\n\
             <groupId>ottla</groupId><artifactId>kafka</artifactId><version>1</version>\n\
             <packaging>pom</packaging>\n\
             <dependencies>\n{needed}</dependencies>\n</project>\n"
        )
    }
}

fn dependency(group: &str, artifact: &str, version: &str) -> String {
    format!(
        "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
         <version>{version}</version></dependency>\n"
    )
}

fn create_dir(path: &Path) {
    fs::create_dir_all(path).unwrap_or_else(|e| panic!("cannot create {}: {e}", path.display()));
}
