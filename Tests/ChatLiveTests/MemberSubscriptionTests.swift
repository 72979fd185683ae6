import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import NIOPosix
import Testing

/// Where the subscriptions of users end who leave the chat.
@Suite(.timeLimit(.minutes(1)))
struct MemberSubscriptionTests {
    private enum Received: Equatable {
        case entry(Int64?)
        case caughtUp
        case deleted
        case discovered([ChatID])
    }

    /// Records what its subscriber receives.
    private final class RecordingSink: EventSink {
        var isWritable = true
        var peer: StreamPeer { StreamPeer(.stream, address: "192.0.2.1", user: nil, serverKey: nil) }
        private(set) var received: [Received] = []
        let (stream, continuation) = AsyncStream.makeStream(of: Received.self)

        private func record(_ received: Received) {
            self.received.append(received)
            continuation.yield(received)
        }

        func send(_ event: LiveEvent, from subscription: Subscription) {
            record(.entry(event.position?.rawValue))
        }

        func sendCaughtUp(_ subscription: Subscription) {
            record(.caughtUp)
        }

        func sendDeleted(_ subscription: Subscription) {
            record(.deleted)
        }

        func discover(_ chats: [ChatID], in epoch: Epoch?) {
            record(.discovered(chats))
        }

        func sendHeartbeat() {}
        func flush() {}
        func reset(in epoch: Epoch) {}
        func fail(_ subscription: Subscription) {}
        func overflow() {}
    }

    /// Ada's and Bob's subscriptions to one chat, on one event loop.
    private struct Subscriptions {
        private let eventLoop: any EventLoop
        private let shard: NIOLoopBound<TopicShard>
        private let subscribers: NIOLoopBound<[(subscriber: Subscriber, sink: RecordingSink)]>
        private let streams: [AsyncStream<Received>]

        /// - Parameter starts: The first one is Ada's.
        init(_ starts: [SubscriptionStart], of hub: EventHub, on eventLoop: any EventLoop) async throws {
            self.eventLoop = eventLoop
            (shard, subscribers, streams) = try await eventLoop.submit {
                let shard = hub.shard(on: eventLoop)
                let subscribers = starts.map { start in
                    let sink = RecordingSink()
                    let subscriber = Subscriber(client: "client", sink: sink)
                    shard.add(subscriber)
                    shard.start(subscriber.add(start), start)
                    return (subscriber: subscriber, sink: sink)
                }
                return (
                    NIOLoopBound(shard, eventLoop: eventLoop), NIOLoopBound(subscribers, eventLoop: eventLoop),
                    subscribers.map(\.sink.stream)
                )
            }.get()
        }

        /// Changes whether Bob's connection accepts more.
        func setWritable(_ isWritable: Bool) async throws {
            try await eventLoop.submit {
                let bob = subscribers.value[1]
                bob.sink.isWritable = isWritable
                if isWritable { shard.value.resume(bob.subscriber) }
            }.get()
        }

        /// Returns once Ada has received the entry at 5.
        func waitForAda() async {
            for await received in streams[0] where received == .entry(5) { return }
        }

        /// Waits until Bob's subscription has ended, ends Ada's, and returns what both received.
        func received() async throws -> [[Received]] {
            for await received in streams[1] where received == .discovered([1]) { break }
            return try await eventLoop.submit {
                for subscriber in subscribers.value.map(\.subscriber) {
                    shard.value.remove(subscriber)
                }
                return subscribers.value.map(\.sink.received)
            }.get()
        }
    }

    /// Creates a chat whose log begins with Ada at 1 and Bob at 2, and prepares a subscription of each.
    ///
    /// - Parameter position: The position after which they start; nil for the end of the log.
    private func withChat(
        after position: Position? = nil,
        _ body: (any ServiceStore, EventHub, any EventLoop, [SubscriptionStart]) async throws -> Void
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let hub = EventHub(store)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
            let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
            let starts = try await (["ada", "bob"] as [UserID]).asyncMap { user in
                let interest = hub.interest(in: chat, on: eventLoop)
                let snapshot = try await store.chats(withIDs: [chat])
                return SubscriptionStart(
                    interest,
                    of: try #require(snapshot.heads.first),
                    after: position,
                    in: snapshot.epoch,
                    permit: .membership(user)
                )
            }
            try await body(store, hub, eventLoop, starts)
        }
    }

    /// Appends a message, the entry with which Bob leaves, and another message.
    private func removeBob(_ store: any ServiceStore) async throws {
        _ = try await store.postMessage(MessageText("three"), to: 1)
        try await store.change(.remove("bob"), in: 1, by: "ada")
        _ = try await store.postMessage(MessageText("five"), to: 1)
    }

    private static let live: [[Received]] = [
        [.caughtUp, .entry(3), .entry(4), .entry(5)],
        [.caughtUp, .entry(3), .entry(4), .deleted, .discovered([1])],
    ]

    @Test func `a live subscription ends after the entry with which its user leaves`() async throws {
        try await withChat { store, hub, eventLoop, starts in
            let subscriptions = try await Subscriptions(starts, of: hub, on: eventLoop)
            try await removeBob(store)
            await subscriptions.waitForAda()
            #expect(try await subscriptions.received() == Self.live)
        }
    }

    @Test func `a subscription that catches up from the buffer ends there as well`() async throws {
        try await withChat { store, hub, eventLoop, starts in
            let subscriptions = try await Subscriptions(starts, of: hub, on: eventLoop)
            try await subscriptions.setWritable(false)
            try await removeBob(store)
            await subscriptions.waitForAda()
            try await subscriptions.setWritable(true)
            #expect(try await subscriptions.received() == Self.live)
        }
    }

    /// The user leaves after the check and before the subscription starts, and its entry comes from the store.
    @Test func `a replay from the store ends there as well`() async throws {
        try await withChat(after: 0) { store, hub, eventLoop, starts in
            try await removeBob(store)
            let subscriptions = try await Subscriptions(starts, of: hub, on: eventLoop)
            await subscriptions.waitForAda()
            let received = try await subscriptions.received()
            #expect(received[0].filter { $0 != .caughtUp } == (1...5).map { .entry($0) })
            #expect(received[1] == (1...4).map { .entry($0) } + [.deleted, .discovered([1])])
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self {
            results.append(try await transform(element))
        }
        return results
    }
}
