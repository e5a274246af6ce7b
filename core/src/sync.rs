//! What a target supplies so that the producer can be shared: a lock, a clock, and how to count
//! references.

use core::cell::RefCell;

use crate::time::Clock;

/// The reference count of everything shared; this target has no compare-and-swap.
#[cfg(not(target_has_atomic = "ptr"))]
pub use alloc::rc::Rc as Arc;
/// The reference count of everything shared. Targets without compare-and-swap (thumbv6m,
/// riscv32imc) have one thread and no `alloc::sync`, so they count without atomics.
#[cfg(target_has_atomic = "ptr")]
pub use alloc::sync::Arc;

/// Whether several threads may share a producer.
pub(crate) const THREADS: bool = cfg!(feature = "std");

/// Mutual exclusion shaped as a closure, so that no guard can be held over an await or across I/O.
pub trait Lock<T> {
    /// Wraps `value`.
    fn new(value: T) -> Self;
    /// Runs `f` with exclusive access. Never nest two calls on one lock.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;
}

/// The lock of single-threaded targets: wasm, firmware with one executor, the simulator.
impl<T> Lock<T> for RefCell<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.borrow_mut())
    }
}

/// What a target supplies: how to exclude, how to tell time. The one type parameter of the
/// producer.
pub trait Platform: Sized + 'static {
    /// A mutex where threads share the producer, a [`RefCell`] where there is one thread.
    type Lock<T>: Lock<T>;
    /// The target's clock.
    type Clock: Clock;

    /// Lets other threads run first that are ready to, where there are threads.
    fn give_way() {}
}

/// Bounds of user-supplied objects (partitioner, interceptor) that threads may share.
#[cfg(target_has_atomic = "ptr")]
pub trait Shareable: Send + Sync {}
#[cfg(target_has_atomic = "ptr")]
impl<T: Send + Sync + ?Sized> Shareable for T {}
/// Bounds of user-supplied objects (partitioner, interceptor); this target has one thread.
#[cfg(not(target_has_atomic = "ptr"))]
pub trait Shareable {}
#[cfg(not(target_has_atomic = "ptr"))]
impl<T: ?Sized> Shareable for T {}
