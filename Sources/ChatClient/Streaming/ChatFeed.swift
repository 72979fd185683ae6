import DequeModule
package import Foundation

/// The events of a chat that its consumer has not taken yet: each entry once, in order, with none missing.
///
/// A feed is behind when the stream's next entries are not the next ones for the consumer: after a gap, after a reset,
/// or if the consumer is slow. It then ignores the stream's entries, and the consumer reads the log from `position`
/// until it has everything that was ignored.
///
/// The pieces of an open message's text that wait are merged, and come after all entries that wait.
package struct ChatFeed {
    // Events that may wait for a consumer. One that is further behind reads the log, so that memory stays bounded.
    package static let capacity = 1_000

    package let chatID: Int
    /// The iteration that takes the events.
    package let consumer: UUID
    /// The last entry that was added; nil until the server has said where its stream starts.
    package private(set) var position: Position?
    package private(set) var isBehind = false
    /// Whether nothing comes after what waits.
    package private(set) var hasEnded = false
    /// Why it has ended.
    package private(set) var error: ChatError?
    /// Where another process resumes, once the consumer asks for the event after the one it has taken.
    package private(set) var bookmark: Position?

    private var waiting: Deque<(event: ChatEvent, position: Position?)> = []
    private var pieces: [AppendedText] = []
    // How long the consumer's text of each open message is.
    private var lengths: [Int: Int] = [:]
    private var lastIgnored = 0
    private var streamsFromNow = false
    private var owesCaughtUp = false

    /// - Parameter position: Where it starts; nil for now.
    package init(chatID: Int, consumer: UUID, position: Position?) {
        self.chatID = chatID
        self.consumer = consumer
        self.position = position
    }

    /// Whether the consumer has something to do.
    package var isReady: Bool {
        !waiting.isEmpty || !pieces.isEmpty || hasEnded || isBehind
    }

    /// The text that the consumer lacks before the next piece: what its message has after an offset.
    package var missingText: (messageID: Int, at: Int)? {
        guard !isBehind, waiting.isEmpty, let piece = pieces.first else { return nil }
        let length = lengths[piece.messageID] ?? 0
        return piece.at > length ? (piece.messageID, length) : nil
    }

    /// Returns where the next stream starts; nil for now, since a feed that is behind reads the log anyway.
    package mutating func openStream() -> Position? {
        let start = isBehind ? nil : position
        streamsFromNow = start == nil
        return start
    }

    /// Notes a stream's `hello`: the epoch, and the end of the log when it started.
    package mutating func start(epoch: String, lastSeq: Int) {
        if let position, position.epoch != nil, position.epoch != epoch {
            reset(epoch: epoch)
        }
        let seq = position?.seq ?? lastSeq
        position = Position(seq, epoch: epoch)
        if streamsFromNow, lastSeq > seq { ignore(lastSeq) }
    }

    /// Adds an event of the stream.
    package mutating func receive(_ event: ChatEvent) {
        guard !hasEnded else { return }
        let hasRoom = !isBehind && waiting.count < Self.capacity
        switch event {
        case .entry(let entry):
            guard let position, entry.seq > position.seq else { return }
            dropPieces(after: entry)
            if hasRoom, entry.seq == position.seq + 1 { add(entry) } else { ignore(entry.seq) }
        case .caughtUp:
            if hasRoom {
                add(event, position)
            } else {
                isBehind = true
                owesCaughtUp = true
            }
        case .chatDeleted:
            delete()
        case .messageAppended(let piece):
            append(piece)
        case .cancelRequested, .typing, .reset, .unknown:
            if hasRoom { add(event) }
        }
    }

    /// Adds a page of the log, unless the feed has moved since it was requested.
    package mutating func add(_ page: LogPage, after requested: Position) {
        guard position == requested, !hasEnded else { return }
        position = Position(requested.seq, epoch: page.epoch)
        for entry in page.entries where entry.seq == (position?.seq ?? 0) + 1 {
            dropPieces(after: entry)
            add(entry)
        }
        let seq = position?.seq ?? 0
        // If a page does not help, do not ask again at once: the stream's next entry shows that some are missing.
        guard seq >= max(page.lastSeq, lastIgnored) || seq == requested.seq else { return }
        isBehind = false
        if owesCaughtUp {
            owesCaughtUp = false
            add(.caughtUp, position)
        }
    }

    /// Adds the text that was missing before the next piece of a message; nil drops the piece.
    package mutating func add(_ text: AppendedText?, to message: Int) {
        guard missingText?.messageID == message else { return }
        if let text {
            // The text may contain the piece by now, and more. If it ends before the piece, that piece is out of date.
            pieces[0] = text.followed(by: pieces[0]) ?? text
        } else {
            pieces.removeFirst()
        }
    }

    /// Starts over in another history, after what already waits.
    package mutating func reset(epoch: String) {
        position = Position(0, epoch: epoch)
        lastIgnored = 0
        pieces = []
        add(.reset(epoch: epoch), position)
        isBehind = true
    }

    /// The chat was deleted, or the user left it.
    package mutating func delete() {
        guard !hasEnded else { return }
        isBehind = false
        pieces = []
        add(.chatDeleted)
        end()
    }

    /// Ends the iteration once its consumer has taken what waits.
    package mutating func end(_ error: ChatError? = nil) {
        hasEnded = true
        self.error = error
    }

    /// Removes and returns the next event.
    package mutating func take() -> ChatEvent? {
        guard let (event, position) = waiting.popFirst() else { return takePiece() }
        bookmark = position
        switch event {
        case .entry(let entry):
            if let message = entry.message {
                lengths[message.id] = message.state == .open ? message.text.unicodeScalars.count : nil
            }
        case .reset:
            lengths = [:]
        default:
            break
        }
        return event
    }

    private mutating func takePiece() -> ChatEvent? {
        guard !isBehind, missingText == nil, !pieces.isEmpty else { return nil }
        let piece = pieces.removeFirst()
        lengths[piece.messageID] = piece.end
        return .messageAppended(piece)
    }

    /// Returns the bookmark once.
    package mutating func takeBookmark() -> Position? {
        defer { bookmark = nil }
        return bookmark
    }

    /// Merges a piece with the one of the same message that waits.
    private mutating func append(_ piece: AppendedText) {
        if let last = pieces.lastIndex(where: { $0.messageID == piece.messageID }),
            let merged = pieces[last].followed(by: piece)
        {
            pieces[last] = merged
        } else {
            pieces.append(piece)
        }
    }

    /// Drops the pieces of a message that an entry shows as ended: the entry contains the whole text.
    private mutating func dropPieces(after entry: LogEntry) {
        guard let message = entry.message, message.state != .open else { return }
        pieces.removeAll { $0.messageID == message.id }
    }

    /// Leaves entries up to a position to the log.
    private mutating func ignore(_ seq: Int) {
        isBehind = true
        lastIgnored = max(lastIgnored, seq)
    }

    private mutating func add(_ entry: LogEntry) {
        position = Position(entry.seq, epoch: position?.epoch)
        add(.entry(entry), position)
    }

    private mutating func add(_ event: ChatEvent, _ position: Position? = nil) {
        waiting.append((event, position))
    }
}
