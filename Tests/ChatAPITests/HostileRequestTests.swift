import ChatAPI
import ChatTestSupport
import Foundation
import HTTPConnections
import NIOCore
import Testing

/// Requests that no honest client sends: each gets a clear response, and the server keeps working.
@Suite(.timeLimit(.minutes(5)))
struct HostileRequestTests {
    @Test(arguments: [
        ("BREW /chats HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method"),
        ("\0\u{1}\u{2}garbage\r\n\r\n", 501, "unknown_method"),
        ("GET /chats/1 HTTP/9.9\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("GET /chats/1 HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n", 400, "bad_request"),
        ("POST /chats HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "bad_request"),
        ("POST /chats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
        ("POST /chats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "unknown_transfer_encoding"),
        ("POST /chats HTTP/1.1\r\nHost: a\r\nContent-Length: 524289\r\n\r\n", 413, "body_too_large"),
    ])
    func `a malformed request gets an error and closes only its own connection`(
        _ request: String,
        _ status: Int,
        _ code: String
    ) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try HTTPTestResponse(await client.exchange(Array(request.utf8)))
            #expect(response.status == status)
            #expect(try response.json["code"]?.string == code)
            #expect(response.headers["connection"] == "close")
            #expect(response.headers["x-request-id"]?.isEmpty == false)
            #expect(response.headers["x-content-type-options"] == "nosniff")
            #expect(response.headers["cache-control"] == "no-store")
            #expect(response.headers["date"] != nil)
            try await expectAlive(client)
        }
    }

    @Test func `header fields over the limit are a 431`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send(
                "GET",
                "/chats/1",
                headers: ["X-Long": String(repeating: "a", count: 20_000)]
            )
            #expect(response.status == 431)
            #expect(try response.json["code"] == "headers_too_large")
            try await expectAlive(client)
        }
    }

