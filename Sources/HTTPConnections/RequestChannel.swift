package import HTTPTypes
package import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore

/// Sets up HTTP/1.1 connections that serve their requests one at a time, each in its own task.
///
/// A request is passed on once it has arrived completely, unless its body streams. Its response is sent once it is
/// complete.
package struct RequestChannel: ServerChildChannel {
    /// Serves a request; it does not throw, so it also turns errors into responses.
    package typealias Respond = @Sendable (Request, any Channel) async -> Response
    /// Makes the response to a request that the connection rejects.
    ///
    /// The second argument is the request's head; nil if it could not be parsed.
    package typealias RespondToError =
        @Sendable (ConnectionError, HTTPRequest?, any Channel) -> (head: HTTPResponse, body: ByteBuffer)

    /// Decides from its head and the peer's address whether a request is passed on at once, and its body while it arrives.
    ///
    /// It is called only for requests with a body. It returns how long the client may send nothing of the body while the
    /// handler waits for it; nil to collect the body first. `HTTPLimits.maximumBodyBytes` and `bodyTimeout` do not apply
    /// to a body that streams, so the handler must limit how much of it to take, and for how long.
    ///
    /// Iterate over `Request.body` once only. It throws a `StreamedBodyError` if it ends early. The client is told to
    /// continue (`Expect: 100-continue`) when the iteration starts. If the handler responds before all of the body has
    /// arrived, the connection discards the rest and closes after the response.
    package typealias StreamTimeout = @Sendable (HTTPRequest, SocketAddress?) -> Duration?

    /// A connection that has been set up.
    package struct Value: ServerChildChannelValue {
        package let channel: any Channel
        let handler: NIOLoopBound<ConnectionHandler>
    }

    private let shared: ConnectionHandler.Shared

    /// - Parameters:
    ///   - slots: Counts the connections; nil for slots of its own.
    ///   - identity: The certificate for TLS; nil to serve plain HTTP.
    ///   - isEssential: Whether to serve a path even if the server is overloaded.
    ///   - streamTimeout: Decides which bodies stream; nil for none.
    ///   - onError: Makes the response to a request that the connection rejects.
    package init<Responder: HTTPResponder>(
        responder: Responder,
        limits: HTTPLimits = HTTPLimits(),
        slots: ConnectionSlots? = nil,
        identity: ServerIdentity? = nil,
        logger: Logger,
        isEssential: @escaping @Sendable (String) -> Bool = { _ in false },
        streamTimeout: StreamTimeout? = nil,
        onError: @escaping RespondToError = { error, _, _ in
            (HTTPResponse(status: error.status, headerFields: [.contentLength: "0"]), ByteBuffer())
        }
    ) where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        let respond: Respond = { request, channel in
            var logger = logger
            logger[metadataKey: "hb.request.id"] = .stringConvertible(RequestID())
            let source = ApplicationRequestContextSource(channel: channel, logger: logger)
            do {
                return try await responder.respond(to: request, context: Responder.Context(source: source))
            } catch {
                logger.error("Request failed", metadata: ["reason": "\(error)"])
                return Response(status: .internalServerError)
            }
        }
        shared = ConnectionHandler.Shared(
            limits: limits,
            slots: slots ?? ConnectionSlots(limits: limits),
            identity: identity,
            respond: respond,
            respondToError: onError,
            isEssential: isEssential,
            streamTimeout: streamTimeout
        )
    }

    /// Adds the connection's handlers to a channel.
    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let handler = try ConnectionHandler.add(to: channel, shared)
            return Value(channel: channel, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop))
        }
    }

    /// Returns when the connection is closed; cancelling the task closes it.
    package func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            try? await value.channel.closeFuture.get()
        } onCancel: {
            value.channel.eventLoop.execute { value.handler.value.abort() }
        }
    }
}
