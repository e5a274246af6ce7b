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

    /// Whether this is a 3.x, whose tools have other class names and options.
    pub(super) fn is_3(&self) -> bool {
        self.version.starts_with("3.")
    }

    /// The command line that runs `class` with these jars.
    pub(super) fn java(&self, flags: &[OsString], class: &str) -> Vec<OsString> {
        let mut argv = vec!["java".into()];
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
        let kafka = ["kafka_2.13", "kafka-tools", "kafka-clients"]
            .map(|artifact| dependency("org.apache.kafka", artifact, &self.version));
        // Kafka 3 brings its own SLF4J binding, Kafka 4 none.
        let log4j = if self.is_3() {
            String::new()
        } else {
            dependency("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4")
        };
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
             <modelVersion>4.0.0</modelVersion>\n\
             <groupId>ottla</groupId><artifactId>kafka</artifactId><version>1</version>\n\
             <packaging>pom</packaging>\n\
             <dependencies>\n{}{log4j}</dependencies>\n</project>\n",
            kafka.concat()
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
