import ChatClient
import Foundation
import Testing

struct ChatFeedTests {
    private let epoch = "aaaaaaaa"

    /// A feed after a position whose stream has started.
    private func feed(after seq: Int?, lastSeq: Int) -> ChatFeed {
        var feed = ChatFeed(chatID: 7, consumer: UUID(), position: seq.map { Position($0) })
        _ = feed.openStream()
        feed.start(epoch: epoch, lastSeq: lastSeq)
        return feed
    }

    private func takeAll(_ feed: inout ChatFeed) -> [ChatEvent] {
        var events: [ChatEvent] = []
        while let event = feed.take() { events.append(event) }
        return events
    }

    @Test func `entries that arrive again are dropped`() throws {
        var feed = feed(after: 0, lastSeq: 2)
        for seq in [1, 1, 2, 1, 2, 3] { feed.receive(try Samples.entry(seq)) }
        #expect(takeAll(&feed).compactMap(\.seq) == [1, 2, 3])
    }

    @Test func `a gap is filled from the log`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        for seq in [1, 3, 4] { feed.receive(try Samples.entry(seq)) }
        #expect(takeAll(&feed).compactMap(\.seq) == [1])
        #expect(feed.isBehind)
        let position = try #require(feed.position)
        feed.add(try Samples.page(2...4, lastSeq: 4), after: position)
        #expect(takeAll(&feed).compactMap(\.seq) == [2, 3, 4])
        feed.receive(try Samples.entry(5))
        #expect(takeAll(&feed).compactMap(\.seq) == [5])
    }

    @Test func `a feed stays behind until it has all that it ignored`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(try Samples.entry(5))
        feed.add(try Samples.page(1...3, lastSeq: 3), after: Position(0, epoch: epoch))
        #expect(feed.isBehind)
        feed.add(try Samples.page(4...5, lastSeq: 5), after: Position(3, epoch: epoch))
        #expect(!feed.isBehind)
        #expect(takeAll(&feed).compactMap(\.seq) == [1, 2, 3, 4, 5])
    }

    @Test func `a page that was requested before a reset is ignored`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(try Samples.entry(3))
        let requested = try #require(feed.position)
        feed.reset(epoch: "bbbbbbbb")
        feed.add(try Samples.page(1...3, lastSeq: 3), after: requested)
        #expect(takeAll(&feed) == [.reset(epoch: "bbbbbbbb")])
        #expect(feed.position == Position(0, epoch: "bbbbbbbb"))
    }

    @Test func `a slow consumer continues from the log`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        for seq in 1...ChatFeed.capacity + 5 { feed.receive(try Samples.entry(seq)) }
        feed.receive(.caughtUp)
        #expect(takeAll(&feed).count == ChatFeed.capacity)
        #expect(feed.isBehind)
        let last = ChatFeed.capacity + 5
        feed.add(try Samples.page(last - 4...last, lastSeq: last), after: Position(last - 5, epoch: epoch))
        let rest = takeAll(&feed)
        #expect(rest.compactMap(\.seq) == Array(last - 4...last))
        #expect(rest.last == .caughtUp)
    }

    @Test func `a chat without a position starts now`() throws {
        var feed = feed(after: nil, lastSeq: 41)
        feed.receive(.caughtUp)
        feed.receive(try Samples.entry(42))
        #expect(takeAll(&feed).map(\.seq) == [nil, 42])
        #expect(feed.position == Position(42, epoch: epoch))
    }

    @Test func `another epoch resets the feed`() throws {
        var feed = ChatFeed(chatID: 7, consumer: UUID(), position: Position(5, epoch: epoch))
        _ = feed.openStream()
        feed.start(epoch: "bbbbbbbb", lastSeq: 9)
        #expect(feed.take() == .reset(epoch: "bbbbbbbb"))
        #expect(feed.isBehind)
        #expect(feed.openStream() == nil)
    }

    @Test func `the bookmark follows the consumer and not the stream`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        for seq in 1...3 { feed.receive(try Samples.entry(seq)) }
        #expect(feed.takeBookmark() == nil)
        _ = feed.take()
        #expect(feed.takeBookmark() == Position(1, epoch: epoch))
        #expect(feed.takeBookmark() == nil)
    }

    @Test func `nothing comes after the chat was deleted`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(try Samples.entry(1))
        feed.receive(.chatDeleted)
        feed.receive(try Samples.entry(2))
        #expect(takeAll(&feed).last == .chatDeleted)
        #expect(feed.hasEnded && feed.error == nil)
    }
}
