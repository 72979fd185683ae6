package import NIOCore

/// A WebSocket client that sends exactly the frames a test gives it, valid or not.
package struct WebSocketClient {
    /// The server did not complete the handshake of RFC 6455.
    package struct Refused: Error {
        let answer: String
    }

    /// The header fields that open a WebSocket.
    package static let headers = [
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    private var inbound: HTTPTestClient.Inbound
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var received = ByteBuffer()

    /// Opens the WebSocket at `/ws` on a connection.
    ///
    /// - Parameter headers: Further header fields, such as a credential.
    package init(
        _ inbound: HTTPTestClient.Inbound,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        headers: [String: String] = [:]
    ) async throws {
        self.inbound = inbound
        self.outbound = outbound
        let fields = Self.headers.merging(headers) { $1 }.map { "\($0): \($1)\r\n" }.joined()
        try await outbound.write(ByteBuffer(string: "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\(fields)\r\n"))
        var end: Range<String.Index>?
        var text = ""
        while end == nil, try await readMore() {
            text = String(buffer: received)
            end = text.firstRange(of: "\r\n\r\n")
        }
        guard let end, text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"),
            text.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")
        else { throw Refused(answer: text) }
        received.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
    }

    /// Sends frames in a single write.
    package func send(_ frames: WebSocketClientFrame...) async throws {
        try await outbound.write(ByteBuffer(bytes: frames.flatMap(\.bytes)))
    }

    /// Closes the client's side of the TCP connection.
    package func halfClose() {
        outbound.finish()
    }

    /// Reads the next frame and describes it, as in `text {"op":"ping"}`; nil once the server has closed the
    /// connection.
    package mutating func nextFrame() async throws -> String? {
        while true {
            if let frame = readFrame() { return frame }
            guard try await readMore() else { return nil }
        }
    }

    private mutating func readMore() async throws -> Bool {
        guard var part = try await inbound.next() else { return false }
        received.writeBuffer(&part)
        return true
    }

    private mutating func readFrame() -> String? {
        var rest = received
        guard let (first, second) = rest.readMultipleIntegers(as: (UInt8, UInt8).self) else { return nil }
        var length = Int(second)
        if second == 126 {
            guard let long = rest.readInteger(as: UInt16.self) else { return nil }
            length = Int(long)
        } else if second == 127 {
            guard let long = rest.readInteger(as: UInt64.self) else { return nil }
            length = Int(long)
        }
        guard var payload = rest.readSlice(length: length) else { return nil }
        received = rest
        switch first {
        case 0x81: return "text \(String(buffer: payload))"
        case 0x88: return "close \(payload.readInteger(as: UInt16.self).map(String.init) ?? "without a code")"
        case 0x89: return "ping \(String(buffer: payload))"
        case 0x8A: return "pong \(String(buffer: payload))"
        default: return "\(first): \(length) bytes"
        }
    }
}
