import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import NIOPosix
import Testing

/// The engine without a connection.
@Suite(.timeLimit(.minutes(1)))
struct EventHubTests {
    private enum Received: Equatable {
        case event(ObjectIdentifier, Position?)
        case caughtUp
        case deleted
    }

    /// Passes on what its subscriber receives.
    private final class RecordingSink: EventSink {
        private let received: AsyncStream<Received>.Continuation

        init(_ received: AsyncStream<Received>.Continuation) {
            self.received = received
        }

        var isWritable: Bool { true }
        var peer: StreamPeer { StreamPeer(.stream, address: "192.0.2.1", user: nil, serverKey: nil) }

        func send(_ event: LiveEvent, from subscription: Subscription) {
            received.yield(.event(ObjectIdentifier(event), event.position))
        }

        func sendCaughtUp(_ subscription: Subscription) {
            received.yield(.caughtUp)
        }

        func sendDeleted(_ subscription: Subscription) {
            received.yield(.deleted)
        }

        func sendHeartbeat() {}
        func flush() {}
        func reset(in epoch: Epoch) {}
        func fail(_ subscription: Subscription) {}
        func overflow() {}
    }

    /// Everything up to the chat's deletion.
    private func events(of stream: AsyncStream<Received>) async -> [Received] {
        var events: [Received] = []
        for await received in stream {
            events.append(received)
            if received == .deleted { break }
        }
        return events
    }

    @Test func `the subscribers of a chat on an event loop receive the same event, encoded once`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let hub = EventHub(store)
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let interest = hub.interest(in: chat, on: eventLoop)
            let snapshot = try await store.chats(withIDs: [chat])
            let start = SubscriptionStart(
                interest,
                of: try #require(snapshot.heads.first),
                after: nil,
                in: snapshot.epoch
            )
            let (first, sendFirst) = AsyncStream.makeStream(of: Received.self)
            let (second, sendSecond) = AsyncStream.makeStream(of: Received.self)
            let subscribers = try await eventLoop.submit {
                let shard = hub.shard(on: eventLoop)
                let subscribers = [sendFirst, sendSecond].map { send in
                    let subscriber = Subscriber(client: "client", sink: RecordingSink(send))
                    shard.add(subscriber)
                    shard.start(subscriber.add(start), start)
                    return subscriber
                }
                return NIOLoopBound(subscribers, eventLoop: eventLoop)
            }.get()
            _ = try await store.postMessage(MessageText("one"), to: chat)
            _ = try await store.postMessage(MessageText("two"), to: chat)
            try await store.deleteChat(chat)

            let ofFirst = await events(of: first)
            let ofSecond = await events(of: second)
            #expect(ofFirst == ofSecond)
            #expect(ofFirst.first == .caughtUp)
            let positions = ofFirst.compactMap {
                if case .event(_, let position) = $0 { position?.rawValue } else { nil }
            }
            #expect(positions == [1, 2])
            try await eventLoop.submit {
                for subscriber in subscribers.value {
                    hub.shard(on: eventLoop).remove(subscriber)
                }
            }.get()
        }
    }
}
