import Glibc
package import NIOCore
import NIOPosix

/// A client that sends exactly the bytes a test gives it, valid or not, on one connection per request.
package struct HTTPTestClient: Sendable {
    /// The server's port on 127.0.0.1.
    package let port: Int
    /// The id of the server's process; nil if the server runs in the test process.
    package let processID: Int32?

    package init(port: Int, processID: Int32? = nil) {
        self.port = port
        self.processID = processID
    }

    /// Sends a well-formed request and reads the response.
    ///
    /// `Content-Type` is `application/json` unless the headers contain another.
    package func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws -> HTTPTestResponse {
        try await send(method, path, headers: headers, body: body.map { Array($0.utf8) })
    }

    package func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: [UInt8]?
    ) async throws -> HTTPTestResponse {
        let headers = ["Connection": "close"].merging(headers) { $1 }
        let answer = try await exchange(request(method, path, headers: headers, body: body))
        return try HTTPTestResponse(answer)
    }

    /// Encodes a well-formed request.
    func request(_ method: String, _ path: String, headers: [String: String], body: [UInt8]?) -> [UInt8] {
        var fields = headers
        fields["Host"] = headers["Host"] ?? "127.0.0.1:\(port)"
        if let body {
            fields["Content-Length"] = String(body.count)
            fields["Content-Type"] = headers["Content-Type"] ?? "application/json"
        }
        let head = "\(method) \(path) HTTP/1.1\r\n" + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
        return Array(head.utf8) + (body ?? [])
    }

    /// Sends bytes and returns everything received until the server closes the connection.
    ///
    /// - Parameter halfClose: Whether to close the client's side after sending.
    package func exchange(_ bytes: [UInt8], halfClose: Bool = false) async throws -> [UInt8] {
        try await withConnection { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: bytes))
            if halfClose {
                outbound.finish()
            }
            return try await inbound.readToEnd()
        }
    }

    /// Opens a connection, runs `body` with its raw bytes, and closes it.
    ///
    /// - Parameter receiveBuffer: The size of the kernel's receive buffer in bytes; nil for the default.
    package func withConnection<Result: Sendable>(
        receiveBuffer: Int? = nil,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (inout Inbound, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Result
    ) async throws -> Result {
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        let channel =
            try await bootstrap
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var inbound = Inbound(iterator: inbound.makeAsyncIterator())
            return try await body(&inbound, outbound)
        }
    }

    /// The bytes from the server.
    package struct Inbound {
        fileprivate var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator

        /// Reads the next bytes; nil once the server has closed or reset the connection.
        package mutating func next() async throws -> ByteBuffer? {
            do {
                return try await iterator.next()
            } catch let error as IOError where error.errnoCode == connectionReset {
                return nil
            }
        }

        /// Reads all bytes until the server closes or resets the connection.
        package mutating func readToEnd() async throws -> [UInt8] {
            var bytes: [UInt8] = []
            while let part = try await next() {
                bytes += part.readableBytesView
            }
            return bytes
        }
    }
}

private let connectionReset = ECONNRESET
