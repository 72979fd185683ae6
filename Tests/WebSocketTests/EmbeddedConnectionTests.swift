import ChatTestSupport
import NIOCore
import NIOEmbedded
import Testing
import WebSocket

/// How a connection uses its channel, step by step.
@Suite struct EmbeddedConnectionTests {
    private let events: AsyncStream<RecordingSession.Event>.Continuation = AsyncStream.makeStream().continuation
    private let channel = EmbeddedChannel()

    /// Attaches a connection that calls `reaction` with each text.
    @discardableResult
    private func attach(
        received: ByteBuffer = ByteBuffer(),
        isQuiescing: Bool = false,
        reaction: @escaping RecordingSession.Reaction = { _, _ in }
    ) throws -> RecordingSession {
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let session = RecordingSession(events, reaction: reaction)
        try WebSocketConnection.takeOver(
            channel,
            received: received,
            isQuiescing: isQuiescing,
            limits: WebSocketLimits(),
            session: session
        )
        return session
    }

    /// Counts the reads that reach the socket.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = NIOAny
        private(set) var count = 0

        func read(context: ChannelHandlerContext) {
            count += 1
            context.read()
        }
    }

    private func countReads() throws -> ReadCounter {
        let reads = ReadCounter()
        try channel.pipeline.syncOperations.addHandler(reads, position: .first)
        return reads
    }

    private func receive(_ frames: WebSocketClientFrame...) throws {
        try channel.writeInbound(ByteBuffer(bytes: frames.flatMap(\.bytes)))
    }

    private func sent() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            bytes += part.readableBytesView
        }
        return bytes
    }

    @Test func `pongs do not pile up for a client that does not read`() throws {
        try attach()
        channel.isWritable = false
        try receive(.ping("1"), .ping("2"), .ping("3"))
        #expect(try sent() == [])
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(try sent() == [0x8A, 1, 0x33])
    }

    /// A client can arrange that no read ends at a frame's end.
    @Test func `bytes that were read are not kept`() throws {
        try attach()
        let ping = WebSocketClientFrame.ping(String(repeating: "x", count: 125)).bytes
        try channel.writeInbound(ByteBuffer(bytes: ping.prefix(60)))
        for _ in 1...1_000 {
            try channel.writeInbound(ByteBuffer(bytes: ping.dropFirst(60) + ping.prefix(60)))
        }
        let connection = try channel.pipeline.syncOperations.handler(type: WebSocketConnection.self)
        let received = Mirror(reflecting: connection).children.first { $0.label == "received" }?.value as? ByteBuffer
        #expect((received?.capacity ?? .max) <= 1_024)
    }

    @Test func `a frame that arrived with the request is read`() throws {
        var frames = ByteBuffer(bytes: WebSocketClientFrame.ping("1").bytes)
        frames.writeBytes(WebSocketClientFrame.ping("2").bytes.dropLast())
        try attach(received: frames)
        #expect(try sent() == [0x8A, 1, 0x31])
        try channel.writeInbound(ByteBuffer(bytes: WebSocketClientFrame.ping("2").bytes.suffix(1)))
        #expect(try sent() == [0x8A, 1, 0x32])
    }

    @Test func `a paused connection neither reads nor delivers`() throws {
        let session = try attach { text, connection in
            if text == "stop" { connection.pause() }
        }
        let reads = try countReads()
        try receive(.text("go"))
        #expect(reads.count == 1)
        try receive(.text("stop"), .text("later"), .ping("?"))
        channel.read()
        #expect(reads.count == 1)
        #expect(try sent() == [])
        session.connection?.resume()
        #expect(reads.count == 2)
        #expect(try sent() == [0x8A, 1, 0x3F])
    }

    @Test func `a frame can be encoded once and written as it is`() throws {
        let frame = WebSocketFrame.encode(.text, ByteBuffer(string: "Hi"))
        try attach { _, connection in
            connection.write(frame: frame)
            connection.write(text: ByteBuffer(string: "Hi"))
            connection.write(binary: ByteBuffer(bytes: [7]))
        }
        try receive(.text("a"))
        #expect(try sent() == [0x81, 2, 0x48, 0x69, 0x81, 2, 0x48, 0x69, 0x82, 1, 7])
    }

    @Test(
        arguments: [
            (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (0xFFFF, [0x82, 126, 0xFF, 0xFF]),
            (0x10000, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])]
    )
    func `lengths are written in their shortest form`(_ count: Int, _ head: [UInt8]) {
        let frame = WebSocketFrame.encode(.binary, ByteBuffer(repeating: 7, count: count))
        #expect(Array(frame.readableBytesView) == head + [UInt8](repeating: 7, count: count))
    }

    @Test func `nothing passes to or from the handlers behind the socket`() throws {
        try attach()
        try receive(.text("a"))
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
        #expect(throws: ChannelError.outputClosed) {
            try channel.writeOutbound(ByteBuffer(string: "HTTP"))
        }
        #expect(try sent() == [])
    }

    @Test func `a closed channel is not taken over`() throws {
        let channel = EmbeddedChannel()
        let session = RecordingSession(events) { _, _ in }
        #expect(throws: ChannelError.ioOnClosedChannel) {
            try WebSocketConnection.takeOver(channel, limits: WebSocketLimits(), session: session)
        }
    }

    @Test func `a server that is already shutting down closes the socket at once`() throws {
        try attach(isQuiescing: true)
        #expect(try sent() == [0x88, 2, 0x03, 0xE9])
    }
}
