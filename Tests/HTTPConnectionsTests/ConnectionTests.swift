import ChatTestSupport
import HTTPConnections
import NIOCore
import Testing

/// How a connection reacts to its peer, on real sockets.
@Suite(.timeLimit(.minutes(5)))
struct ConnectionTests {
    private func exchange(
        _ client: HTTPTestClient,
        _ requests: String...,
        halfClose: Bool = false
    ) async throws -> [WireResponse] {
        let bytes = try await client.exchange(Array(requests.joined().utf8), halfClose: halfClose)
        return try WireResponse.all(in: bytes)
    }

    private func request(_ line: String, _ fields: String..., body: String = "") -> String {
        (["\(line) HTTP/1.1", "Host: a"] + fields).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    // MARK: Peers that read slowly

    @Test func `pipelined responses that nobody reads are dropped within the idle timeout`() async throws {
        var limits = HTTPLimits()
        // Long enough for the requests to arrive within it on a busy machine.
        limits.idleTimeout = .seconds(5)
        let (channels, channel) = AsyncStream.makeStream(of: (any Channel).self)
        try await ConnectionServer.run(limits: limits, onLargeRequest: { channel.yield($0) }) { client in
            try await client.withConnection(receiveBuffer: 4_096) { inbound, outbound in
                let page = request("GET /bytes/16000000")
                try await outbound.write(ByteBuffer(string: page + page + page))
                var iterator = channels.makeAsyncIterator()
                let channel = await iterator.next()
                // The client reads nothing until the server has given up.
                try await channel?.closeFuture.get()
                let received = try await inbound.readToEnd()
                #expect(received.count < 16_000_000)
            }
        }
    }

    @Test(arguments: ["keep-alive", "close"])
    func `a response that only the kernel has left is dropped if nobody reads it`(_ option: String) async throws {
        var limits = HTTPLimits()
        // Long enough for the request to arrive within it on a busy machine.
        limits.idleTimeout = .seconds(5)
        let (channels, channel) = AsyncStream.makeStream(of: (any Channel).self)
        try await ConnectionServer.run(limits: limits, onLargeRequest: { channel.yield($0) }) { client in
            try await client.withConnection(receiveBuffer: 4_096) { inbound, outbound in
                let count = 200_000
                try await outbound.write(ByteBuffer(string: request("GET /bytes/\(count)", "Connection: \(option)")))
                var iterator = channels.makeAsyncIterator()
                try await iterator.next()?.closeFuture.get()
                #expect(try await inbound.readToEnd().count < count)
            }
        }
    }

    @Test func `spaces around the length of a body do not count`() async throws {
        try await ConnectionServer.run { client in
            let post = request("POST /echo", "Content-Length:  13 ", body: "Hello, world!")
            let responses = try await exchange(client, post, halfClose: true)
            #expect(responses.map(\.body) == ["Hello, world!"])
        }
    }

    @Test func `a slow reader is never cut off`() async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .seconds(4)
        try await ConnectionServer.run(limits: limits) { client in
            let count = 12_000_000
            let start = ContinuousClock.now
            let received = try await SlowReader.receive(
                request("GET /bytes/\(count)", "Connection: close"),
                from: client.port,
                // It must take longer than the idle timeout, which only pauses can ensure.
                pausingFor: .seconds(8)
            )
            #expect(received > count)
            #expect(start.duration(to: .now) > .seconds(4))
        }
    }

    @Test func `only essential requests are served while too many bytes wait`() async throws {
        var limits = HTTPLimits()
        limits.maximumUnsentBytes = 1_000_000
        limits.stallTimeout = .seconds(3)
        let (channels, channel) = AsyncStream.makeStream(of: (any Channel).self)
        try await ConnectionServer.run(limits: limits, onLargeRequest: { channel.yield($0) }) { client in
            try await client.withConnection(receiveBuffer: 4_096) { _, outbound in
                try await outbound.write(ByteBuffer(string: request("GET /bytes/32000000")))
                var iterator = channels.makeAsyncIterator()
                let channel = await iterator.next()
                while try await client.send("GET", "/empty").status != 503 {}
                #expect(try await client.send("GET", "/health").status == 200)
                // This happens long before the idle timeout.
                try await channel?.closeFuture.get()
                while try await client.send("GET", "/empty").status == 503 {}
            }
        }
    }

