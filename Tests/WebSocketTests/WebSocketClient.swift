import ChatTestSupport
import NIOCore
import Testing

/// A client that sends the frames it is told to, good or bad.
struct WebSocketClient {
    static let request = """
        GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
        """

    private var inbound: HTTPTestClient.Inbound
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var received = ByteBuffer()

    /// Opens a WebSocket on a connection.
    init(
        _ inbound: HTTPTestClient.Inbound,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        self.inbound = inbound
        self.outbound = outbound
        try await outbound.write(ByteBuffer(string: Self.request))
        while true {
            let text = String(buffer: received)
            if let end = text.firstRange(of: "\r\n\r\n") {
                #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
                #expect(text.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
                received.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
                return
            }
            try #require(await readMore())
        }
    }

    func send(_ frames: ClientFrame...) async throws {
        try await outbound.write(ByteBuffer(bytes: frames.flatMap(\.bytes)))
    }

    func halfClose() {
        outbound.finish()
    }

    /// The next frame in words; nil when the server has ended the connection.
    mutating func nextFrame() async throws -> String? {
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
