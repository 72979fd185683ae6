import ChatTestSupport
import Foundation
import NIOCore
import Subprocess
import Testing

/// The running program's log.
@Suite(.timeLimit(.minutes(5)))
struct LogTests {
    /// The lines of a server's log while `body` uses it.
    private func log(
        level: String = "info",
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws -> [JSON] {
        try await withTemporaryFolder { folder in
            let arguments = ["--log-format=json", "--log-level=\(level)"]
            let outcome = try await ChatAPIProcess.serve(arguments[0], arguments[1], in: folder, body)
            return try outcome.errors.split(separator: "\n").map { line in
                try JSONDecoder().decode(JSON.self, from: Data(line.utf8))
            }
        }
    }

    private func fields(of lines: [JSON], _ message: JSON) -> [JSON] {
        lines.filter { $0["message"] == message }.compactMap { $0["fields"] }
    }

    /// The connection itself sends these responses; the router never sees the requests.
    @Test func `requests that never reach the router are logged too`() async throws {
        var ids: [String?] = []
        let lines = try await log { client async throws in
            for request in [
                "NONSENSE\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n",
                "POST /chats HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n",
                "POST /chats?a=b HTTP/1.1\r\nX-Request-ID: mine\r\nTransfer-Encoding: gzip\r\n\r\n",
                "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
            ] {
                let response = try HTTPTestResponse(await client.exchange(Array(request.utf8)))
                ids.append(response.headers["x-request-id"])
            }
        }
        let requests = fields(of: lines, "Request")
        #expect(requests.map { $0["status"] } == [501, 431, 413, 501, 400])
        #expect(requests.map { $0["hb.request.id"]?.string } == ids)
        #expect(ids.allSatisfy { $0?.isEmpty == false })
        #expect(ids[3] == "mine")
        #expect(requests.allSatisfy { $0["address"] == "127.0.0.1" })
        let codes = [
            "unknown_method", "headers_too_large", "body_too_large", "unknown_transfer_encoding", "bad_request",
        ]
        #expect(requests.map { $0["code"]?.string } == codes)
        #expect(requests.map { $0["path"] } == ["-", "-", "/chats", "/chats", "-"])
    }

    @Test func `the access log has the code of each error`() async throws {
        let lines = try await log { client async throws in
            try await client.createChats()
            for (method, path, body) in [
                ("GET", "/chats/1", nil), ("GET", "/chats/9", nil), ("HEAD", "/chats/9", nil), ("POST", "/chats", "{"),
                ("POST", "/chats/1/messages", #"{"text":"a","reply_to":9}"#), ("GET", "/nowhere", nil),
            ] {
                _ = try await client.send(method, path, body: body)
            }
        }
        let codes = fields(of: lines, "Request").dropFirst().map { $0["code"] }
        let invalid: JSON = "validation_failed"
        #expect(codes == [nil, "chat_not_found", "chat_not_found", invalid, invalid, "not_found"])
    }

    @Test func `the log says how many events a stream sent`() async throws {
        let lines = try await log { client async throws in
            try await client.createChats()
            try await client.post("1", "2")
            try await client.withEvents("/chats/1/events?after=0") { stream in
                _ = try await stream.events(through: "caught_up")
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                #expect(try await stream.nextEvent()?.type == "chat.deleted")
                #expect(try await stream.nextEvent() == nil)
            }
        }
        let ends = fields(of: lines, "Stream ended")
        #expect(ends.count == 1)
        #expect(ends.first?["path"] == "/chats/1/events")
        #expect(ends.first?["address"] == "127.0.0.1")
        #expect(ends.first?["events"] == 2)
        #expect(ends.first?["duration_ms"]?.isNumber == true)
        let start = fields(of: lines, "Request").first { $0["path"] == "/chats/1/events" }
        #expect(start?["hb.request.id"] == ends.first?["hb.request.id"])
    }

    @Test func `WebSocket operations are logged`() async throws {
        let lines = try await log { client async throws in
            try await client.createChats()
            try await client.withConnection { inbound, outbound in
                var socket = try await WebSocketClient(inbound, outbound)
                #expect(try await socket.nextFrame() == #"text {"type":"hello"}"#)
                for request in [
                    #"{"op":"subscribe","chat_id":1}"#, #"{"op":"send","chat_id":1,"text":"a"}"#,
                    #"{"op":"send","chat_id":9,"text":"a"}"#, #"{"op":"ping"}"#, #"{"op":"\u000a"}"#, "[",
                ] {
                    try await socket.send(.text(request))
                }
                while let frame = try await socket.nextFrame(), !frame.contains("invalid_json") {}
                socket.halfClose()
                while try await socket.nextFrame() != nil {}
            }
        }
        let requests = fields(of: lines, "WebSocket request")
        #expect(requests.map { $0["op"] } == ["subscribe", "send", "send", "-", "-"])
        #expect(requests.map { $0["code"] } == [nil, nil, "chat_not_found", "unknown_operation", "invalid_json"])
        #expect(requests.allSatisfy { $0["address"] == "127.0.0.1" && $0["duration_ms"]?.isNumber == true })
        let closed = fields(of: lines, "WebSocket closed")
        #expect(closed.count == 1)
        #expect(closed.first?["events"] == 1)
        #expect(closed.first?["code"] == 1_006)
    }

    @Test func `health checks are logged only at the debug level`() async throws {
        for (level, count) in [("info", 0), ("debug", 2)] {
            let lines = try await log(level: level) { client async throws in
                #expect(try await client.send("GET", "/health/live").status == 200)
                #expect(try await client.send("GET", "/health/ready").status == 200)
            }
            let requests = lines.filter { $0["message"] == "Request" }
            #expect(requests.count == count)
            #expect(requests.allSatisfy { $0["level"] == "debug" })
        }
    }

    /// Nobody reads the log during the requests.
    @Test func `dropped log lines are counted`() async throws {
        let requests = 400
        let path = "/" + String(repeating: "x", count: 12_000)
        let lines = try await log { client async throws in
            try await client.withKeptConnection { connection async throws in
                for _ in 0..<requests {
                    #expect(try await connection.send("GET", path).status == 404)
                }
            }
        }
        let written = fields(of: lines, "Request").count
        let dropped = fields(of: lines, "Log lines were dropped").compactMap { $0["count"]?.integer }
        #expect(!dropped.isEmpty)
        #expect(written + Int(dropped.reduce(0, +)) == requests)
    }
}
