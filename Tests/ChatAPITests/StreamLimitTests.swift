import ChatAPI
import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import Testing

/// Limits on the resources that streams use, and their release.
@Suite(.timeLimit(.minutes(5)))
struct StreamLimitTests {
    @Test func `a stream over the limit is rejected until another one ends`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 2
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { first in
                try await client.withEvents("/events") { _ in
                    for path in ["/chats/1/events", "/events", "/events?chats=1", "/chats/1/events?wait=55"] {
                        let refused = try await client.send("GET", path)
                        #expect(refused.status == 503)
                        #expect(refused.headers["retry-after"] == "5")
                        let detail = "Too many streams are open, try again later"
                        #expect(try refused.json["detail"]?.string == detail)
                        #expect(try refused.json["code"] == "too_many_streams")
                    }
                    #expect(try await client.send("GET", "/chats/1").status == 200)
                }
                try await client.withEventsOnceAdmitted("/chats/1/events") { _ async throws in
                    #expect(try await client.send("GET", "/events").status == 503)
                }
                #expect(try await first.events(through: "caught_up").count == 2)
            }
        }
    }

    @Test func `an address has a limited number of streams`() async throws {
        var limits = StreamLimits()
        limits.maximumStreamsPerAddress = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { _ in
                let refused = try await client.send("GET", "/chats/1/events?wait=55")
                #expect(refused.status == 429)
                #expect(refused.headers["retry-after"] == "5")
                let expected = """
                    {"detail":"Too many streams from this address are open","code":"too_many_streams_of_client"}
                    """
                #expect(refused.text == expected)
            }
            try await client.withEventsOnceAdmitted("/events") { _ in }
        }
    }

    /// A client can use any address of its IPv6 network, which has at least 64 bits for itself.
    @Test func `streams from an IPv6 network count together`() throws {
        var limits = StreamLimits()
        limits.maximumStreamsPerAddress = 1
        let admissions = StreamAdmissions(limits)
        func admit(_ address: String) throws -> StreamAdmissions.Admission {
            try admissions.admit(SocketAddress(ipAddress: address, port: 1), to: .stream)
        }
        try withExtendedLifetime(admit("2001:db8:1:2::1")) {
            #expect(throws: APIError.self) { try admit("2001:db8:1:2::ffff") }
            _ = try admit("2001:db8:1:3::1")
        }
        _ = try admit("2001:db8:1:2::ffff")
    }

    /// A browser treats any status but 200 as final and never reconnects.
    @Test(arguments: [(0, 10), (10, 0)])
    func `an EventSource is told to reconnect when no slot is free`(_ maximum: (total: Int, perAddress: Int))
        async throws
    {
        var limits = StreamLimits()
        limits.maximumStreams = maximum.total
        limits.maximumStreamsPerAddress = maximum.perAddress
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            let headers = ["Accept": "text/event-stream"]
            for path in ["/chats/1/events", "/events", "/events?chats=1"] {
                try await expectReconnect(try await client.send("GET", path, headers: headers))
            }
            // Other clients get the error, and so does a browser if reconnecting cannot help.
            let status = maximum.total == 0 ? 503 : 429
            for accept in ["*/*", "application/x-ndjson", "application/x-ndjson, text/event-stream"] {
                let response = try await client.send("GET", "/chats/1/events", headers: ["Accept": accept])
                #expect(response.status == status)
            }
            #expect(try await client.send("GET", "/chats/1/events?wait=1", headers: headers).status == status)
            #expect(try await client.send("GET", "/chats/x/events", headers: headers).status == 422)
        }
    }

    @Test func `an EventSource is told to reconnect after an outage`() async throws {
        let headers = ["Accept": "text/event-stream"]
        for error in [StoreError.unavailable(reason: "away"), .schemaMismatch(reason: "other")] {
            try await withServer(InterceptedStore(failingWith: error)) { client in
                for path in ["/chats/1/events", "/events", "/events?chats=1"] {
                    try await expectReconnect(try await client.send("GET", path, headers: headers))
                    #expect(try await client.send("GET", path).status == 503)
                }
            }
        }
        // A missing chat and a defect are permanent.
        try await withServer(InterceptedStore(failingWith: .chatNotFound)) { client async throws in
            #expect(try await client.send("GET", "/chats/1/events", headers: headers).status == 404)
        }
        try await withServer(InterceptedStore(failingWith: .failed(reason: "defect"))) { client async throws in
            #expect(try await client.send("GET", "/chats/1/events", headers: headers).status == 500)
        }
    }

    private func expectReconnect(_ response: HTTPTestResponse) async throws {
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "text/event-stream")
        #expect(response.headers["cache-control"] == "no-store")
        let match = try #require(
            response.text.wholeMatch(
                of: /retry: (\d+)\nevent: reconnect\ndata: \{"type":"reconnect","delay_ms":(\d+)\}\n\n/
            )
        )
        #expect(match.1 == match.2)
        #expect((5_000...10_000).contains(Int(match.1) ?? 0))
    }

    /// A rejected request keeps no slot, whatever the reason.
    @Test func `a rejected request takes no slot`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        limits.maximumChats = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats(2)
            let refusals = [
                ("/chats/9/events", 404), ("/chats/1/events?after=1", 422), ("/events?chats=9", 404),
                ("/events?chats=1:1", 422), ("/events?chats=1,2", 422), ("/events?after=x", 422),
            ]
            for (path, status) in refusals {
                #expect(try await client.send("GET", path).status == status, "\(path)")
            }
            try await client.withEvents("/chats/1/events") { _ in }
        }
    }

    @Test func `a half-closed connection is closed and its slot freed`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                stream.finish()
                #expect(try await stream.isClosed())
            }
            try await client.withEventsOnceAdmitted("/chats/1/events") { _ in }
        }
    }

    /// Requests queued after the stream do not hide that the client has closed its side.
    @Test(arguments: [1, 5_000])
    func `a half-closed connection frees its slot even if requests wait behind its stream`(_ count: Int) async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                for _ in 0..<count {
                    // The server may close the connection over too many.
                    try? await stream.write("GET", "/health/live")
                }
                stream.finish()
                #expect(try await stream.isClosed())
            }
            try await client.withEventsOnceAdmitted("/chats/1/events") { _ in }
        }
    }

    @Test func `an HTTP 1.0 stream has no chunks`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            let answer = try await client.withConnection { inbound, outbound in
                let request = "GET /chats/1/events HTTP/1.0\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n"
                try await outbound.write(ByteBuffer(string: request))
                var answer = ""
                while !answer.contains("caught_up") {
                    answer += String(buffer: try await inbound.next() ?? ByteBuffer())
                }
                try await client.post("one")
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                return answer + String(decoding: try await inbound.readToEnd(), as: UTF8.self)
            }
            let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
            #expect(parts.first?.lowercased().contains("transfer-encoding") == false)
            #expect(parts.first?.contains("Connection: close") == true)
            let lines = parts.last?.split(separator: "\n", omittingEmptySubsequences: false) ?? []
            #expect(lines.last == "")
            let types = try lines.dropLast().map { try JSON(parsing: Array($0.utf8))["type"]?.string }
            #expect(types == ["hello", "caught_up", "message.created", "chat.deleted"])
        }
    }

    /// The client closes its side together with its request, before the stream starts.
    @Test(arguments: ["", "?wait=55"])
    func `a client that leaves before its stream starts takes no slot`(_ query: String) async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withConnection { inbound, outbound in
                try await outbound.write(ByteBuffer(string: "GET /chats/1/events\(query) HTTP/1.1\r\nHost: a\r\n\r\n"))
                outbound.finish()
                _ = try await inbound.readToEnd()
            }
            try await client.withEventsOnceAdmitted("/chats/1/events") { _ in }
        }
    }

    /// Requests sent after that of a stream wait until the stream has ended.
    @Test func `a request pipelined after a stream is answered when the stream ends`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            let answer = try await client.withConnection { inbound, outbound in
                let requests =
                    "GET /chats/1/events HTTP/1.1\r\nHost: a\r\n\r\nGET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                try await outbound.write(ByteBuffer(string: requests))
                var answer = ""
                while !answer.contains("caught_up") {
                    answer += String(buffer: try await inbound.next() ?? ByteBuffer())
                }
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                return answer + String(decoding: try await inbound.readToEnd(), as: UTF8.self)
            }
            #expect(answer.matches(of: /HTTP\/1.1 200 OK/).count == 2)
            let order = ["event: hello", "event: chat.deleted", "\r\n0\r\n\r\nHTTP/1.1 200 OK"]
            let places = order.compactMap { answer.firstRange(of: $0)?.lowerBound }
            #expect(places.count == 3)
            #expect(places == places.sorted())
        }
    }
}
