import Synchronization
import Testing

/// Clients that write to a chat at full speed, and readers that drop their connections at random moments and come back.
///
/// Nobody is to lose anything, though servers are killed on the way.
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
    ///   - writing: Where messages are posted, to the chat 1, which is empty.
    ///   - reading: Where they are read.
    package init(posts: Int64, readers: Int, writing: ServerSlot, reading: ServerSlot) {
        self.posts = posts
        self.readers = readers
        self.writing = writing
        self.reading = reading
        (milestones, milestone) = AsyncStream.makeStream()
    }

    /// Returns as soon as so many posts were acknowledged; may be called once.
    package func waitForPosts(_ count: Int64) async {
        for await acknowledged in milestones where acknowledged >= count { return }
    }

    /// Returns when every reader has seen everything.
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
        // What was read live, what was replayed, and what was written before and after a crash is the same.
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
            var patience = Int.random(in: 0...Int(posts) / 6, using: &random)
            // A browser sends the id of the last event, and the address as it was.
            let headers = id.map { ["Last-Event-ID": $0] } ?? [:]
            do {
                try await server.client.withEvents("/chats/1/events?after=0", headers: headers) { stream in
                    while patience > 0, log.count < posts, let event = try await stream.nextEvent() {
                        id = event.id ?? id
                        guard event.type == "message.created" else { continue }
                        patience -= 1
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
