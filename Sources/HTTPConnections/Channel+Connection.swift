package import NIOCore

extension Channel {
    /// Whether a connection of `RequestChannel` is about to end: the client has closed its side, or the server is
    /// shutting down.
    ///
    /// - Precondition: On the channel's event loop.
    package var isEnding: Bool {
        let handler = try? pipeline.syncOperations.handler(type: ConnectionHandler.self)
        return handler.map { $0.state.isInputClosed || $0.state.isQuiescing } ?? true
    }
}

extension Channel {
    /// The position in the pipeline of a handler that takes over a connection of `RequestChannel`: in front of all
    /// handlers but TLS.
    ///
    /// - Precondition: On the channel's event loop.
    package var front: ChannelPipeline.SynchronousOperations.Position {
        let handler = try? pipeline.syncOperations.handler(type: ConnectionHandler.self)
        return handler.map { .before($0) } ?? .first
    }
}
