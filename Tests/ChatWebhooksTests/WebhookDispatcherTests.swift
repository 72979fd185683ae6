import ChatDomain
import ChatPostgres
import ChatTestSupport
import ChatWebhooks
import Hummingbird
import Logging
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2)))
struct WebhookDispatcherTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `entries arrive in order, signed, and once`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await withReceiver { receiver in
                let chats = [
                    try await store.createChat(titled: ChatTitle("one")),
                    try await store.createChat(titled: ChatTitle("two")),
                ]
                _ = try await store.postMessage(MessageText("before"), to: chats[0].id)
                let webhook = try await store.createWebhook(to: receiver)
                let epoch = try await store.log(of: chats[0].id, after: 0, limit: 1, by: .anonymous).epoch.text
                try await Deliveries(store).run { deliveries in
                    for number in 0..<20 {
                        _ = try await store.postMessage(MessageText("text \(number)"), to: chats[number % 2].id)
                    }
                    var received: [Int64: [Int64]] = [:]
                    while received.values.joined().count < 20 {
                        let request = try await receiver.next()
                        let (chat, positions) = (try #require(request.chat), request.positions)
                        let id = "\(webhook.id.rawValue).\(chat).\(epoch).\(positions[0])-\(positions.last ?? 0)"
                        #expect(request.id == id)
                        #expect(request.signatures == [request.signature(with: webhook.secret)])
                        received[chat, default: []] += positions
                    }
                    #expect(received[chats[0].id.rawValue] == Array(2...11))
                    #expect(received[chats[1].id.rawValue] == Array(1...10))
                    try await deliveries.wait(untilEntries: 20)
                    let state = try await store.webhookState(webhook.id)
                    #expect(state.pendingChats == 0 && state.failingChats == 0)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a request that a crash left open is sent again under the same id`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let gate = Gate()
            try await withReceiver { _ in
                await gate.wait()
                return Response(.ok)
            } _: { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                _ = try await store.createWebhook(to: receiver)
                let first = Task {
                    try await Deliveries(store).run { _ in
                        _ = try await store.postMessage(MessageText("one"), to: chat.id)
                        _ = try await receiver.next()
                        withUnsafeCurrentTask { $0?.cancel() }
                    }
                }
                _ = await first.result
                _ = try await store.postMessage(MessageText("two"), to: chat.id)
                gate.open()
                try await Deliveries(store).run { deliveries in
                    try await deliveries.wait(untilEntries: 2)
                }
                #expect(receiver.requests.map(\.positions) == [[1], [1], [2]])
                #expect(receiver.requests[0].id == receiver.requests[1].id)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `Retry-After is honored, and the same request follows`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let responses = Responses([Response(.serviceUnavailable, retryAfter: "60")])
            try await withReceiver { _ in
                responses.next()
            } _: { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                let other = try await store.createChat(titled: ChatTitle("other"))
                let webhook = try await store.createWebhook(to: receiver)
                try await Deliveries(store).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chat.id)
                    #expect(try await deliveries.next().result == .retried)
                    let failing = try #require(try await store.webhookState(webhook.id).failing.first)
                    #expect(failing.error == "HTTP status 503")
                    let pause = failing.failingSince.duration(to: try #require(failing.retryAt))
                    #expect(pause > .seconds(59) && pause < .seconds(61))
                    _ = try await store.postMessage(MessageText("two"), to: chat.id)
                    await deliveries.advance(by: .seconds(50))
                    _ = try await store.postMessage(MessageText("other"), to: other.id)
                    try await deliveries.wait(untilEntries: 1)
                    #expect(receiver.requests.map(\.chat) == [chat.id.rawValue, other.id.rawValue])
                    await deliveries.advance(by: .seconds(10))
                    try await deliveries.wait(untilEntries: 3)
                    let requests = receiver.requests.filter { $0.chat == chat.id.rawValue }
                    #expect(requests.map(\.positions) == [[1], [1], [2]])
                    #expect(requests[0].id == requests[1].id && requests[0].bytes == requests[1].bytes)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a receiver that is gone disables its webhook`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let responses = Responses([Response(.gone)])
            try await withReceiver { _ in
                responses.next()
            } _: { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                let webhook = try await store.createWebhook(to: receiver)
                try await Deliveries(store).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chat.id)
                    #expect(try await deliveries.next().result == .disabled)
                    let state = try await store.webhookState(webhook.id)
                    #expect(state.webhook.disabled?.reason == "the receiver responded 410 Gone")
                    _ = try await store.postMessage(MessageText("two"), to: chat.id)
                    await deliveries.advance(by: .seconds(100_000))
                    var edit = WebhookEdit()
                    edit.isEnabled = true
                    _ = try await store.editWebhook(webhook.id, edit)
                    await deliveries.advance(by: .zero)
                    try await deliveries.wait(untilEntries: 2)
                    #expect(receiver.requests.flatMap(\.positions) == [1, 1, 2])
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat that fails for days is stalled, and the others go on`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let chats = [
                try await store.createChat(titled: ChatTitle("bad")),
                try await store.createChat(titled: ChatTitle("good")),
            ]
            let bad = chats[0].id.rawValue
            try await withReceiver {
                $0.chat == bad ? Response(.internalServerError) : Response(.ok)
            } _: { receiver in
                let webhook = try await store.createWebhook(to: receiver)
                try await Deliveries(store).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chats[0].id)
                    var results = [try await deliveries.next().result]
                    while results.last == .retried, results.count < 40 {
                        await deliveries.advance(by: .seconds(6 * 3_600))
                        results.append(try await deliveries.next().result)
                    }
                    #expect(results.last == .stalled)
                    #expect(results.count == 13)
                    let state = try await store.webhookState(webhook.id)
                    #expect(state.stalledChats == 1 && state.pendingChats == 0)

                    _ = try await store.postMessage(MessageText("two"), to: chats[0].id)
                    _ = try await store.postMessage(MessageText("one"), to: chats[1].id)
                    let activity = try await deliveries.next()
                    #expect(activity.chatID == chats[1].id && activity.result == .delivered)
                    #expect(receiver.requests.count { $0.chat == bad } == 13)
                }
            }
        }
    }

    @Test func `a receiver that is slow does not hold up another one`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let gate = Gate()
            try await withReceiver { request in
                if request.path == "/slow" { await gate.wait() }
                return Response(.ok)
            } _: { receiver in
                var chats: [Chat] = []
                for number in 0..<40 {
                    chats.append(try await store.createChat(titled: ChatTitle("chat \(number)")))
                }
                for _ in 0..<5 {
                    _ = try await store.createWebhook(to: receiver, path: "/slow")
                }
                _ = try await store.createWebhook(to: receiver, path: "/fast")
                try await Deliveries(store).run { deliveries in
                    for chat in chats {
                        _ = try await store.postMessage(MessageText("text"), to: chat.id)
                    }
                    try await deliveries.wait(untilEntries: 40)
                    #expect(receiver.requests.count { $0.path == "/fast" } == 40)
                    gate.open()
                    try await deliveries.wait(untilEntries: 240)
                }
            }
        }
    }

    @Test func `of two servers, one delivers, and the other takes over`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { one in
                try await withPostgres(url) { other in
                    try await withReceiver { receiver in
                        let chat = try await one.createChat(titled: ChatTitle("chat"))
                        let webhook = try await one.createWebhook(to: receiver)
                        try await Deliveries(other).run { second in
                            try await Deliveries(one, holder: "b").run { first in
                                // The lease is the second server's, which is not told of this entry.
                                _ = try await one.postMessage(MessageText("one"), to: chat.id)
                                await first.dispatcher.renew()
                                await second.advance(by: .seconds(5))
                                try await second.wait(untilEntries: 1)
                                await second.dispatcher.stop()
                                _ = try await one.postMessage(MessageText("two"), to: chat.id)
                                await first.dispatcher.renew()
                                try await first.wait(untilEntries: 1)
                            }
                        }
                        #expect(receiver.requests.map(\.positions) == [[1], [2]])
                        #expect(try await one.webhookState(webhook.id).pendingChats == 0)
                    }
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `while a secret is replaced, both sign`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await withReceiver { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                let webhook = try await store.createWebhook(to: receiver)
                var edit = WebhookEdit()
                edit.secret = .random()
                let edited = try await store.editWebhook(webhook.id, edit)
                try await Deliveries(store).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chat.id)
                    let request = try await receiver.next()
                    let both = [edited.secret, webhook.secret].map { request.signature(with: $0) }
                    #expect(request.signatures == both)
                    try await deliveries.wait(untilEntries: 1)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `types that the webhook does not want are skipped`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await withReceiver { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                let webhook = try await store.createWebhook(to: receiver, types: [.entry(.messageDeleted)])
                try await Deliveries(store).run { deliveries in
                    let message = try await store.postMessage(MessageText("one"), to: chat.id)
                    for number in 0..<110 {
                        _ = try await store.postMessage(MessageText("text \(number)"), to: chat.id)
                    }
                    try await store.delete(message.id, in: chat.id)
                    let request = try await receiver.next()
                    #expect(request.positions == [112])
                    try await deliveries.wait(untilEntries: 1)
                    try await store.deleteChat(chat.id)
                    // Skipped, too, but the position goes.
                    while try await store.webhookState(webhook.id).pendingChats > 0 {
                        await deliveries.advance(by: .seconds(1))
                    }
                    #expect(receiver.requests.count == 1)
                }
            }
        }
    }

    @Test func `an entry that is posted while an outcome is being stored follows at once`() async throws {
        try await StoreUnderTest.postgresql.withStoreAndSQL { store, sql in
            try await sql.execute(
                """
                CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END';
                CREATE TRIGGER pause BEFORE UPDATE OF last_success_at ON webhooks FOR EACH ROW EXECUTE FUNCTION pause();
                """
            )
            try await withReceiver { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                _ = try await store.createWebhook(to: receiver)
                try await Deliveries(store).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chat.id)
                    // Its outcome is stored by a statement that no longer sees what is posted now.
                    let pauses =
                        "SELECT '' FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
                    while try await sql.rows(pauses).isEmpty {}
                    _ = try await store.postMessage(MessageText("two"), to: chat.id)
                    try await deliveries.wait(untilEntries: 2)
                    #expect(receiver.requests.map(\.positions) == [[1], [2]])
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deletion is delivered`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await withReceiver { receiver in
                let chat = try await store.createChat(titled: ChatTitle("chat"))
                _ = try await store.createWebhook(to: receiver)
                try await Deliveries(store).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chat.id)
                    try await deliveries.wait(untilEntries: 1)
                    try await store.deleteChat(chat.id)
                    #expect(try await deliveries.next().result == .delivered)
                    #expect(receiver.requests.map(\.type) == ["chat.entries", "chat.deleted"])
                    #expect(receiver.requests[1].chat == chat.id.rawValue)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a delivery names members without an open stream`(on kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            try await withReceiver { receiver in
                let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob", "carol"]))
                let chat = try await store.createChat(draft, by: .ungranted("alice")).value
                _ = try await store.createWebhook(to: receiver, withOffline: true)
                try await Deliveries(store, connected: ["bob"]).run { deliveries in
                    _ = try await store.postMessage(MessageText("one"), to: chat.id)
                    let offline = try await receiver.next().body["offline"]?.elements.map(\.string)
                    #expect(offline == ["alice", "carol"])
                    try await deliveries.wait(untilEntries: 1)
                }
            }
        }
    }

    @Test func `a test event reports what the receiver responded`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let responses = Responses([Response(.ok), Response(.badRequest)])
            try await withReceiver { _ in
                responses.next()
            } _: { receiver in
                let webhook = try await store.createWebhook(to: receiver)
                let dispatcher = Deliveries(store).dispatcher
                let trace = try #require(TraceParent("00-\(Self.traceID)-b7ad6b7169203331-01"))
                let good = await dispatcher.test(webhook, as: trace)
                #expect(good.status == 200 && good.error == nil)
                let bad = await dispatcher.test(webhook, as: nil)
                #expect(bad.status == 400 && bad.error == "HTTP status 400")
                #expect(receiver.requests.map(\.type) == ["webhook.test", "webhook.test"])
                #expect(receiver.requests[0].signatures == [receiver.requests[0].signature(with: webhook.secret)])
                #expect(Set(receiver.requests.map(\.id)).count == 2)
                #expect(receiver.requests.map(\.traceID) == [Self.traceID, nil])
            }
        }
    }

    private static let traceID = "0af7651916cd43dd8448eb211c80319c"

    @Test func `a delivery continues the trace of its last message that has one`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let gate = Gate()
            try await withReceiver { _ in
                await gate.wait()
                return Response(.ok)
            } _: { receiver in
                let chats = [
                    try await store.createChat(titled: ChatTitle("traced")).id,
                    try await store.createChat(titled: ChatTitle("other")).id,
                ]
                _ = try await store.createWebhook(to: receiver)
                try await Deliveries(store).run { deliveries in
                    let trace = try #require(TraceParent("00-\(Self.traceID)-b7ad6b7169203331-01"))
                    deliveries.dispatcher.noticeTrace(trace, of: chats[0], at: 2)
                    _ = try await store.postMessage(MessageText("one"), to: chats[0])
                    #expect(try await receiver.next().traceID == nil)
                    for text in ["two", "three"] {
                        _ = try await store.postMessage(MessageText(text), to: chats[0])
                    }
                    gate.open()
                    let traced = try await receiver.next()
                    #expect(traced.positions == [2, 3] && traced.traceID == Self.traceID)
                    for chat in chats {
                        _ = try await store.postMessage(MessageText("later"), to: chat)
                        #expect(try await receiver.next().traceID == nil)
                    }
                    try await deliveries.wait(untilEntries: 5)
                }
            }
        }
    }
}
