package import NIOCore

extension Channel {
    /// Whether there is nobody to wait for on a connection of `RequestChannel`: its client has said that it will send no
    /// more, or the server is shutting down.
    ///
    /// - Precondition: On the channel's event loop.
    package var isEnding: Bool {
        let handler = try? pipeline.syncOperations.handler(type: ConnectionHandler.self)
        return handler.map { $0.state.isInputClosed || $0.state.isQuiescing } ?? true
    }
}
