//! Part of ottla.
