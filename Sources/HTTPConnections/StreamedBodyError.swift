/// The reason why a streamed request body ended before all of it had arrived.
///
/// The handler receives it after the pieces that had arrived. Its response is still sent, and then the connection closes.
package enum StreamedBodyError: Error, Hashable, Sendable {
    /// The client broke HTTP's rules, such as those of chunks.
    case malformed
    /// The client sent nothing for too long.
    case timedOut
    /// The client closed the connection, or only its own side; in the latter case it can still read the response.
    case disconnected
    /// The server is shutting down.
    case shuttingDown
    /// The response was sent first.
    case responded
}
