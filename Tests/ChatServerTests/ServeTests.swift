import ChatTestSupport
import Foundation
import NIOCore
import Subprocess
import Testing

/// The running program: starting, stopping, logging.
@Suite(.timeLimit(.minutes(5)))
struct ServeTests {
    @Test(arguments: [Signal.terminate, .interrupt])
    func `a signal stops the server with exit code 0`(_ signal: Signal) async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve(in: folder, endingWith: signal) { client async throws in
                #expect(try await client.send("POST", "/chats/", body: #"{"title":"a"}"#).status == 201)
            }
            #expect(outcome.status == 0)
            #expect(outcome.errors.contains("Migrated to 0004"))
            #expect(outcome.errors.contains("/docs"))
            #expect(outcome.errors.contains("Database: sqlite:///chat.db"))
            #expect(outcome.errors.contains("Stopped"))
            // The next start finds the data, and nothing to migrate.
            let again = try await ChatAPIProcess.serve(in: folder) { client async throws in
                #expect(try await client.send("GET", "/chats/1").status == 200)
            }
            #expect(again.status == 0)
            #expect(!again.errors.contains("Migrated"))
        }
    }

    @Test func `a low limit on open files lowers the number of connections`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve(in: folder, openFiles: 200) { client async throws in
                try await withConnections(250, to: client) { () async throws in
                    #expect(try await client.send("GET", "/health/live").status == 200)
                }
            }
            #expect(outcome.errors.contains("allows fewer connections than --max-connections"))
        }
    }

    private func withConnections(
        _ count: Int,
        to client: HTTPTestClient,
        _ body: () async throws -> Void
    ) async throws {
        guard count > 0 else { return try await body() }
        try await client.withConnection { _, _ in try await withConnections(count - 1, to: client, body) }
    }

    @Test func `a request in flight is finished before the server exits`() async throws {
        try await withTemporaryFolder { folder in
            let (answers, answered) = AsyncStream.makeStream(of: [UInt8].self)
            let outcome = try await ChatAPIProcess.serve(in: folder) { client async throws in
                let (heads, headSent) = AsyncStream.makeStream(of: Void.self)
                Task {
                    let bytes = try await client.withConnection { inbound, outbound in
                        let body = #"{"title":"in flight"}"#
                        let head = """
                            POST /chats/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                            Content-Length: \(body.utf8.count)\r\n\r\n
                            """
                        // A first request ensures that the server has accepted the connection.
                        try await outbound.write(
                            ByteBuffer(string: "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" + head)
                        )
                        _ = try await inbound.next()
                        headSent.yield()
                        try await Task.sleep(for: .milliseconds(500))
                        try await outbound.write(ByteBuffer(string: body))
                        return try await inbound.readToEnd()
                    }
                    answered.yield(bytes)
                }
                for await _ in heads { break }
            }
            let answer = await answers.first { _ in true }
            #expect(try HTTPTestResponse(answer ?? []).status == 201)
            #expect(outcome.status == 0)
        }
    }

    @Test func `the queue has the configured length and timeout`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve(
                "--queue-size=1",
                "--queue-timeout=8",
                "--sqlite-busy-timeout=60",
                in: folder
            ) { client async throws in
                #expect(try await client.send("POST", "/chats/", body: #"{"title":"busy"}"#).status == 201)
                // One runs, one waits, and the rest find the queue full; all arrive well within the timeout.
                let answers = try await withThrowingTaskGroup(of: (HTTPTestResponse, Duration).self) { group in
                    var answers: [(response: HTTPTestResponse, duration: Duration)] = []
                    try await withSQLiteLock(folder) {
                        for number in 0..<12 {
                            group.addTask {
                                let start = ContinuousClock.now
                                let body = #"{"text":"\#(number)"}"#
                                let response = try await client.send("POST", "/chats/1/messages/", body: body)
                                return (response, start.duration(to: .now))
                            }
                        }
                        while answers.count < 11, let answer = try await group.next() {
                            answers.append(answer)
                        }
                    }
                    return try await group.reduce(into: answers) { $0.append($1) }
                }
                for (response, duration) in answers.prefix(11) {
                    #expect(response.status == 503)
                    #expect(response.headers["retry-after"] != nil)
                    #expect(try response.json["code"] == "unavailable")
                    #expect(duration < .seconds(60))
                }
                #expect(answers[10].duration >= .seconds(8))
                #expect(answers.prefix(10).allSatisfy { $0.duration < answers[10].duration })
                #expect(answers[11].response.status == 201)
                #expect(try answers[11].response.json["seq"] == 1)
            }
            #expect(outcome.errors.matches(of: /too many requests are waiting/).count == 10)
            #expect(
                outcome.errors.matches(of: /the database took too long for earlier requests/).count == 1,
                "\(outcome.errors)"
            )
        }
    }

    @Test func `a queued request is carried out even if its client disconnects`() async throws {
        try await withTemporaryFolder { folder in
            let limits = ["--queue-size=1", "--queue-timeout=20", "--sqlite-busy-timeout=60"]
            _ = try await ChatAPIProcess.serve(limits[0], limits[1], limits[2], in: folder) { client async throws in
                #expect(try await client.send("POST", "/chats/", body: #"{"title":"busy"}"#).status == 201)
                let body = #"{"text":"left"}"#
                let post = """
                    POST /chats/1/messages/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                    Content-Length: \(body.utf8.count)\r\n\r\n\(body)
                    """
                try await withSQLiteLock(folder) {
                    // One runs, one waits, the third is rejected.
                    for _ in 0..<3 {
                        try await client.withConnection { _, outbound in
                            try await outbound.write(ByteBuffer(string: post))
                        }
                    }
                    // This request arrives after those three.
                    let refused = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"refused"}"#)
                    #expect(refused.status == 503)
                }
                // Rejected while the first two are written; then the queue has room again.
                var last: Int64?
                repeat {
                    let next = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"next"}"#)
                    last = try next.json["seq"]?.integer
                } while last == nil
                // Hummingbird does not cancel the handler of a client that has left.
                #expect(last == 3)
                let chat = try await client.send("GET", "/chats/1").json
                #expect(chat["messages"]?.elements.map { $0["text"]?.string } == ["left", "left", "next"])
            }
        }
    }

    @Test func `a request that outlives the grace period is cut off and the exit code is 0`() async throws {
        try await withTemporaryFolder { folder in
            let (done, finish) = AsyncStream.makeStream(of: Void.self)
            let outcome = try await ChatAPIProcess.serve("--shutdown-grace=0.3", in: folder) { client async throws in
                let (heads, headSent) = AsyncStream.makeStream(of: Void.self)
                Task {
                    _ = try? await client.withConnection { inbound, outbound in
                        let head = "POST /chats/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
                        try await outbound.write(
                            ByteBuffer(string: "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" + head)
                        )
                        _ = try await inbound.next()
                        headSent.yield()
                        return try await inbound.readToEnd()
                    }
                    finish.finish()
                }
                for await _ in heads { break }
            }
            for await _ in done {}
            #expect(outcome.status == 0)
        }
    }

    @Test func `a port in use is reported in one line`() async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.serve(in: folder) { client async throws in
                let second = try await ChatAPIProcess.run(
                    "serve",
                    "--port=\(client.port)",
                    "--database-url=sqlite::memory:",
                    "--log-level=error",
                    in: folder
                )
                #expect(second.status == 1)
                #expect(
                    second.errors
                        == "Error: cannot listen on 127.0.0.1:\(client.port): Address already in use: stop the program that uses it, or set another port (see --host, --port)\n"
                )
            }
        }
    }

    @Test func `an unknown host is reported in one line`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.run(
                "serve",
                "--host=no.such.host.invalid",
                "--auth=open",
                "--database-url=sqlite::memory:",
                "--log-level=error",
                in: folder
            )
            #expect(outcome.status == 1)
            #expect(
                outcome.errors
                    == "Error: cannot listen on no.such.host.invalid:8000: host not found (see --host)\n"
            )
        }
    }

    @Test func `no other user can read the database`() async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.serve(in: folder) { client async throws in
                try await client.createChats()
                for name in ["chat.db", "chat.db-wal", "chat.db-shm"] {
                    let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
                    #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
                }
            }
        }
    }

    @Test func `a missing folder is reported in one line`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.run(
                "serve",
                "--database-url=sqlite:////nowhere/chat.db",
                in: folder
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("Error: cannot open /nowhere/chat.db: "))
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func `each request is logged as one line of JSON`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve("--log-format=json", in: folder) { client async throws in
                let headers = ["X-Request-ID": "r-1"]
                #expect(try await client.send("GET", "/chats/7?limit=1", headers: headers).status == 404)
            }
            let lines = try outcome.errors.split(separator: "\n").map { line in
                try JSONDecoder().decode(JSON.self, from: Data(line.utf8))
            }
            let request = try #require(lines.first { $0["message"] == "Request" && $0["fields"]?["status"] == 404 })
            #expect(request["level"] == "info")
            let fields = try #require(request["fields"])
            #expect(fields["hb.request.id"] == "r-1")
            #expect(fields["method"] == "GET")
            #expect(fields["route"] == "/chats/{chat_id}")
            #expect(fields["path"] == "/chats/7")
            #expect(fields["address"] == "127.0.0.1")
            // Numbers are JSON numbers, for programs that compute with them.
            let duration = try #require(fields["duration_ms"])
            #expect(duration.string == nil)
            #expect(duration.isNumber)
        }
    }

    @Test func `the healthcheck command tells whether the server is ready`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve(in: folder) { client async throws in
                let healthy = try await ChatAPIProcess.run("healthcheck", "--port=\(client.port)", in: folder)
                #expect(healthy.status == 0)
                #expect(healthy.output == "ready\n")
                // A schema that does not match the program makes the server unready.
                let stamped = try await ChatAPIProcess.run("migrate", "stamp", "base", "--force", in: folder)
                #expect(stamped.status == 0)
                let unready = try await ChatAPIProcess.run("healthcheck", "--port=\(client.port)", in: folder)
                #expect(unready.status == 1)
                #expect(
                    unready.errors == "Error: http://127.0.0.1:\(client.port) is not ready: 503 Service Unavailable\n"
                )
                let response = try await client.send("GET", "/health/ready")
                #expect(response.text == #"{"status":"unavailable","reason":"the database is not available"}"#)
            }
            // The log has the reason once, and no line per request.
            #expect(outcome.errors.matches(of: /Not ready .*the schema is at base, but this chat-api needs/).count == 1)
            #expect(!outcome.errors.contains("/health/ready"))
            let gone = try await ChatAPIProcess.run("healthcheck", "--port=1", in: folder)
            #expect(gone.status == 1)
            #expect(gone.errors == "Error: cannot reach http://127.0.0.1:1: Connection refused\n")
        }
    }
}
