import ChatDomain
import ChatIdentity
import ChatLive
import ChatTestSupport
import Synchronization
import Testing

/// Members who are removed and added through one server while they read from another.
@Suite(.timeLimit(.minutes(5)))
struct MemberTrafficTests {
    /// What one stream of a reader received.
    private struct Visit {
        /// The end of the log when the reader's membership was checked.
        var checkedAt: Int64 = 0
        var positions: [Int64] = []
        /// Whether the server ended it because the user had left.
        var hasEnded = false
    }

    /// Whether the last user was added.
    private final class Churn: Sendable {
        let isDone = Atomic(false)
    }

    private static let users: [UserID] = ["bob", "eve", "zoe"]
    private static let rounds = 40

    /// Reads until the message `end`, and reconnects whenever the user is a member.
    private func read(
        as user: UserID,
        _ access: TestAccess,
        _ client: HTTPTestClient,
        onConnect: @escaping @Sendable () -> Void
    ) async throws -> [Visit] {
        var headers = HTTPTestClient.headers(as: try await access.token(user))
        var visits: [Visit] = []
        var isDone = false
        while !isDone {
            do {
                let visit = try await client.withEvents("/chats/1/events?after=0", headers: headers) { stream in
                    var visit = Visit()
                    while let event = try await stream.nextEvent() {
                        let json = try event.json
                        if event.type == "hello" { visit.checkedAt = try #require(json["last_seq"]?.integer) }
                        visit.hasEnded = event.type == "chat.deleted"
                        if let position = json["seq"]?.integer { visit.positions.append(position) }
                        if event.type == "caught_up" { onConnect() }
                        isDone = json["message"]?["text"] == "end"
                        if isDone { break }
                    }
                    headers["Last-Event-ID"] = stream.lastEventID
                    return visit
                }
                visits.append(visit)
            } catch let refused as HTTPTestClient.Refused {
                #expect(refused.response.status == 404)
            }
        }
        return visits
    }

    /// Removes users and adds them again; the other server refuses a removed user at once.
    private func churn(_ store: any ServiceStore, _ access: TestAccess, _ client: HTTPTestClient) async throws {
        var random = SplitMix64(state: 15)
        for round in 0..<Self.rounds {
            let user = Self.users[round % Self.users.count]
            let headers = HTTPTestClient.headers(as: try await access.token(user))
            #expect(try await client.send("GET", "/chats/1", headers: headers).status == 200)
            try await store.change(.remove(user), in: 1, by: "ada")
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                for path in ["/chats/1", "/chats/1/log", "/chats/1/events"] {
                    #expect(try await client.send("GET", path, headers: headers).status == 404)
                }
            }
            let role: ChatRole = Bool.random(using: &random) ? .reader : .member
            try await store.change(.setRole(user, role), in: 1, by: "ada")
        }
    }

    /// Compares what a reader received with the rule: everything up to the user's own departure, and nothing after it.
    private func check(_ visits: [Visit], of user: UserID, against log: [LogEntry]) throws {
        let departures = log.filter { $0.kind == .memberLeft && $0.leavers.contains(user) }.map(\.position.rawValue)
        let end = try #require(log.last?.position.rawValue)
        #expect(visits.flatMap(\.positions) == Array(1...end))
        #expect(visits.filter(\.hasEnded).count == visits.count - 1)
        #expect(visits.count > 1)
        for visit in visits {
            let departure = departures.first { $0 > visit.checkedAt }
            #expect(visit.positions.allSatisfy { $0 <= departure ?? end })
            #expect(visit.positions.last == (visit.hasEnded ? departure : end))
        }
    }

    @Test func `readers receive what they may while another server removes and adds them`() async throws {
        try await TestPostgres.withDatabase { url in
            try await TestAccess.withPeer(url) { other, _ in
                let store = other.store
                let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(Self.users))
                _ = try await store.createChat(draft, by: .ungranted("ada"))
                try await TestAccess.withPeer(url) { access, client in
                    let (connections, connection) = AsyncStream.makeStream(of: Void.self)
                    let churning = Churn()
                    let readers = Self.users + Self.users
                    let visits = try await withThrowingTaskGroup(of: (UserID, [Visit])?.self) { group in
                        for user in readers {
                            group.addTask {
                                (user, try await read(as: user, access, client) { connection.yield() })
                            }
                        }
                        group.addTask {
                            while !churning.isDone.load(ordering: .relaxed) {
                                _ = try await store.postMessage(MessageText("text"), to: 1)
                            }
                            _ = try await store.postMessage(MessageText("end"), to: 1)
                            return nil
                        }
                        group.addTask {
                            for await _ in connections.prefix(readers.count) {}
                            try await churn(store, access, client)
                            churning.isDone.store(true, ordering: .relaxed)
                            return nil
                        }
                        return try await group.reduce(into: []) { visits, visit in visits += visit.map { [$0] } ?? [] }
                    }
                    let log = try await entireLog(of: 1, store)
                    for (user, visits) in visits {
                        try check(visits, of: user, against: log)
                    }
                }
            }
        }
    }

    private func entireLog(of chat: ChatID, _ store: any ServiceStore) async throws -> [LogEntry] {
        var entries: [LogEntry] = []
        while true {
            let position = entries.last?.position ?? 0
            let page = try await store.log(of: chat, after: position, limit: 100)
            if page.entries.isEmpty { return entries }
            entries += page.entries
        }
    }
}
