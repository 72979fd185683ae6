import ChatDomain
import ChatTestSupport
import PostgresClient
import Synchronization
import Testing

/// What every store must do with webhooks and what they are to receive.
@Suite(.timeLimit(.minutes(5)))
struct WebhookConformanceTests {
    private typealias Store = any ServiceStore & ChatArchive

    private static let url = WebhookURL(stored: "https://example.com/hook")

    private func draft(chats: Set<ChatID>? = nil) -> WebhookDraft {
        WebhookDraft(url: Self.url, chats: chats, secret: .random())
    }

    private func chat(_ count: Int = 0, on store: Store) async throws -> ChatID {
        let chat = try await store.createChat(titled: try ChatTitle("chat")).id
        try await post(count, to: chat, on: store)
        return chat
    }

    private func post(_ count: Int = 1, to chat: ChatID, on store: Store) async throws {
        for _ in 0..<count {
            _ = try await store.postMessage(try MessageText("text"), to: chat)
        }
    }

    /// Searches all logs and returns what is due, by chat.
    private func due(
        _ webhook: Webhook,
        on store: Store,
        at now: Instant = .now()
    ) async throws -> [ChatID: WebhookDelivery] {
        while try await store.discoverDeliveries(for: webhook.id, in: nil, at: now) {}
        let deliveries = try await store.dueDeliveries(of: webhook.id, at: now, limit: 100_000)
        return Dictionary(uniqueKeysWithValues: deliveries.map { ($0.chatID, $0) })
    }

    /// Where each chat that is due continues and ends; the end of a deleted chat is 0.
    private func ranges(
        _ webhook: Webhook,
        on store: Store,
        at now: Instant = .now()
    ) async throws -> [ChatID: [Int64]] {
        try await due(webhook, on: store, at: now)
            .mapValues { [$0.position.rawValue, $0.lastPosition?.rawValue ?? 0] }
    }

