import CLibPQ

/// A request to the server to cancel a session's running statement.
///
/// `@unchecked Sendable`: libpq only reads a `PGcancel` once it is created, and allows any thread to do so.
final class CancelRequest: @unchecked Sendable {
    private let request: OpaquePointer

    /// Call it on the session's thread; nil if memory is short.
    init?(for session: OpaquePointer) {
        guard let request = PQgetCancel(session) else { return nil }
        self.request = request
    }

    deinit {
        PQfreeCancel(request)
    }

    /// Sends the request over a separate connection, and blocks until the server has handled it.
    ///
    /// Only the statement's own result shows whether the request had an effect.
    func send() {
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(request, &message, Int32(message.count))
    }
}
