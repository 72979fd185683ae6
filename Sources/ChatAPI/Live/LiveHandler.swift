import NIOCore

/// What stands at the front of a connection's pipeline for as long as its client reads live.
protocol LiveHandler: ChannelHandler, RemovableChannelHandler {
    /// The client has said that it will send no more.
    func inputClosed()

    /// The server is shutting down.
    func shutDown()
}