    /// Records an outcome as the server that has the lease.
    private func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        on store: Store,
        at now: Instant = .now()
    ) async throws {
        #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)).map(\.id).contains(delivery.webhookID))
        #expect(try await store.record(outcome, of: delivery, by: "a", at: now))
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a webhook is stored with everything that it has`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let secret = WebhookSecret.random()
            let full = try await store.createWebhook(
                WebhookDraft(
                    url: Self.url,
                    types: [.entry(.messageCreated), .chatDeleted],
                    chats: [7, 12],
                    withOffline: true,
                    secret: secret
                )
            )
            #expect(full.url == Self.url)
            #expect(full.types == [.entry(.messageCreated), .chatDeleted])
            #expect(full.chats == [7, 12])
            #expect(full.withOffline)
            #expect(full.secret == secret)
            let plain = try await store.createWebhook(draft())
            #expect(plain.types == nil && plain.chats == nil && !plain.withOffline && plain.disabled == nil)
            #expect(plain.id > full.id)
            #expect(try await store.webhooks() == [full, plain])
            #expect(try await store.webhookState(full.id) == WebhookState(webhook: full))

            try await store.deleteWebhook(full.id)
            #expect(try await store.webhooks() == [plain])
            await #expect(throws: StoreError.webhookNotFound) { try await store.deleteWebhook(full.id) }
            await #expect(throws: StoreError.webhookNotFound) { try await store.webhookState(full.id) }
            await #expect(throws: StoreError.webhookNotFound) {
                try await store.editWebhook(full.id, WebhookEdit())
            }
            await #expect(throws: StoreError.webhookNotFound) {
                try await store.discoverDeliveries(for: full.id, in: nil, at: .now())
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an edit changes what it contains`(_ store: StoreUnderTest) async throws {
        let now = Instant.now()
        try await store.withStoreAndSQL(clock: .stopped(at: now)) { store, _ in
            let old = try await store.createWebhook(draft(chats: [7]))
            #expect(try await store.editWebhook(old.id, WebhookEdit()) == old)
            var edit = WebhookEdit()
            edit.url = WebhookURL(stored: "http://example.com/")
            edit.types = .some([.entry(.memberJoined)])
            edit.chats = .some(nil)
            edit.withOffline = true
            edit.secret = .random()
            edit.isEnabled = false
            let new = try await store.editWebhook(old.id, edit)
            #expect(new.url == edit.url && new.types == edit.types && new.chats == nil && new.withOffline)
            #expect(new.secrets(at: now) == [try #require(edit.secret), old.secret])
            #expect(new.secrets(at: now.advanced(by: .seconds(24 * 60 * 60))) == [try #require(edit.secret)])
            #expect(new.disabled == Webhook.Disabling(reason: "disabled by request", instant: now))
            #expect(try await store.webhooks() == [new])
            var enabling = WebhookEdit()
            enabling.types = .some(nil)
            enabling.isEnabled = true
            let enabled = try await store.editWebhook(old.id, enabling)
            #expect(enabled.types == nil && enabled.disabled == nil && enabled.url == edit.url)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `there are a limited number of webhooks`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            for _ in 0..<Webhook.maximumCount {
                _ = try await store.createWebhook(draft())
            }
            await #expect(throws: StoreError.tooManyWebhooks) { try await store.createWebhook(draft()) }
            #expect(try await store.webhooks().count == Webhook.maximumCount)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a webhook gets the entries after its creation`(_ store: StoreUnderTest) async throws {
        let clock = MovingClock()
        try await store.withStoreAndSQL(clock: clock.clock) { store, _ in
            let (quiet, silent) = (try await chat(2, on: store), try await chat(1, on: store))
            clock.advance(by: .seconds(3_600))
            let (busy, resting) = (try await chat(3, on: store), try await chat(3, on: store))
            let webhook = try await store.createWebhook(draft())
            #expect(try await ranges(webhook, on: store, at: clock.now).isEmpty)
            try await post(2, to: busy, on: store)
            try await post(1, to: quiet, on: store)
            let new = try await chat(1, on: store)
            let expected: [ChatID: [Int64]] = [busy: [3, 5], quiet: [2, 3], new: [0, 1]]
            #expect(try await ranges(webhook, on: store, at: clock.now) == expected)
            // Much later, too: what is due is on disk.
            clock.advance(by: .seconds(86_400))
            try await post(1, to: silent, on: store)
            #expect(
                try await ranges(webhook, on: store, at: clock.now) == expected.merging([silent: [1, 2]]) { $1 }
            )
            #expect(try await store.chat(resting).lastPosition == 3)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a webhook that is created between posts gets exactly those after it`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(1, on: store)
            let progress = Progress()
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        while !progress.isDone.withLock(\.self) {
                            let position = try await store.postMessage(try MessageText("text"), to: chat).position
                            progress.posted.withLock { $0 = max($0, position.rawValue) }
                        }
                    }
                }
                for _ in 0..<5 {
                    let before = progress.posted.withLock(\.self)
                    let webhook = try await store.createWebhook(draft())
                    let after = try await store.chat(chat).lastPosition.rawValue
                    try await post(to: chat, on: store)
                    let start = try #require(try await ranges(webhook, on: store)[chat]?.first)
                    #expect(start >= before && start <= after)
                }
                progress.isDone.withLock { $0 = true }
                try await group.waitForAll()
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat is due until everything is delivered`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(3, on: store)
            let first = try #require(try await due(webhook, on: store)[chat])
            #expect(try await store.webhookState(webhook.id).pendingChats == 1)
            try await record(.delivered(upTo: 2), of: first, on: store)
            let second = try #require(try await due(webhook, on: store)[chat])
            #expect(second.position == 2 && second.lastPosition == 3)
            // The outcome of a delivery that was overtaken changes nothing.
            try await record(.delivered(upTo: 3), of: first, on: store)
            #expect(try await due(webhook, on: store)[chat] == second)
            try await record(.delivered(upTo: 3), of: second, on: store)
            #expect(try await due(webhook, on: store).isEmpty)
            let state = try await store.webhookState(webhook.id)
            #expect(state.pendingChats == 0 && state.pendingSince == nil && state.lastSuccessAt != nil)
            try await post(to: chat, on: store)
            #expect(try await ranges(webhook, on: store) == [chat: [3, 4]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `what is due ends at the same position until it is delivered`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(2, on: store)
            let first = try #require(try await due(webhook, on: store)[chat])
            try await post(2, to: chat, on: store)
            #expect(try await due(webhook, on: store)[chat] == first)
            try await record(.failed(error: "error", retryAt: .now()), of: first, on: store)
            let second = try #require(try await due(webhook, on: store)[chat])
            #expect(second.position == 0 && second.lastPosition == 2)
            try await record(.delivered(upTo: 2), of: second, on: store)
            #expect(try await ranges(webhook, on: store) == [chat: [2, 4]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a search can be limited to chats that signals named`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let (named, other) = (try await chat(1, on: store), try await chat(1, on: store))
            let now = Instant.now()
            #expect(try await !store.discoverDeliveries(for: webhook.id, in: [named, 99], at: now))
            #expect(try await store.dueDeliveries(of: webhook.id, at: now, limit: 9).map(\.chatID) == [named])
            #expect(try await Set(due(webhook, on: store).keys) == [named, other])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a webhook for some chats gets no others`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let (wanted, other) = (try await chat(1, on: store), try await chat(1, on: store))
            let webhook = try await store.createWebhook(draft(chats: [wanted]))
            try await post(to: wanted, on: store)
            try await post(to: other, on: store)
            #expect(try await ranges(webhook, on: store) == [wanted: [1, 2]])
            await #expect(throws: StoreError.chatNotFound) {
                try await store.replay(other, after: 0, to: webhook.id)
            }

            // A chat that it did not want before starts now; one that it wanted misses nothing.
            var edit = WebhookEdit()
            edit.chats = .some(nil)
            _ = try await store.editWebhook(webhook.id, edit)
            #expect(try await ranges(webhook, on: store) == [wanted: [1, 2]])
            try await post(to: other, on: store)
            #expect(try await ranges(webhook, on: store) == [wanted: [1, 2], other: [2, 3]])

            // What it wants no more is gone, and would start anew.
            edit.chats = .some([wanted])
            _ = try await store.editWebhook(webhook.id, edit)
            #expect(try await ranges(webhook, on: store) == [wanted: [1, 2]])
            edit.chats = .some([wanted, other])
            _ = try await store.editWebhook(webhook.id, edit)
            try await post(to: other, on: store)
            #expect(try await ranges(webhook, on: store) == [wanted: [1, 2], other: [3, 4]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `one server at a time has a webhook's lease`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)).isEmpty)
            let webhook = try await store.createWebhook(draft())
            #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)) == [webhook])
            #expect(try await store.leaseWebhooks(to: "b", for: .seconds(60)).isEmpty)
            #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)) == [webhook])
            try await store.releaseWebhooks(of: "b")
            #expect(try await store.leaseWebhooks(to: "b", for: .seconds(60)).isEmpty)
            try await store.releaseWebhooks(of: "a")
            #expect(try await store.leaseWebhooks(to: "b", for: .seconds(60)) == [webhook])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a server whose lease is over records nothing`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(1, on: store)
            let delivery = try #require(try await due(webhook, on: store)[chat])
            let outcomes: [WebhookOutcome] = [
                .delivered(upTo: 1), .deletionDelivered(), .failed(error: "error", retryAt: nil),
                .refused(reason: "gone"),
            ]
            // The lease of one is over at once, and the other takes over.
            #expect(try await store.leaseWebhooks(to: "a", for: .zero) == [webhook])
            for isTakenOver in [false, true] {
                if isTakenOver {
                    #expect(try await store.leaseWebhooks(to: "b", for: .seconds(60)) == [webhook])
                }
                for outcome in outcomes {
                    #expect(try await !store.record(outcome, of: delivery, by: "a", at: .now()))
                }
            }
            #expect(try await due(webhook, on: store) == [chat: delivery])
            let state = try await store.webhookState(webhook.id)
            #expect(state.webhook == webhook && state.lastSuccessAt == nil && state.lastFailureAt == nil)
            #expect(try await store.record(.delivered(upTo: 1), of: delivery, by: "b", at: .now()))
            #expect(try await due(webhook, on: store).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `entries that are not sent are no success`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            for outcome in [WebhookOutcome.delivered(upTo: 1, isSent: false), .deletionDelivered(isSent: false)] {
                let chat = try await chat(1, on: store)
                let delivery = try #require(try await due(webhook, on: store)[chat])
                try await record(outcome, of: delivery, on: store)
            }
            #expect(try await store.webhookState(webhook.id).lastSuccessAt == nil)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a delivery that is too long ends earlier, each time it is read`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(5, on: store)
            let long = try #require(try await due(webhook, on: store)[chat])
            #expect(long.lastPosition == 5)
            try await store.shorten(long, to: 3)
            let short = try #require(try await due(webhook, on: store)[chat])
            #expect(short.lastPosition == 3 && short.dueAt == long.dueAt)
            try await record(.delivered(upTo: 3), of: short, on: store)
            #expect(try await ranges(webhook, on: store) == [chat: [3, 5]])
            // A replay starts another delivery.
            try await store.replay(chat, after: 0, to: webhook.id)
            try await store.shorten(short, to: 1)
            #expect(try await ranges(webhook, on: store) == [chat: [0, 5]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a failed delivery is due again when its time comes`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(1, on: store)
            let now = Instant.now()
            let first = try #require(try await due(webhook, on: store, at: now)[chat])
            let later = now.advanced(by: .seconds(5))
            try await record(.failed(error: "first", retryAt: later), of: first, on: store, at: now)
            #expect(try await due(webhook, on: store, at: now).isEmpty)
            let second = try #require(try await due(webhook, on: store, at: later)[chat])
            #expect(second.tries == 1 && second.failingSince == now && second.position == 0)
            let evenLater = later.advanced(by: .seconds(10))
            try await record(.failed(error: "second", retryAt: evenLater), of: second, on: store, at: later)
            let state = try await store.webhookState(webhook.id)
            #expect(state.pendingChats == 1 && state.failingChats == 1 && state.stalledChats == 0)
            #expect(state.lastError == "second" && state.lastFailureAt == later && state.lastSuccessAt == nil)
            #expect(
                state.failing == [
                    WebhookState.FailingChat(
                        chatID: chat,
                        position: 0,
                        tries: 2,
                        failingSince: now,
                        error: "second",
                        retryAt: evenLater
                    )
                ]
            )
            let third = try #require(try await due(webhook, on: store, at: evenLater)[chat])
            try await record(.delivered(upTo: 1), of: third, on: store, at: evenLater)
            #expect(try await store.webhookState(webhook.id).failing.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stalled chat waits for a replay, or for the webhook to be enabled`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let (stalled, other) = (try await chat(2, on: store), try await chat(1, on: store))
            for enables in [false, true] {
                let delivery = try #require(try await due(webhook, on: store)[stalled])
                try await record(.failed(error: "error", retryAt: nil), of: delivery, on: store)
                try await post(to: stalled, on: store)
                #expect(try await Set(due(webhook, on: store).keys) == [other])
                let state = try await store.webhookState(webhook.id)
                #expect(state.stalledChats == 1 && state.failingChats == 0 && state.failing.map(\.retryAt) == [nil])
                if enables {
                    var edit = WebhookEdit()
                    edit.isEnabled = true
                    _ = try await store.editWebhook(webhook.id, edit)
                } else {
                    try await store.replay(stalled, after: 1, to: webhook.id)
                }
                let resumed = try #require(try await due(webhook, on: store)[stalled])
                #expect(resumed.position == 1 && resumed.tries == 0 && resumed.failingSince == nil)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a target that refuses deliveries disables its webhook`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(1, on: store)
            let delivery = try #require(try await due(webhook, on: store)[chat])
            try await record(.refused(reason: "the target is gone"), of: delivery, on: store)
            #expect(try await store.webhooks().first?.disabled?.reason == "the target is gone")
            #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)).isEmpty)
            #expect(try await !store.record(.delivered(upTo: 1), of: delivery, by: "a", at: .now()))
            try await post(to: chat, on: store)
            var edit = WebhookEdit()
            edit.isEnabled = true
            #expect(try await store.editWebhook(webhook.id, edit) == webhook)
            #expect(try await ranges(webhook, on: store) == [chat: [0, 1]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a replay takes precedence over a delivery that has started`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(4, on: store)
            let webhook = try await store.createWebhook(draft())
            await #expect(throws: StoreError.webhookNotFound) {
                try await store.replay(chat, after: 0, to: .init(rawValue: 99))
            }
            await #expect(throws: StoreError.chatNotFound) { try await store.replay(99, after: 0, to: webhook.id) }
            try await store.replay(chat, after: 1, to: webhook.id)
            let delivery = try #require(try await due(webhook, on: store)[chat])
            #expect(delivery.position == 1 && delivery.lastPosition == 4)
            try await store.replay(chat, after: 1, to: webhook.id)
            try await record(.delivered(upTo: 4), of: delivery, on: store)
            #expect(try await ranges(webhook, on: store) == [chat: [1, 4]])
            // A later position skips entries, and one behind the end waits for the next.
            try await store.replay(chat, after: 3, to: webhook.id)
            #expect(try await ranges(webhook, on: store) == [chat: [3, 4]])
            try await store.replay(chat, after: 77, to: webhook.id)
            #expect(try await ranges(webhook, on: store).isEmpty)
            try await post(to: chat, on: store)
            #expect(try await ranges(webhook, on: store) == [chat: [4, 5]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted chat is due for every webhook that wants it`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, sql in
            let (large, small, stalled) = (
                try await chat(1, on: store), try await chat(1, on: store), try await chat(1, on: store)
            )
            try await sql.fill(large.rawValue, messages: Int(BatchPlan.removalLimit))
            let all = try await store.createWebhook(draft())
            let some = try await store.createWebhook(draft(chats: [small]))
            try await post(to: stalled, on: store)
            let delivery = try #require(try await due(all, on: store)[stalled])
            try await record(.failed(error: "error", retryAt: nil), of: delivery, on: store)
            for chat in [large, small, stalled] {
                try await store.deleteChat(chat)
            }
            // Nothing was searched: it is due in the transaction that deletes the chat.
            let deliveries = try await store.dueDeliveries(of: all.id, at: .now(), limit: 9)
            #expect(Set(deliveries.map(\.chatID)) == [large, small, stalled])
            #expect(deliveries.allSatisfy { $0.lastPosition == nil && $0.tries == 0 && $0.failingSince == nil })
            #expect(try await store.dueDeliveries(of: some.id, at: .now(), limit: 9).map(\.chatID) == [small])
            while try await store.purgeDeletedChats() {}
            for delivery in deliveries {
                try await record(.deletionDelivered(), of: delivery, on: store)
            }
            #expect(try await due(all, on: store).isEmpty)
            #expect(
                try await sql.rows("SELECT CAST(chat_id AS TEXT) FROM webhook_positions") == [["\(small.rawValue)"]]
            )
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat that is deleted during a delivery stays due`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(1, on: store)
            let delivery = try #require(try await due(webhook, on: store)[chat])
            try await store.deleteChat(chat)
            try await record(.delivered(upTo: 1), of: delivery, on: store)
            #expect(try await ranges(webhook, on: store) == [chat: [0, 0]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deleting a webhook deletes its positions`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, sql in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(1, on: store)
            let delivery = try #require(try await due(webhook, on: store)[chat])
            #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)).count == 1)
            try await store.deleteWebhook(webhook.id)
            #expect(try await !store.record(.delivered(upTo: 1), of: delivery, by: "a", at: .now()))
            #expect(try await store.dueDeliveries(of: webhook.id, at: .now(), limit: 9).isEmpty)
            #expect(try await sql.rows("SELECT error FROM webhook_positions").isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `one of ten thousand chats is found`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, sql in
            let chat = try await chat(1, on: store)
            try await sql.copyChat(chat, count: 10_000)
            let webhook = try await store.createWebhook(draft())
            try await post(to: chat, on: store)
            #expect(try await !store.discoverDeliveries(for: webhook.id, in: nil, at: .now()))
            #expect(try await ranges(webhook, on: store) == [chat: [1, 2]])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a search finds many chats in several steps`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, sql in
            let webhook = try await store.createWebhook(draft())
            let chat = try await chat(1, on: store)
            try await sql.copyChat(chat, count: 2 * WebhookDiscovery.limit)
            var steps = 1
            while try await store.discoverDeliveries(for: webhook.id, in: nil, at: .now()) {
                steps += 1
            }
            #expect(steps == 3)
            #expect(try await ranges(webhook, on: store).count == 2 * WebhookDiscovery.limit + 1)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a clock that is set back hides nothing`(_ store: StoreUnderTest) async throws {
        let clock = MovingClock()
        try await store.withStoreAndSQL(clock: clock.clock) { store, _ in
            let webhook = try await store.createWebhook(draft())
            clock.advance(by: .seconds(60))
            #expect(try await due(webhook, on: store, at: clock.now).isEmpty)
            clock.advance(by: .seconds(-3_600))
            let quiet = try await chat(1, on: store)
            #expect(try await due(webhook, on: store, at: clock.now)[quiet] != nil)
        }
    }

    /// A transaction that hangs in its commit, for example because a standby does not answer, keeps its early dates.
    @Test func `PostgreSQL finds what a transaction commits much later`() async throws {
        let clock = MovingClock()
        try await StoreUnderTest.postgresql.withStoreAndSQL(clock: clock.clock) { store, sql in
            guard case .postgresql(let url) = sql else { return }
            let (chat, other) = (try await chat(1, on: store), try await chat(1, on: store))
            let early = try await store.createWebhook(draft())
            let late = PostgresConnection(PostgresConfiguration(url: url))
            try await late.open()
            func append(to chat: ChatID) -> String {
                """
                INSERT INTO messages (chat_id, seq, text, created_at) VALUES (\(chat.rawValue), 2, 'late', now());
                UPDATE chats SET last_seq = 2, last_entry_at = now(), activity = DEFAULT WHERE id = \(chat.rawValue);
                """
            }
            try await late.execute("BEGIN;" + append(to: chat))
            clock.advance(by: .seconds(3_600))
            // One webhook is created before the transaction, one while it hangs.
            let during = try await store.createWebhook(draft())
            for webhook in [early, during] {
                #expect(try await ranges(webhook, on: store, at: clock.now).isEmpty)
            }
            try await late.execute(append(to: other) + "COMMIT;")
            for webhook in [early, during] {
                #expect(try await ranges(webhook, on: store, at: clock.now) == [chat: [1, 2], other: [1, 2]])
            }
            await late.close()
        }
    }
}