    @Test func `many pipelined requests are answered in order`() async throws {
        try await ConnectionServer.run { client in
            let requests = (0..<2_000).map { request("POST /echo", "Content-Length: 5", body: "\(10_000 + $0)") }
            let responses = try await exchange(client, requests.joined(), halfClose: true)
            #expect(responses.map(\.body) == (0..<2_000).map { "\(10_000 + $0)" })
        }
    }

    // MARK: Slots

    @Test(arguments: [(20, 1_000), (1_000, 20)])
    func `silent connections leave slots for health checks`(_ maximum: (total: Int, perAddress: Int)) async throws {
        var limits = HTTPLimits()
        limits.maximumConnections = maximum.total
        limits.maximumConnectionsPerAddress = maximum.perAddress
        try await ConnectionServer.run(limits: limits) { client in
            try await withSilentConnections(20, to: client) { () async throws in
                let health = try await client.send("GET", "/health", headers: ["Connection": "keep-alive"])
                #expect(health.status == 200)
                #expect(health.headers["connection"] == "close")
                let other = try await client.send("GET", "/empty")
                #expect(other.status == 503)
                #expect(other.headers["connection"] == "close")
            }
            while try await client.send("GET", "/empty").status != 204 {}
        }
    }

    @Test func `health checks are answered in a flood of connections`() async throws {
        var limits = HTTPLimits()
        limits.maximumConnections = 5
        try await ConnectionServer.run(limits: limits) { client in
            try await withSilentConnections(5, to: client) { () async throws in
                try await withThrowingTaskGroup(of: Void.self) { group async throws in
                    for _ in 0..<4 {
                        group.addTask {
                            while !Task.isCancelled {
                                try await client.withConnection { _, _ in }
                            }
                        }
                    }
                    for _ in 0..<20 {
                        #expect(try await client.send("GET", "/health").status == 200)
                    }
                    group.cancelAll()
                    while let result = await group.nextResult() { _ = result }
                }
            }
        }
    }

    @Test func `the oldest connection over the limit makes room for the newest`() async throws {
        var limits = HTTPLimits()
        limits.maximumConnections = 1
        limits.maximumSurplusConnections = 2
        limits.surplusTimeout = .seconds(3_600)
        try await ConnectionServer.run(limits: limits) { client in
            try await withSilentConnections(1, to: client) { () async throws in
                try await client.withConnection { inbound, outbound in
                    let head = request("POST /health", "Content-Length: 1", "Expect: 100-continue")
                    try await outbound.write(ByteBuffer(string: head))
                    // The 100 Continue shows that the connection has its slot.
                    _ = try await inbound.next()
                    try await client.withConnection { (_, _) async throws in
                        try await client.withConnection { (_, _) async throws in
                            #expect(try await inbound.next() == nil)
                            #expect(try await client.send("GET", "/health").status == 200)
                        }
                    }
                }
            }
        }
    }

    /// Opens connections that hold their slots when `body` starts, and send nothing from then on.
    private func withSilentConnections(
        _ count: Int,
        to client: HTTPTestClient,
        _ body: () async throws -> Void
    ) async throws {
        guard count > 0 else { return try await body() }
        try await client.withConnection { inbound, outbound in
            // A connection that got a response has its slot; one that was only accepted may get it later.
            try await outbound.write(ByteBuffer(string: request("GET /health")))
            _ = try await inbound.next()
            try await withSilentConnections(count - 1, to: client, body)
        }
    }

    // MARK: Protocol

    @Test(arguments: ["close", "Close", "CLOSE", "keep-alive, Close"])
    func `a connection is closed when its client asks for it`(_ option: String) async throws {
        try await ConnectionServer.run { client in
            let responses = try await exchange(
                client,
                request("GET /health", "Connection: \(option)"),
                request("GET /empty")
            )
            #expect(responses.map(\.status) == [200])
            #expect(responses.first?.fields["connection"] == "close")
        }
    }

