import Synchronization
import Testing

/// Clients that post to a chat at full speed, and readers that disconnect at random and resume.
///
/// No reader may miss or repeat an entry, even if servers are killed meanwhile.
package final class LiveTraffic: Sendable {
    private let posts: Int64
    private let readers: Int
    private let writing: ServerSlot
    private let reading: ServerSlot
    private let lastPost = Atomic<Int64>(0)
    private let acknowledged = Atomic<Int64>(0)
    private let milestones: AsyncStream<Int64>
    private let milestone: AsyncStream<Int64>.Continuation

    /// - Parameters:
    ///   - writing: The server to post to; its chat 1 must be empty.
    ///   - reading: The server to read from.
    package init(posts: Int64, readers: Int, writing: ServerSlot, reading: ServerSlot) {
        self.posts = posts
        self.readers = readers
        self.writing = writing
        self.reading = reading
        (milestones, milestone) = AsyncStream.makeStream()
    }

    /// Returns once this many posts have been acknowledged; call it at most once.
    package func waitForPosts(_ count: Int64) async {
        for await acknowledged in milestones where acknowledged >= count { return }
    }

    /// Returns once every reader has received every message, and checks that all of them received the same log.
    package func run() async throws {
        defer { milestone.finish() }
        let logs = try await withThrowingTaskGroup(of: [String]?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await self.write()
                    return nil
                }
            }
            for number in 0..<readers {
                group.addTask { try await self.read(SplitMix64(state: UInt64(number))) }
            }
            return try await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
        }
        // Live or replayed, before or after a crash, every reader gets the same log.
        #expect(logs.count == readers)
        #expect(Set(logs).count == 1)
        let texts = logs.first?.compactMap { $0.firstMatch(of: /"text":"(\d+)"/).flatMap { Int64($0.1) } }
        #expect(texts?.sorted() == Array(1...posts))
    }

    private func write() async throws {
        var server = try await writing.server()
        var number = lastPost.add(1, ordering: .relaxed).newValue
        while number <= posts {
            do {
                try await server.client.withKeptConnection { connection in
                    while number <= posts {
                        let response = try await connection.send(
                            "POST",
                            "/chats/1/messages",
                            headers: ["Idempotency-Key": "\(number)"],
                            body: #"{"text":"\#(number)"}"#
                        )
                        #expect([200, 201].contains(response.status), "\(response.text)")
                        milestone.yield(acknowledged.add(1, ordering: .relaxed).newValue)
                        number = lastPost.add(1, ordering: .relaxed).newValue
                    }
                }
            } catch {
                server = try await writing.server(after: server)
            }
        }
    }

    private func read(_ random: SplitMix64) async throws -> [String] {
        var random = random
        var server = try await reading.server()
        var log: [String] = []
        var id: String?
        while log.count < posts {
            var eventsUntilDisconnect = Int.random(in: 0...Int(posts) / 6, using: &random)
            // A browser reconnects to the original URL with the id of the last event.
            let headers = id.map { ["Last-Event-ID": $0] } ?? [:]
            do {
                try await server.client.withEvents("/chats/1/events?after=0", headers: headers) { stream in
                    while eventsUntilDisconnect > 0, log.count < posts, let event = try await stream.nextEvent() {
                        id = event.id ?? id
                        guard event.type == "message.created" else { continue }
                        eventsUntilDisconnect -= 1
                        guard event.place == "\(log.count + 1)" else { throw Hole(after: log.count, event: event) }
                        log.append(event.data)
                    }
                }
            } catch let hole as Hole {
                throw hole
            } catch {
                server = try await reading.server(after: server)
            }
        }
        return log
    }

    private struct Hole: Error {
        let after: Int
        let event: ServerSentEvent
    }
}
