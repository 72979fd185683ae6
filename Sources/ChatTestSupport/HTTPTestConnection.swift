import Glibc
import NIOCore

/// A persistent connection, for consecutive requests and for streams.
package struct HTTPTestConnection {
    /// The server closed the connection in the middle of a response.
    package struct Cut: Error {}
    private struct Malformed: Error {}

    private let client: HTTPTestClient
    private var inbound: HTTPTestClient.Inbound
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    /// The received bytes that are not yet decoded.
    private var raw = ByteBuffer()
    /// The decoded bytes of the response's body that are not yet read.
    private var body = ByteBuffer()
    private var hasEnded = true
    /// The event id with which a browser would reconnect.
    package private(set) var lastEventID: String?

    init(
        _ client: HTTPTestClient,
        _ inbound: HTTPTestClient.Inbound,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.client = client
        self.inbound = inbound
        self.outbound = outbound
    }

    /// Sends a request and reads the response; if it is chunked, only the head.
    package mutating func send(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws -> HTTPTestResponse {
        try await write(method, path, headers: headers, body: body)
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            head += try await nextLineBytes()
        }
        let response = try HTTPTestResponse(head)
        self.body.clear()
        hasEnded = method == "HEAD" || response.headers["transfer-encoding"] != "chunked"
        if method != "HEAD", let length = response.headers["content-length"].flatMap({ Int($0) }) {
            while raw.readableBytes < length {
                try await receive()
            }
            var content = raw.readSlice(length: length) ?? ByteBuffer()
            head += content.readableBytesView
            // A stream that ends immediately is not chunked but read the same way.
            self.body.writeBuffer(&content)
        }
        return try HTTPTestResponse(head)
    }

    /// Sends a request without reading the response.
    package func write(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws {
        let request = client.request(method, path, headers: headers, body: body.map { Array($0.utf8) })
        try await outbound.write(ByteBuffer(bytes: request))
    }

    /// Reads the next event that a browser would dispatch; nil at the proper end of the stream.
    ///
    /// An event without data is not dispatched, but its id is remembered.
    ///
    /// - Throws: `Cut` if the stream ends within an event.
    package mutating func nextEvent() async throws -> ServerSentEvent? {
        var event = ServerSentEvent()
        while let line = try await nextLine() {
            if line.isEmpty {
                lastEventID = event.id ?? lastEventID
                if !event.data.isEmpty {
                    // Check that a strict parser accepts the data.
                    _ = try event.json
                    return event
                }
                event = ServerSentEvent()
            } else if !line.hasPrefix(":") {
                try event.take(line)
            }
        }
        guard event == ServerSentEvent() else { throw Cut() }
        return nil
    }

    /// Reads the next line of a chunked response; nil at its end.
    ///
    /// - Throws: `Cut` if the connection ends before the response does.
    package mutating func nextLine() async throws -> String? {
        while true {
            if let line = body.readLine() { return String(buffer: line) }
            if hasEnded {
                guard body.readableBytes == 0 else { throw Cut() }
                return nil
            }
            if !(try decodeChunk()) {
                try await receive()
            }
        }
    }

    /// Reads what follows of a chunked response in plain text; nil at its end.
    ///
    /// - Throws: `Cut` if the connection ends before the response does.
    package mutating func nextText() async throws -> String? {
        while body.readableBytes == 0 {
            if hasEnded { return nil }
            if !(try decodeChunk()) {
                try await receive()
            }
        }
        return body.readString(length: body.readableBytes)
    }

    /// Closes the client's side of the connection.
    package func finish() {
        outbound.finish()
    }

    /// Waits until the server has closed the connection, discarding what it still sends; always returns true.
    package mutating func isClosed() async throws -> Bool {
        while try await inbound.next() != nil {}
        return true
    }

    /// Decodes a chunk; returns false if it is incomplete.
    private mutating func decodeChunk() throws -> Bool {
        var rest = raw
        guard let line = rest.readLine() else { return false }
        guard let size = Int(String(buffer: line).dropLast(), radix: 16) else { throw Malformed() }
        guard var chunk = rest.readSlice(length: size), let end = rest.readString(length: 2) else { return false }
        guard end == "\r\n" else { throw Malformed() }
        raw = rest
        body.writeBuffer(&chunk)
        hasEnded = size == 0
        return true
    }

    private mutating func nextLineBytes() async throws -> [UInt8] {
        while true {
            if let line = raw.readLine() { return Array(line.readableBytesView) + [UInt8(ascii: "\n")] }
            try await receive()
        }
    }

    private mutating func receive() async throws {
        guard var part = try await inbound.next() else { throw Cut() }
        raw.discardReadBytes()
        raw.writeBuffer(&part)
    }
}

extension HTTPTestClient {
    /// Keeps a connection open during `body`, then closes it without reading the rest.
    package func withKeptConnection<Result: Sendable>(
        receiveBuffer: Int? = nil,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (inout HTTPTestConnection) async throws -> Result
    ) async throws -> Result {
        try await withConnection(receiveBuffer: receiveBuffer) { inbound, outbound in
            var connection = HTTPTestConnection(self, inbound, outbound)
            return try await body(&connection)
        }
    }

    /// Opens a stream and reads it in `body`.
    ///
    /// - Throws: `Refused` if the status is not 200.
    package func withEvents<Result: Sendable>(
        _ path: String,
        headers: [String: String] = [:],
        isolation: isolated (any Actor)? = #isolation,
        _ body: (inout HTTPTestConnection) async throws -> Result
    ) async throws -> Result {
        try await withKeptConnection { connection in
            let response = try await connection.send("GET", path, headers: headers)
            guard response.status == 200 else { throw Refused(response: response) }
            return try await body(&connection)
        }
    }

    /// The server did not open a stream.
    package struct Refused: Error {
        package let response: HTTPTestResponse
    }
}

extension ByteBuffer {
    /// Reads a line without its line feed; nil if it is incomplete.
    fileprivate mutating func readLine() -> ByteBuffer? {
        let length = withUnsafeReadableBytes { bytes -> Int? in
            guard let start = bytes.baseAddress, let end = memchr(start, 0x0a, bytes.count) else { return nil }
            return start.distance(to: UnsafeRawPointer(end))
        }
        guard let length, let line = readSlice(length: length) else { return nil }
        moveReaderIndex(forwardBy: 1)
        return line
    }
}
