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

    @Test func `pieces that wait come as one, after the entries`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(.messageAppended(Samples.piece(of: 1, 0, "It is ")))
        feed.receive(.messageAppended(Samples.piece(of: 1, 3, "was rain")))
        feed.receive(.messageAppended(Samples.piece(of: 1, 11, "ing", status: "Looking")))
        feed.receive(.messageAppended(Samples.piece(of: 2, 0, "Snow")))
        feed.receive(try Samples.entry(1, state: .open))
        let events = takeAll(&feed)
        #expect(events.first?.seq == 1)
        #expect(
            events.dropFirst() == [
                .messageAppended(Samples.piece(of: 1, 0, "It was raining", status: "Looking")),
                .messageAppended(Samples.piece(of: 2, 0, "Snow")),
            ]
        )
    }

    @Test func `no piece comes after the end of its message`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(try Samples.entry(1, state: .open))
        feed.receive(.messageAppended(Samples.piece(of: 1, 0, "It is raining")))
        feed.receive(try Samples.entry(2, id: 1, state: .done))
        #expect(takeAll(&feed).map(\.seq) == [1, 2])
    }

    @Test func `pieces wait for a consumer that is behind`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(try Samples.entry(2, state: .open))
        feed.receive(.messageAppended(Samples.piece(of: 2, 0, "Rain")))
        #expect(feed.isBehind && feed.take() == nil)
        feed.add(try Samples.page(1...2, lastSeq: 2, state: .open), after: Position(0, epoch: epoch))
        let events = takeAll(&feed)
        #expect(events.map(\.seq) == [1, 2, nil])
        #expect(events.last == .messageAppended(Samples.piece(of: 2, 0, "Rain")))
    }

    @Test func `text that is missing before a piece is read`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(try Samples.entry(1, state: .open))
        feed.receive(.messageAppended(Samples.piece(of: 1, 0, "😀 It ")))
        #expect(takeAll(&feed).count == 2)
        feed.receive(.messageAppended(Samples.piece(of: 1, 8, "raining")))
        #expect(feed.isReady && feed.take() == nil)
        let missing = try #require(feed.missingText)
        #expect(missing.messageID == 1 && missing.at == 5)
        feed.add(Samples.piece(of: 1, 5, "is rai"), to: 1)
        #expect(takeAll(&feed) == [.messageAppended(Samples.piece(of: 1, 5, "is raining"))])
        #expect(feed.missingText == nil)
    }

    @Test func `a piece is dropped if there is no text before it`() throws {
        var feed = feed(after: 0, lastSeq: 0)
        feed.receive(.messageAppended(Samples.piece(of: 1, 8, "raining")))
        feed.add(nil, to: 2)
        #expect(feed.missingText?.messageID == 1)
        feed.add(nil, to: 1)
        #expect(feed.missingText == nil && !feed.isReady)
    }
}