    @Test func `an HTTP 1.0 client gets no chunks and its connection is closed`() async throws {
        try await ConnectionServer.run { client in
            let head = "HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n"
            let post = "POST /echo \(head)Content-Length: 4\r\n\r\nabcd"
            let responses = try await exchange(client, post, post)
            #expect(responses.map(\.body) == ["abcd"])
            #expect(responses.first?.status == 200)
            #expect(responses.first?.fields["connection"] == "close")
            let stream = try await client.exchange(Array("GET /stream?ends=1 \(head)\r\n".utf8))
            let text = String(decoding: stream, as: UTF8.self)
            #expect(text.hasSuffix("\r\n\r\nword"))
            #expect(!text.lowercased().contains("transfer-encoding"))
        }
    }

    @Test func `a connection can be reused when its stream ends`() async throws {
        try await ConnectionServer.run { client in
            let bytes = try await client.exchange(
                Array((request("GET /stream?ends=1") + request("GET /health")).utf8),
                halfClose: true
            )
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains("Transfer-Encoding: chunked\r\n\r\n4\r\nword\r\n0\r\n\r\nHTTP/1.1 200 OK"))
            #expect(text.hasSuffix("healthy"))
        }
    }

    @Test(arguments: ["gzip", "gzip, chunked", "identity"])
    func `an unknown transfer encoding gets 501`(_ encoding: String) async throws {
        try await ConnectionServer.run { client in
            let responses = try await exchange(
                client,
                request("POST /echo", "Transfer-Encoding: \(encoding)", body: "x")
            )
            #expect(responses.map(\.status) == [501])
        }
    }

    @Test func `a client is told to continue when its request is next and not before`() async throws {
        try await ConnectionServer.run { client in
            try await client.withConnection { inbound, outbound in
                let requests =
                    request("GET /bytes/3000000")
                    + request("POST /echo", "Expect: 100-continue", "Content-Length: 4", "Connection: close")
                try await outbound.write(ByteBuffer(string: requests))
                var received: [UInt8] = []
                let interim = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
                while !received.suffix(interim.count).elementsEqual(interim) {
                    guard let part = try await inbound.next() else { break }
                    received += part.readableBytesView
                }
                let first = try WireResponse.all(in: received.dropLast(interim.count))
                #expect(first.map(\.body.utf8.count) == [3_000_000])
                try await outbound.write(ByteBuffer(string: "last"))
                #expect(try WireResponse.all(in: await inbound.readToEnd()).map(\.body) == ["last"])
            }
        }
    }

    @Test func `responses to HEAD and responses without content have no body`() async throws {
        try await ConnectionServer.run { client in
            let responses = try await client.exchange(
                Array((request("HEAD /health") + request("GET /empty") + request("GET /health")).utf8),
                halfClose: true
            )
            let heads = String(decoding: responses, as: UTF8.self).split(separator: "\r\n\r\n")
            #expect(
                heads.map { $0.prefix { $0 != "\r\n" } }.prefix(3).map(String.init) == [
                    "HTTP/1.1 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 200 OK",
                ]
            )
            #expect(heads.dropFirst().first?.lowercased().contains("content-length") == false)
            #expect(heads.last == "healthy")
        }
    }

    /// If a connection is closed with unread bytes, the kernel resets it, and the client may not see the response.
    @Test func `a client that is still sending gets its error`() async throws {
        var limits = HTTPLimits()
        limits.maximumBodyBytes = 10
        try await ConnectionServer.run(limits: limits) { client in
            try await client.withConnection { inbound, outbound in
                try await outbound.write(ByteBuffer(string: request("POST /echo", "Content-Length: 1000000")))
                let response = try await inbound.next()
                #expect(response.map { String(buffer: $0).hasPrefix("HTTP/1.1 413") } == true)
                try await outbound.write(ByteBuffer(repeating: 0, count: 1_000_000))
                #expect(try await inbound.next() == nil)
            }
        }
    }

    @Test func `a half-closed client gets everything it has asked for`() async throws {
        try await ConnectionServer.run { client in
            let pages = [request("GET /bytes/2000000"), request("GET /bytes/2000001"), request("GET /health")]
            let responses = try await exchange(client, pages.joined(), "GET /hea", halfClose: true)
            #expect(responses.map(\.body.utf8.count) == [2_000_000, 2_000_001, 7])
        }
    }
}
