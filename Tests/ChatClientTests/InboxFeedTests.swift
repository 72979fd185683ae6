import ChatClient
import Foundation
import Testing

struct InboxFeedTests {
    private func takeAll(_ feed: inout InboxFeed) -> [InboxEvent] {
        var events: [InboxEvent] = []
        while let event = feed.take() { events.append(event) }
        return events
    }

    @Test func `the latest line of a chat replaces an older one`() throws {
        var feed = InboxFeed(consumer: UUID(), cursor: nil)
        feed.receive(try Samples.inboxChat(7, lastSeq: 1))
        feed.receive(try Samples.inboxChat(8, lastSeq: 1))
        feed.receive(try Samples.inboxChat(7, lastSeq: 2))
        feed.receive(.left(chatID: 8))
        #expect(takeAll(&feed) == [try Samples.inboxChat(7, lastSeq: 2), .left(chatID: 8)])
    }

    @Test func `the bookmark moves once the lines before it are handled`() throws {
        var feed = InboxFeed(consumer: UUID(), cursor: "aaaaaaaa.1")
        feed.advance(to: "aaaaaaaa.2")
        feed.receive(try Samples.inboxChat(7, lastSeq: 1))
        feed.advance(to: "aaaaaaaa.3")
        #expect(feed.cursor == "aaaaaaaa.3")
        #expect(feed.take()?.chatID == 7)
        #expect(feed.bookmark == "aaaaaaaa.1")
        #expect(feed.take() == nil)
        #expect(feed.bookmark == "aaaaaaaa.3")
    }

    @Test func `a reset clears what waits`() throws {
        var feed = InboxFeed(consumer: UUID(), cursor: "aaaaaaaa.1")
        feed.receive(try Samples.inboxChat(7, lastSeq: 1))
        feed.reset(epoch: "bbbbbbbb")
        #expect(feed.cursor == nil)
        #expect(feed.take() == .reset(epoch: "bbbbbbbb"))
        #expect(feed.bookmark == "aaaaaaaa.1")
        #expect(feed.take() == nil)
        #expect(feed.bookmark == nil)
    }
}
