import HTTPTypes
package import Hummingbird
package import NIOCore

/// A connection taken over by the code that writes a response's body, right after the head.
///
/// It is confined to the channel's event loop. Handlers that you add at `Channel.front` read and write plain bytes and
/// receive the channel's events.
package struct TakenConnection {
    package let channel: any Channel
    /// Whether the client has closed its side of the connection.
    package let isInputClosed: Bool
    /// Whether the server is shutting down.
    package let isQuiescing: Bool
    /// Whether the body must be written in chunks; if not, closing the connection ends it.
    package let isChunked: Bool
    /// The bytes that followed the request, after a 101; otherwise empty.
    package let received: ByteBuffer
    /// Ends the body and returns the connection for the next request; does nothing after a 101.
    package let end: () -> Void
}

extension ResponseBody {
    /// A body that `user` writes by taking over the connection once the head has been written.
    ///
    /// `user` is called on the connection's event loop, after the request's task has ended; it is never called if the
    /// connection is closed by then.
    package static func takingOver(_ user: @escaping @Sendable (TakenConnection) -> Void) -> ResponseBody {
        ResponseBody { writer in
            guard let writer = writer as? ConnectionWriter else {
                preconditionFailure("only a connection served by RequestChannel can be taken over")
            }
            writer.user = user
        }
    }
}

/// Collects a response's body, in the request's task.
final class ConnectionWriter: ResponseBodyWriter {
    private(set) var body = ByteBuffer()
    fileprivate(set) var user: (@Sendable (TakenConnection) -> Void)?

    func write(_ buffer: ByteBuffer) async throws {
        if body.readableBytes == 0 {
            body = buffer
        } else {
            body.writeImmutableBuffer(buffer)
        }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
