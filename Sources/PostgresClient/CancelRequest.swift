import CLibPQ

/// What a server must be told to cancel the statement that a session has under way.
///
/// `@unchecked Sendable`: libpq only reads a `PGcancel` after it was made, and lets any thread do so.
final class CancelRequest: @unchecked Sendable {
    private let request: OpaquePointer

    /// To be called where the session is used; nil where memory is short.
    init?(for session: OpaquePointer) {
        guard let request = PQgetCancel(session) else { return nil }
        self.request = request
    }

    deinit {
        PQfreeCancel(request)
    }

    /// Sends it over a connection of its own and blocks until the server has dealt with it.
    ///
    /// Whether it had any effect only shows in the statement's own answer.
    func send() {
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(request, &message, Int32(message.count))
    }
}
