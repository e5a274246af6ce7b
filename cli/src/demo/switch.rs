//! A development broker that can be stopped and started again, with what it has stored.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs, io, process};

use ottla_sim::dev::{DevBroker, DevBrokerOptions};

/// See the [module](self). Dropping it stops the broker.
#[derive(Debug)]
pub(crate) struct Switch {
    options: DevBrokerOptions,
    /// Where it is reached; the same after each start.
    addresses: String,
    broker: Mutex<Option<DevBroker>>,
    /// Made for this run alone.
    scratch: Option<PathBuf>,
}

impl Switch {
    /// Starts the broker for the first time. Without a folder for its logs it gets one for as long
    /// as this lives: what is in memory would not survive a stop.
    pub(crate) fn start(mut options: DevBrokerOptions) -> io::Result<Self> {
        let mut scratch = None;
        if options.data.is_none() && !options.sink {
            let folder = env::temp_dir().join(format!("ottla-dev-{}", process::id()));
            fs::create_dir_all(&folder)?;
            options.data = Some(folder.clone());
            scratch = Some(folder);
        }
        let broker = DevBroker::start(options.clone())?;
        options.port = broker.address().port();
        let addresses: Vec<_> = broker.addresses().iter().map(ToString::to_string).collect();
        let addresses = addresses.join(",");
        Ok(Self { options, addresses, broker: Mutex::new(Some(broker)), scratch })
    }

    /// `HOST:PORT` of each node, with commas between.
    pub(crate) fn addresses(&self) -> &str {
        &self.addresses
    }

    pub(crate) fn is_on(&self) -> bool {
        self.broker().is_some()
    }

    /// Stops or starts the broker, if it isn't so already.
    pub(crate) fn set(&self, on: bool) -> io::Result<()> {
        let mut broker = self.broker();
        if !on {
            *broker = None;
        } else if broker.is_none() {
            *broker = Some(DevBroker::start(self.options.clone())?);
        }
        Ok(())
    }

    fn broker(&self) -> MutexGuard<'_, Option<DevBroker>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        *self.broker() = None;
        if let Some(folder) = &self.scratch {
            // It is the system's to clean up otherwise.
            let _ = fs::remove_dir_all(folder);
        }
    }
}
