import ChatTestSupport
import Foundation
import Glibc
import Subprocess
import Testing

/// How the running program stops behind a load balancer.
@Suite(.timeLimit(.minutes(5)))
struct DrainTests {
    private func waitUntilUnready(_ client: HTTPTestClient) async throws {
        while true {
            let response = try await client.send("GET", "/health/ready")
            if response.status == 503 {
                #expect(response.text == #"{"status":"unavailable","reason":"shutting down"}"#)
                return
            }
        }
    }

    /// A second signal, sent once everything was checked, ends the draining.
    @Test func `a server that drains is not ready but keeps serving`() async throws {
        try await withTemporaryFolder { folder in
            let (streams, streaming) = AsyncStream.makeStream(of: Task<[String?], any Error>.self)
            let outcome = try await ChatAPIProcess.serve("--drain-delay=3600", in: folder) { client async throws in
                try await client.createChats()
                let (greetings, greet) = AsyncStream.makeStream(of: Void.self)
                let stream = Task {
                    try await client.withEvents("/chats/1/events") { stream in
                        var types = try await stream.events(through: "caught_up").map(\.type)
                        greet.yield()
                        while let event = try await stream.nextEvent() { types.append(event.type) }
                        return types
                    }
                }
                for await _ in greetings { break }
                streaming.yield(stream)
                #expect(kill(try #require(client.processID), SIGTERM) == 0)
                try await waitUntilUnready(client)
                #expect(try await client.send("GET", "/health/live").status == 200)
                #expect(try await client.send("POST", "/chats/1/messages", body: #"{"text":"still"}"#).status == 201)
                try await client.withEvents("/chats/1/events?after=0") { stream async throws in
                    #expect(try await stream.events(through: "caught_up").count == 3)
                }
            }
            #expect(outcome.status == 0)
            #expect(outcome.errors.contains("Draining seconds=3600"))
            #expect(outcome.errors.contains("Stopped"))
            let stream = await streams.first { _ in true }
            #expect(try await stream?.value == ["hello", "caught_up", "message.created", "reconnect"])
        }
    }

    @Test func `the server stops once the drain delay has passed`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ContinuousClock()
            var start = clock.now
            let outcome = try await ChatAPIProcess.serve("--drain-delay=1", in: folder) { client async throws in
                #expect(try await client.send("GET", "/health/ready").status == 200)
                start = clock.now
            }
            #expect(outcome.status == 0)
            #expect(start.duration(to: clock.now) >= .seconds(1))
        }
    }
}
