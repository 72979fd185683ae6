import NIOCore

/// What stands at the front of a connection's pipeline for as long as its client reads live.
protocol LiveHandler: ChannelHandler, RemovableChannelHandler {
    /// The server is shutting down.
    func shutDown()
}