    @Test(arguments: [("/chats/", 413), ("/chats/1/messages/", 413)])
    func `a body over the limit gets 413`(_ path: String, _ status: Int) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("POST", path, body: [UInt8](repeating: 0x20, count: 512 * 1024 + 1))
            #expect(response.status == status)
            #expect(response.text == #"{"detail":"Request body is larger than 524288 bytes","code":"body_too_large"}"#)
            try await expectAlive(client)
        }
    }

    @Test func `a body announced as too large is rejected before it is sent`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let head = "POST /chats/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
            let response = try HTTPTestResponse(await client.exchange(Array(head.utf8)))
            #expect(response.status == 413)
        }
    }

    @Test func `a client that expects 100-continue is told to continue`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let answer = try await client.withConnection { inbound, outbound in
                let head = """
                    POST /chats/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
                    Expect: 100-continue\r\nContent-Length: 13\r\n\r\n
                    """
                try await outbound.write(ByteBuffer(string: head))
                let interim = try await inbound.next().map { String(buffer: $0) }
                #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
                try await outbound.write(ByteBuffer(string: #"{"title":"a"}"#))
                return try await inbound.readToEnd()
            }
            #expect(try HTTPTestResponse(answer).status == 201)
        }
    }

    @Test func `too many header fields get an error response`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let headers = Dictionary(uniqueKeysWithValues: (0..<500).map { ("X-\($0)", "a") })
            let response = try await client.send("GET", "/chats/1", headers: headers)
            #expect((400...431).contains(response.status))
            #expect(try response.json["code"] != nil)
            #expect(response.headers["x-request-id"]?.isEmpty == false)
        }
    }

    @Test(arguments: ["/nope", "/chats", "/chats/abc", "/chats/7", "/health/live"])
    func `a response to HEAD has no body`(_ path: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let get = "GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let head = "HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\n"
            let answers = String(decoding: try await client.exchange(Array((head + get).utf8)), as: UTF8.self)
            let second = try #require(answers.components(separatedBy: "\r\n\r\n").dropFirst().first)
            #expect(second.hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    @Test func `a body at the limit is accepted`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let padding = String(repeating: " ", count: 512 * 1024 - #"{"title":"a"}"#.utf8.count)
            let response = try await client.send("POST", "/chats/", body: #"{"title":"a"}"# + padding)
            #expect(response.status == 201)
        }
    }

    @Test func `an endless chunked body is cut off at the limit`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.withConnection { inbound, outbound in
                let head = "POST /chats/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                try await outbound.write(ByteBuffer(string: head + "Transfer-Encoding: chunked\r\n\r\n"))
                let chunk = ByteBuffer(string: "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n")
                let writing = Task {
                    // The server closes the connection long before all of it is sent.
                    for _ in 0..<10_000 { try await outbound.write(chunk) }
                }
                let answer = try await inbound.readToEnd()
                writing.cancel()
                return try HTTPTestResponse(answer)
            }
            #expect(response.status == 413)
            try await expectAlive(client)
        }
    }

    @Test func `a body that does not arrive gets 408`() async throws {
        var limits = HTTPLimits()
        limits.bodyTimeout = .milliseconds(200)
        try await withServer(on: .sqliteInMemory, limits: limits) { client in
            for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
                let request = "POST /chats/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\(framing)\r\n\r\n"
                let response = try HTTPTestResponse(await client.exchange(Array(request.utf8)))
                #expect(response.status == 408)
                #expect(response.text == #"{"detail":"The request did not arrive in time","code":"request_timeout"}"#)
            }
            try await expectAlive(client)
        }
    }

    @Test(arguments: ["", "GET /chats/1 HTTP/1.1\r\nHost"])
    func `a connection without a complete request is closed`(_ beginning: String) async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .milliseconds(200)
        try await withServer(on: .sqliteInMemory, limits: limits) { client in
            let answer = try await client.exchange(Array(beginning.utf8))
            #expect(answer.isEmpty)
        }
    }

    @Test func `a truncated request changes nothing`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let body = #"{"title":"a"}"#
            let request = """
                POST /chats/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\
                \r\n\r\n\(body)
                """
            for length in [1, 20, request.utf8.count - body.utf8.count, request.utf8.count - 1] {
                _ = try await client.exchange(Array(request.utf8.prefix(length)), halfClose: true)
            }
            #expect(try await client.send("GET", "/chats/1").status == 404)
            try await expectAlive(client)
        }
    }

    @Test func `JSON nested 50,000 levels deep gets 422`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            for body in [
                String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000),
                String(repeating: #"{"a":"#, count: 20_000),
            ] {
                let response = try await client.send("POST", "/chats", body: body)
                #expect(response.status == 422)
                #expect(try response.json["detail"]?[0]?["type"] == "json_invalid")
            }
        }
    }

    @Test func `a connection over the limit serves only health checks`() async throws {
        var limits = HTTPLimits()
        limits.maximumConnectionsPerAddress = 1
        try await withServer(on: .sqliteInMemory, limits: limits) { client in
            try await client.withKeptConnection { connection async throws in
                #expect(try await connection.send("GET", "/chats/1").status == 404)
                try await expectAlive(client)
                let refused = try await client.send("GET", "/chats/1")
                #expect(refused.status == 503)
                #expect(refused.headers["retry-after"] == "5")
                #expect(try refused.json["code"] == "too_many_connections")
                #expect(try refused.json["request_id"]?.string == refused.headers["x-request-id"])
                #expect(try await connection.send("GET", "/chats/1").status == 404)
            }
        }
    }

    @Test func `pipelined requests are answered in order`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let one = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
            let last = "GET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let answer = String(decoding: try await client.exchange(Array((one + one + last).utf8)), as: UTF8.self)
            #expect(answer.matches(of: /HTTP\/1\.1 (\d+)/).map { $0.output.1 } == ["200", "200", "404"])
        }
    }

    @Test func `idle keep-alive connections do not delay the shutdown`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let (ended, end) = AsyncStream.makeStream(of: Void.self)
            let connection = try await withServer(store) { client in
                let opened = AsyncStream.makeStream(of: Void.self)
                let connection = Task {
                    try await client.withConnection { inbound, outbound in
                        try await outbound.write(ByteBuffer(string: "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"))
                        _ = try await inbound.next()
                        opened.continuation.yield()
                        for await _ in ended {}
                    }
                }
                for await _ in opened.stream { break }
                return connection
            }
            end.finish()
            try await connection.value
        }
    }

    private func expectAlive(_ client: HTTPTestClient) async throws {
        #expect(try await client.send("GET", "/health/ready").status == 200)
    }
}
