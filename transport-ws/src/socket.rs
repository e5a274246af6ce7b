//! The WebSocket that the program has.

/// Opens WebSockets to the bridge, one at a time, and sends messages. Nothing here may call back
/// into the transport.
pub trait Socket {
    /// Begins to open one with the subprotocol `ottla.v1`;
    /// [`opened`](crate::WsTransport::opened) or [`closed`](crate::WsTransport::closed) follows.
    fn open(&mut self);

    /// Sends a binary message.
    fn send(&mut self, message: &[u8]);

    /// Bytes that were sent and have not left yet (`bufferedAmount`).
    fn buffered(&self) -> usize;

    /// Closes it with a code that scripts may send. Nothing more of it is told.
    fn close(&mut self, code: u16);

    /// A fresh token is needed; [`set_token`](crate::WsTransport::set_token) follows.
    fn want_token(&mut self);
}
