package import Foundation

/// What a client streams: the followed chats and perhaps the inbox.
package struct Subscriptions {
    // The server's limit for a stream that contains the inbox, which may be added at any time.
    package static let mostChats = 50

    package var chats: [Int: ChatFeed] = [:]
    package var inbox: InboxFeed?
    // The epoch of the current stream, once it has started.
    private var epoch: String?

    package init() {}

    /// Whether nothing needs a stream.
    package var isEmpty: Bool {
        wantedChats.isEmpty && !wantsInbox
    }

    private var wantedChats: [Int] {
        chats.values.filter { !$0.hasEnded }.map(\.chatID).sorted()
    }

    private var wantsInbox: Bool {
        inbox.map { !$0.hasEnded } ?? false
    }

    /// The positions of the chats that need a stream.
    package var positions: [(chatID: Int, position: Position?)] {
        wantedChats.map { ($0, chats[$0]?.position) }
    }

    /// Adds a chat in place of an earlier iteration of it.
    package mutating func follow(_ feed: ChatFeed) throws(ChatError) {
        guard chats[feed.chatID] != nil || chats.count < Self.mostChats else {
            throw ChatError(ChatError.tooManyChats, .string("A client streams at most \(Self.mostChats) chats at once"))
        }
        chats[feed.chatID] = feed
    }

    /// Whether the consumer of these events has something to do; also if another has replaced it.
    package func isReady(_ consumer: UUID) -> Bool {
        if let inbox, inbox.consumer == consumer { return inbox.isReady }
        return chats.values.first { $0.consumer == consumer }?.isReady ?? true
    }

    /// Returns the target of a new stream's request.
    package mutating func openStream() -> String {
        epoch = nil
        let items = wantedChats.map { id in chats[id]?.openStream().map { "\(id):\($0)" } ?? "\(id)" }
        let followed = items.isEmpty ? nil : items.joined(separator: ",")
        guard wantsInbox else { return APIRequest.get("/events", [("chats", followed)]).target }
        return APIRequest.get("/inbox", [("after", inbox?.cursor), ("follow", followed)]).target
    }

    /// Passes on a line of the stream.
    ///
    /// - Throws: The reason, if the line ends the stream.
    package mutating func receive(_ line: StreamLine) throws(ChatError) {
        switch line {
        case .hello(let hello):
            epoch = hello.epoch
            for chat in hello.chats { chats[chat.chatID]?.start(epoch: hello.epoch, lastSeq: chat.lastSeq) }
        case .caughtUp:
            for id in wantedChats { chats[id]?.receive(.caughtUp) }
            inbox?.receive(.caughtUp)
        case .cursor(let cursor):
            inbox?.advance(to: cursor)
        case .reset(let epoch):
            reset(epoch: epoch)
            throw ChatError("reset", "Positions belong to another epoch, or the log has gone backward")
        case .end(let error):
            throw error
        case .inbox(let event):
            inbox?.receive(event)
        case .chat(let id, let event):
            chats[id]?.receive(event)
        }
    }

    /// Ends all iterations.
    package mutating func end(_ error: ChatError? = nil) {
        for id in wantedChats { chats[id]?.end(error) }
        inbox?.end(error)
    }

    /// Starts over with what belongs to another epoch; with everything if a log has become shorter in this one.
    private mutating func reset(epoch: String) {
        let hasShrunk = epoch == self.epoch
        for (id, position) in positions {
            guard let position else { continue }
            if hasShrunk || (position.epoch ?? epoch) != epoch { chats[id]?.reset(epoch: epoch) }
        }
        // Without a cursor, the inbox has no epoch, but may have lines of this stream's.
        if self.epoch != nil || (inbox?.epoch ?? epoch) != epoch { inbox?.reset(epoch: epoch) }
    }
}