extension DatabaseUnderTest {
    /// Adds chats whose logs seem to be as long as a chat's.
    fileprivate func copyChat(_ chat: ChatID, count: Int) async throws {
        try await execute(
            """
            INSERT INTO chats (title, created_at, last_seq, last_entry_at)
            SELECT 'copy', created_at, last_seq, last_entry_at FROM \(numbers(upTo: count)), chats
            WHERE chats.id = \(chat.rawValue)
            """
        )
    }
}

/// How far concurrent posts have come.
private final class Progress: Sendable {
    /// The last position that was acknowledged.
    let posted = Mutex<Int64>(1)
    let isDone = Mutex(false)
}

/// A clock that moves with the test and never seems to jump.
private final class MovingClock: Sendable {
    private let start = (wall: Instant.now(), count: ContinuousClock.now)
    private let elapsed = Mutex(Duration.zero)

    var now: Instant {
        start.wall.advanced(by: elapsed.withLock { $0 })
    }

    /// The clock to pass to a store.
    var clock: ChatClock {
        ChatClock(wall: { self.now }, count: { self.start.count + self.elapsed.withLock { $0 } })
    }

    /// - Parameter duration: A negative one sets the clock back.
    func advance(by duration: Duration) {
        elapsed.withLock { $0 += duration }
    }
}
