import Hummingbird

/// Finds the answers to requests for streams in a task of their own.
///
/// A task keeps what its deepest call took of memory until it ends, and a connection's task ends with the connection: the
/// middleware and the handler would leave 12 KiB in each stream that is open.
struct StreamResponder<Responder: HTTPResponder>: HTTPResponder where Responder.Context: Sendable {
    let responder: Responder

    func respond(to request: Request, context: Responder.Context) async throws -> Response {
        let path = request.uri.path
        guard path.hasSuffix("/events") || path.hasSuffix("/events/") || path.hasPrefix("/ws") else {
            return try await responder.respond(to: request, context: context)
        }
        async let response = responder.respond(to: request, context: context)
        return try await response
    }
}
