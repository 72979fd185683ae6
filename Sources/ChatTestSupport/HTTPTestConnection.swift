import NIOCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A connection that is kept: for one request after the other, and for answers that never end.
package struct HTTPTestConnection {
    /// The server has closed the connection in the midst of something.
    package struct Cut: Error {}
    private struct Malformed: Error {}

    private let client: HTTPTestClient
    private var inbound: HTTPTestClient.Inbound
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    /// What has come and is not decoded.
    private var raw = ByteBuffer()
    /// What is decoded of an answer in chunks, and not taken.
    private var body = ByteBuffer()
    private var hasEnded = true
    /// What a browser would come back with.
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

    /// Sends a request and reads its answer; of one that comes in chunks only the head.
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
            // A stream that ends at once is read like any other.
            self.body.writeBuffer(&content)
        }
        return try HTTPTestResponse(head)
    }

    /// Sends a request and leaves it at that.
    package func write(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) async throws {
        let request = client.request(method, path, headers: headers, body: body.map { Array($0.utf8) })
        try await outbound.write(ByteBuffer(bytes: request))
    }

    /// The next event that a browser shows; nil when the stream has ended as it should.
    ///
    /// One without data is not shown, but its id is remembered.
    package mutating func nextEvent() async throws -> ServerSentEvent? {
        var event = ServerSentEvent()
        while let line = try await nextLine() {
            if line.isEmpty {
                lastEventID = event.id ?? lastEventID
                if !event.data.isEmpty {
                    // As strictly as any client may read it.
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

    /// The next line of an answer in chunks; nil at its end.
    ///
    /// - Throws: `Cut` where the connection ends before the answer does.
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

    /// Tells the server that nothing more will come.
    package func finish() {
        outbound.finish()
    }

    /// Whether the server has closed the connection, which is waited for; what still comes is thrown away.
    package mutating func isClosed() async throws -> Bool {
        while try await inbound.next() != nil {}
        return true
    }

    /// - Returns: Whether there was a whole one.
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
    /// Opens a connection that is kept for as long as `body` runs, and closes it whatever is on its way.
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

    /// Reads a stream for as long as `body` runs.
    ///
    /// - Throws: `Refused` where the answer is another one.
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

    /// An answer that is no stream.
    package struct Refused: Error {
        package let response: HTTPTestResponse
    }
}

extension ByteBuffer {
    /// The next line without its line feed.
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
