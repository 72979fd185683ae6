import ChatClient
import Foundation
import Testing

struct SubscriptionsTests {
    private func subscriptions(_ positions: [Int: Position?]) throws -> Subscriptions {
        var subscriptions = Subscriptions()
        for (chat, position) in positions {
            try subscriptions.follow(ChatFeed(chatID: chat, consumer: UUID(), position: position))
        }
        return subscriptions
    }

    @Test func `one request streams the chats and the inbox`() throws {
        var subscriptions = try subscriptions([7: Position(91, epoch: "7f3c9a01"), 8: nil])
        #expect(subscriptions.openStream() == "/events?chats=7%3A7f3c9a01.91%2C8")
        subscriptions.inbox = InboxFeed(consumer: UUID(), cursor: "7f3c9a01.5")
        #expect(subscriptions.openStream() == "/inbox?after=7f3c9a01.5&follow=7%3A7f3c9a01.91%2C8")
        subscriptions.chats = [:]
        #expect(subscriptions.openStream() == "/inbox?after=7f3c9a01.5")
    }

    @Test func `at most fifty chats are followed`() throws {
        var subscriptions = try subscriptions(Dictionary(uniqueKeysWithValues: (1...50).map { ($0, nil) }))
        try subscriptions.follow(ChatFeed(chatID: 50, consumer: UUID(), position: nil))
        let error = #expect(throws: ChatError.self) {
            try subscriptions.follow(ChatFeed(chatID: 51, consumer: UUID(), position: nil))
        }
        #expect(error?.code == ChatError.tooManyChats)
    }

    @Test func `a reset concerns what belongs to another epoch`() throws {
        var subscriptions = try subscriptions([
            7: Position(9, epoch: "aaaaaaaa"), 8: Position(9, epoch: "bbbbbbbb"), 9: nil,
        ])
        #expect(throws: ChatError.self) { try subscriptions.receive(.reset(epoch: "bbbbbbbb")) }
        #expect(subscriptions.chats[7]?.take() == .reset(epoch: "bbbbbbbb"))
        #expect(subscriptions.chats[8]?.take() == nil)
        #expect(subscriptions.chats[9]?.take() == nil)
    }

    @Test func `a reset within an epoch concerns everything`() throws {
        var subscriptions = try subscriptions([7: Position(9, epoch: "aaaaaaaa"), 8: Position(9, epoch: "aaaaaaaa")])
        _ = subscriptions.openStream()
        try subscriptions.receive(Samples.hello("aaaaaaaa", [7: 9, 8: 9]))
        #expect(throws: ChatError.self) { try subscriptions.receive(.reset(epoch: "aaaaaaaa")) }
        for chat in [7, 8] { #expect(subscriptions.chats[chat]?.take() == .reset(epoch: "aaaaaaaa")) }
    }
}
