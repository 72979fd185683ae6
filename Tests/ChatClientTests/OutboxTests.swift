import ChatClient
import Foundation
import Testing

struct OutboxTests {
    private let first = PendingMessage(chatID: 7, text: "one", replyTo: 3, metadata: ["a": [1]], key: "k1")
    private let second = PendingMessage(chatID: 7, text: "two", key: "k2")
    private let other = PendingMessage(chatID: 8, text: "other", key: "k1")

    private var outbox: Outbox {
        var outbox = Outbox()
        for pending in [first, second, other] { outbox.add(pending) }
        return outbox
    }

    @Test func `a failed message does not hold up the next`() {
        #expect(outbox.next(in: 7) === first)
        first.fail(ChatError("validation_failed", "Too long", status: 422))
        #expect(outbox.next(in: 7) === second)
        #expect(outbox.messages(in: 7).map(\.key) == ["k1", "k2"])
    }

    @Test func `only a failed message is tried again`() {
        var outbox = outbox
        let wasRetriedWhilePending = outbox.retry(first)
        first.fail(ChatError("validation_failed", "Too long", status: 422))
        let wasRetried = outbox.retry(first)
        #expect(!wasRetriedWhilePending && wasRetried)
        #expect(first.status == .pending && first.key == "k1")
        #expect(outbox.messages(in: 7).map(\.text) == ["two", "one"])
    }

    @Test func `a key that another message has is replaced`() {
        var outbox = outbox
        first.fail(ChatError("idempotency_key_reused", "Another body", status: 422))
        let wasRetried = outbox.retry(first)
        #expect(wasRetried && UUID(uuidString: first.key) != nil)
    }

    @Test func `what is stored is restored before what was added since`() throws {
        let error = ChatError("validation_failed", ["issue"], status: 422, requestID: "r1")
        second.fail(error)
        let serialized = try #require(try outbox.serialized())
        var next = Outbox()
        next.add(PendingMessage(chatID: 7, text: "three", key: "k3"))
        let same = PendingMessage(chatID: 8, text: "other", key: "k1")
        next.add(same)
        let another = PendingMessage(chatID: 7, text: "not one", key: "k1")
        next.add(another)
        try next.restore(serialized)
        #expect(next.messages.map(\.text) == ["one", "two", "three", "other"])
        #expect(
            next.messages[3] === same
                && another.status
                    == .failed(.init(ChatError.keyReused, "Another message that is not sent yet has this key"))
        )
        #expect(next.messages[0].replyTo == 3 && next.messages[0].metadata == ["a": [1]])
        #expect(next.messages[1].status == .failed(error))
    }

    @Test func `an empty outbox stores nothing`() throws {
        #expect(try Outbox().serialized() == nil)
    }

    @Test func `the result is there for a caller that comes late`() async throws {
        let message = try #require(try Samples.entry(4).message)
        first.settle(message)
        #expect(try await first.result == message)
        second.fail(ChatError(ChatError.discarded, "Discarded"))
        let error = await #expect(throws: ChatError.self) { try await second.result }
        #expect(error?.code == ChatError.discarded)
    }

    @Test func `canceling ends only the wait`() async {
        let wait = Task { [first] in try await first.result }
        wait.cancel()
        let error = await #expect(throws: ChatError.self) { try await wait.value }
        #expect(error?.code == ChatError.canceled)
        #expect(first.status == .pending)
    }
}

extension ChatEvent {
    fileprivate var message: Message? {
        if case .entry(let entry) = self { entry.message } else { nil }
    }
}
