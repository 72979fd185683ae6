package import HTTPTypes
package import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore

/// HTTP/1.1 connections whose requests are answered one after the other, each in a task of its own.
///
/// A request is handed on once it has arrived whole, and its response is sent whole.
package struct RequestChannel: ServerChildChannel {
    package typealias Respond = @Sendable (Request, any Channel) async -> Response
    /// Makes the response to a request that was not served.
    ///
    /// The second argument is the request's head if there was one.
    package typealias RespondToError =
        @Sendable (ConnectionError, HTTPRequest?, any Channel) -> (head: HTTPResponse, body: ByteBuffer)

    package struct Value: ServerChildChannelValue {
        package let channel: any Channel
        let handler: NIOLoopBound<ConnectionHandler>
    }

    private let shared: ConnectionHandler.Shared

    /// - Parameters:
    ///   - isEssential: Whether a path is served even by a server that is overloaded.
    package init<Responder: HTTPResponder>(
        responder: Responder,
        limits: HTTPLimits = HTTPLimits(),
        logger: Logger,
        isEssential: @escaping @Sendable (String) -> Bool = { _ in false },
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
            respond: respond,
            respondToError: onError,
            isEssential: isEssential
        )
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let handler = try ConnectionHandler.add(to: channel, shared)
            return Value(channel: channel, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop))
        }
    }

    package func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            try? await value.channel.closeFuture.get()
        } onCancel: {
            value.channel.eventLoop.execute { value.handler.value.abort() }
        }
    }
}
