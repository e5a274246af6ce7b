//! What firmware supplies to the core.

use core::cell::RefCell;
use core::marker::PhantomData;

use ottla_core::sync::Platform;
use ottla_core::time::Clock;

/// The platform of firmware: the producer and its driver live in one thread, an executor's or a
/// super-loop's. `C` is the board's clock.
///
/// Handles can't go to interrupts: `RefCell` makes them `!Sync`. Let an interrupt hand over what it
/// measured, and send it from the thread.
#[derive(Clone, Copy, Debug)]
pub struct SingleThread<C>(PhantomData<C>);

impl<C: Clock + 'static> Platform for SingleThread<C> {
    type Lock<T> = RefCell<T>;
    type Clock = C;
}
