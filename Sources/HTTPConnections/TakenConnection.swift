import HTTPTypes
package import Hummingbird
package import NIOCore

/// A connection on which the head of a response was just written, in the hands of whoever writes the rest.
///
/// Confined to the channel's event loop. Handlers at the front of its pipeline read and write plain bytes, and hear
/// what the channel says.
package struct TakenConnection {
    package let channel: any Channel
    /// Whether the client has said that it will send no more.
    package let isInputClosed: Bool
    /// Whether the server is shutting down.
    package let isQuiescing: Bool
    /// Whether the body is written in chunks; if not, the connection ends with it.
    package let isChunked: Bool
    /// After a 101, what came behind the request.
    package let received: ByteBuffer
    /// Ends the body, and gives the connection back for the next request; does nothing after a 101.
    package let end: () -> Void
}

extension ResponseBody {
    /// A body for whose sake the connection is taken over, on its event loop, once the head is written.
    ///
    /// The task of the request ends there. If the connection is gone by then, `user` is never called.
    package static func takingOver(_ user: @escaping @Sendable (TakenConnection) -> Void) -> ResponseBody {
        ResponseBody { writer in
            guard let writer = writer as? ConnectionWriter else {
                preconditionFailure("a connection can only be taken over where RequestChannel serves it")
            }
            writer.user = user
        }
    }
}

/// Collects the body of a response in a request's task.
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
