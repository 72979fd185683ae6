import ChatTestSupport
import HTTPConnections
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

/// Request bodies that reach the handler while they arrive, on real sockets.
@Suite(.timeLimit(.minutes(5)))
struct StreamedBodyTests {
    /// What a handler has seen of a body.
    private enum Event: Equatable {
        case piece(String)
        case end
        case error(StreamedBodyError)
    }

    /// Serves uploads, passes what happens to the test, and responds once the body ends.
    private func recorder() -> (events: AsyncStream<Event>, upload: ConnectionServer.Upload) {
        let (events, event) = AsyncStream.makeStream(of: Event.self)
        return (
            events,
            { request, _ in
                do {
                    for try await piece in request.body {
                        event.yield(.piece(String(buffer: piece)))
                    }
                    event.yield(.end)
                    return response("complete")
                } catch let error as StreamedBodyError {
                    event.yield(.error(error))
                    return response("incomplete")
                }
            }
        )
    }

    private func chunk(_ text: String) -> ByteBuffer {
        ByteBuffer(string: "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    private func upload(_ fields: String..., body: String = "") -> ByteBuffer {
        let head = ["POST /upload HTTP/1.1", "Host: a"] + fields
        return ByteBuffer(string: head.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    private let chunked = "Transfer-Encoding: chunked"
    private let health = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test func `pieces reach the handler while the client sends`() async throws {
        let (events, upload) = recorder()
        try await ConnectionServer.run(upload: upload) { client in
            var event = events.makeAsyncIterator()
            try await client.withConnection { inbound, outbound in
                try await outbound.write(self.upload(chunked))
                for text in ["It", " is", " growing"] {
                    try await outbound.write(chunk(text))
                    #expect(await event.next() == .piece(text))
                }
                try await outbound.write(ByteBuffer(string: "0\r\n\r\n"))
                #expect(await event.next() == .end)
                try await outbound.write(self.upload("Content-Length: 5"))
                for text in ["It", " is"] {
                    try await outbound.write(ByteBuffer(string: text))
                    #expect(await event.next() == .piece(text))
                }
                #expect(await event.next() == .end)
                try await outbound.write(ByteBuffer(string: health))
                let responses = try WireResponse.all(in: await inbound.readToEnd())
                #expect(responses.map(\.body) == ["complete", "complete", "healthy"])
            }
        }
    }

    @Test func `only bodies that do not stream have a maximum size`() async throws {
        var limits = HTTPLimits()
        limits.maximumBodyBytes = 10
        try await ConnectionServer.run(limits: limits) { client in
            let text = String(repeating: "text", count: 50_000)
            let streamed = try await client.send("POST", "/upload", body: text)
            #expect(streamed.status == 200)
            #expect(String(decoding: streamed.body, as: UTF8.self) == text)
            #expect(try await client.send("POST", "/echo", body: "eleven bytes").status == 413)
        }
    }

    /// The handler takes nothing until the client has had time to send everything, if the server read it.
    @Test func `what the handler has not taken stays with the client`() async throws {
        let total = 64 * 1024 * 1024
        let counter = ArrivalCounter.Counts()
        let (gates, gate) = AsyncStream.makeStream(of: Void.self)
        let (starts, start) = AsyncStream.makeStream(of: Void.self)
        try await ConnectionServer.run(upload: { request, channel in
            try await channel.eventLoop.submit {
                try channel.pipeline.syncOperations.addHandler(ArrivalCounter(counter), position: .first)
            }.get()
            var body = request.body.makeAsyncIterator()
            var taken = 0
            while let piece = try await body.next() {
                if taken == 0 {
                    start.yield()
                    await gates.first { _ in true }
                }
                taken += piece.readableBytes
                counter.taken.store(taken, ordering: .relaxed)
            }
            return response("\(taken)")
        }) { client in
            try await client.withConnection { inbound, outbound in
                async let sent: Void = {
                    try await outbound.write(upload("Content-Length: \(total)", "Connection: close"))
                    for _ in 0..<total / 65_536 {
                        try await outbound.write(ByteBuffer(repeating: 0x78, count: 65_536))
                    }
                }()
                await starts.first { _ in true }
                for _ in 0..<200 {
                    #expect(try await client.send("GET", "/health").status == 200)
                }
                gate.yield()
                try await sent
                #expect(try WireResponse.all(in: await inbound.readToEnd()).map(\.body) == ["\(total)"])
            }
        }
        #expect(counter.largestLead.load(ordering: .relaxed) < 1024 * 1024)
    }

    @Test func `a silent client is not waited for`() async throws {
        let (events, upload) = recorder()
        try await ConnectionServer.run(streamTimeout: .milliseconds(100), upload: upload) { client in
            let request = self.upload(chunked, body: "3\r\nabc\r\n")
            let responses = try await client.exchange(Array(request.readableBytesView))
            #expect(try WireResponse.all(in: responses).map(\.body) == ["incomplete"])
            var event = events.makeAsyncIterator()
            #expect(await event.next() == .piece("abc"))
            #expect(await event.next() == .error(.timedOut))
        }
    }

    @Test func `a client waits to be told to continue until the handler reads`() async throws {
        let (gates, gate) = AsyncStream.makeStream(of: Void.self)
        let (starts, start) = AsyncStream.makeStream(of: Void.self)
        try await ConnectionServer.run(upload: { request, _ in
            start.yield()
            await gates.first { _ in true }
            return response(String(buffer: try await request.body.collect(upTo: .max)))
        }) { client in
            try await client.withConnection { inbound, outbound in
                try await outbound.write(upload("Content-Length: 4", "Expect: 100-continue", "Connection: close"))
                await starts.first { _ in true }
                gate.yield()
                let interim = "HTTP/1.1 100 Continue\r\n\r\n"
                #expect(try await inbound.next() == ByteBuffer(string: interim))
                try await outbound.write(ByteBuffer(string: "text"))
                #expect(try WireResponse.all(in: await inbound.readToEnd()).map(\.body) == ["text"])
            }
        }
    }

    @Test func `a client that is rejected is not told to continue`() async throws {
        try await ConnectionServer.run(upload: { _, _ in
            Response(status: .unauthorized)
        }) { client in
            let request = upload(chunked, "Expect: 100-continue")
            let bytes = try await client.exchange(Array(request.readableBytesView))
            let responses = try WireResponse.all(in: bytes)
            #expect(responses.map(\.status) == [401])
            #expect(responses.first?.fields["connection"] == "close")
        }
    }

    @Test func `trailers are ignored`() async throws {
        try await ConnectionServer.run { client in
            let body = "4\r\ntext\r\n0\r\nX: y\r\nExpires: 0\r\n\r\n"
            var bytes = Array(upload(chunked, body: body).readableBytesView)
            bytes += Array(health.utf8)
            let responses = try await client.exchange(bytes)
            #expect(try WireResponse.all(in: responses).map(\.body) == ["text", "healthy"])
        }
    }

    @Test(arguments: ["zz\r\n", "3\r\nabcd\r\n", "0\r\nbad trailer\r\n\r\n"])
    func `a malformed chunk ends the body and the connection`(_ bytes: String) async throws {
        let (events, upload) = recorder()
        try await ConnectionServer.run(upload: upload) { client in
            let request = self.upload(chunked, body: "4\r\ntext\r\n" + bytes + health)
            let responses = try WireResponse.all(in: await client.exchange(Array(request.readableBytesView)))
            #expect(responses.map(\.body) == ["incomplete"])
            #expect(responses.first?.fields["connection"] == "close")
            var seen = ""
            for await event in events {
                guard case .piece(let text) = event else {
                    #expect(event == .error(.malformed))
                    break
                }
                seen += text
            }
            #expect(seen.hasPrefix("text"))
        }
    }

    @Test func `a client that closes its side can read the response`() async throws {
        let (events, upload) = recorder()
        try await ConnectionServer.run(upload: upload) { client in
            let request = self.upload("Content-Length: 10", body: "text")
            let bytes = try await client.exchange(Array(request.readableBytesView), halfClose: true)
            #expect(try WireResponse.all(in: bytes).map(\.body) == ["incomplete"])
            var event = events.makeAsyncIterator()
            #expect(await event.next() == .piece("text"))
            #expect(await event.next() == .error(.disconnected))
        }
    }

    @Test func `the handler learns that its client has disconnected`() async throws {
        let (events, upload) = recorder()
        try await ConnectionServer.run(upload: upload) { client in
            var event = events.makeAsyncIterator()
            try await client.withConnection { _, outbound in
                try await outbound.write(self.upload(chunked))
                try await outbound.write(chunk("text"))
                #expect(await event.next() == .piece("text"))
            }
            #expect(await event.next() == .error(.disconnected))
        }
    }

    @Test func `a broken connection ends the body`() async throws {
        let (errors, error) = AsyncStream.makeStream(of: StreamedBodyError?.self)
        try await ConnectionServer.run(upload: { request, channel in
            do {
                for try await _ in request.body {
                    try await channel.close()
                }
                error.yield(nil)
            } catch let thrown as StreamedBodyError {
                error.yield(thrown)
            }
            return Response(status: .ok)
        }) { client in
            try await client.withConnection { inbound, outbound in
                try await outbound.write(upload(chunked, body: "4\r\ntext\r\n"))
                #expect(await errors.first { _ in true } == .disconnected)
                #expect(try await inbound.next() == nil)
            }
        }
    }

    /// If a connection is closed with unread bytes, the kernel resets it, and the client may not see the response.
    @Test(arguments: [true, false])
    func `a client that is still sending gets an early response`(_ reads: Bool) async throws {
        try await ConnectionServer.run(upload: { request, _ in
            if reads {
                for try await _ in request.body { break }
            }
            return Response(status: .conflict)
        }) { client in
            try await client.withConnection { inbound, outbound in
                try await outbound.write(upload("Content-Length: 100000000"))
                try await outbound.write(ByteBuffer(repeating: 0, count: 1_000_000))
                let response = try await inbound.next()
                #expect(response.map { String(buffer: $0).hasPrefix("HTTP/1.1 409") } == true)
                try await outbound.write(ByteBuffer(repeating: 0, count: 1_000_000))
                #expect(try await inbound.next() == nil)
            }
        }
    }

    @Test func `an early response can take the connection over`() async throws {
        var limits = HTTPLimits()
        limits.maximumBodyBytes = 10
        limits.maximumHeaderBytes = 1_000
        let (connections, connection) = AsyncStream.makeStream(of: (any Channel).self)
        try await ConnectionServer.run(
            limits: limits,
            upload: { _, _ in
                Response(
                    status: .ok,
                    body: .takingOver { taken in
                        taken.channel.writeAndFlush(ByteBuffer(string: "4\r\nword\r\n"), promise: nil)
                        let channel = taken.channel
                        // The rest of the body, which is longer than any request, does not disturb it.
                        let counter = ArrivalCounter.Counts()
                        try? channel.pipeline.syncOperations.addHandler(
                            ArrivalCounter(counter) { count in if count >= 1_000_000 { taken.end() } },
                            position: .first
                        )
                        connection.yield(channel)
                    }
                )
            }
        ) { client in
            try await client.withConnection { inbound, outbound in
                try await outbound.write(upload("Content-Length: 100000000"))
                _ = await connections.first { _ in true }
                try await outbound.write(ByteBuffer(repeating: 0, count: 1_000_000))
                let text = String(decoding: try await inbound.readToEnd(), as: UTF8.self)
                #expect(text.hasSuffix("4\r\nword\r\n0\r\n\r\n"))
            }
        }
    }

    @Test func `a shutdown ends the body and the response is still sent`() async throws {
        let (events, upload) = recorder()
        try await ConnectionServer.run(upload: upload) { client, group in
            var event = events.makeAsyncIterator()
            try await client.withConnection { inbound, outbound in
                try await outbound.write(self.upload(chunked))
                try await outbound.write(chunk("text"))
                #expect(await event.next() == .piece("text"))
                await group.triggerGracefulShutdown()
                #expect(await event.next() == .error(.shuttingDown))
                let responses = try WireResponse.all(in: await inbound.readToEnd())
                #expect(responses.map(\.body) == ["incomplete"])
                #expect(responses.first?.fields["connection"] == "close")
            }
        }
    }
}

private func response(_ text: String) -> Response {
    Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
}

/// Counts the bytes of a connection before its other handlers receive them.
private final class ArrivalCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    final class Counts: Sendable {
        /// The bytes that the handler of the request has taken.
        let taken = Atomic<Int>(0)
        /// The most bytes that had arrived and were not taken.
        let largestLead = Atomic<Int>(0)
    }

    private let counts: Counts
    private let onArrival: (Int) -> Void
    private var arrived = 0

    init(_ counts: Counts, onArrival: @escaping (Int) -> Void = { _ in }) {
        self.counts = counts
        self.onArrival = onArrival
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        arrived += unwrapInboundIn(data).readableBytes
        counts.largestLead.max(arrived - counts.taken.load(ordering: .relaxed), ordering: .relaxed)
        context.fireChannelRead(data)
        onArrival(arrived)
    }
}
