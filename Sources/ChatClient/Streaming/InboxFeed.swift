import DequeModule
package import Foundation

/// The lines of the inbox that its consumer has not taken yet.
///
/// The latest line of a chat replaces an older one.
package struct InboxFeed {
    private enum Key: Hashable {
        case chat(Int)
        case notice(String)
        case cursor
    }

    private enum Line {
        case event(InboxEvent)
        case cursor(String)
    }

    /// The iteration that takes the lines.
    package let consumer: UUID
    /// Where the next stream starts; nil for the beginning.
    package private(set) var cursor: String?
    /// Whether nothing comes after what waits.
    package private(set) var hasEnded = false
    /// Why it has ended.
    package private(set) var error: ChatError?
    /// Where another process resumes, after the lines that the consumer has handled; nil for the beginning.
    package private(set) var bookmark: String?

    // A line counts as handled when the consumer asks for the next one.
    private var isHandlingReset = false
    private var order: Deque<Key> = []
    private var lines: [Key: Line] = [:]

    package init(consumer: UUID, cursor: String?) {
        self.consumer = consumer
        self.cursor = cursor
        bookmark = cursor
    }

    /// Whether the consumer has something to do.
    package var isReady: Bool {
        !order.isEmpty || hasEnded
    }

    /// The epoch of the cursor.
    package var epoch: String? {
        cursor.flatMap { $0.split(separator: ".").first.map(String.init) }
    }

    /// Adds a line of the stream.
    package mutating func receive(_ event: InboxEvent) {
        add(.event(event), as: event.chatID.map(Key.chat) ?? .notice(event.type))
    }

    /// Notes where a client resumes that has all lines so far.
    package mutating func advance(to cursor: String) {
        self.cursor = cursor
        // It covers the lines that wait now, so it moves behind them.
        if lines.removeValue(forKey: .cursor) != nil { order.removeAll { $0 == .cursor } }
        add(.cursor(cursor), as: .cursor)
    }

    /// Starts over: every chat comes again.
    package mutating func reset(epoch: String) {
        cursor = nil
        order = []
        lines = [:]
        receive(.reset(epoch: epoch))
    }

    /// Ends the iteration once its consumer has taken what waits.
    package mutating func end(_ error: ChatError? = nil) {
        hasEnded = true
        self.error = error
    }

    /// Removes and returns the next line, and moves the bookmark over cursors.
    package mutating func take() -> InboxEvent? {
        if isHandlingReset { bookmark = nil }
        isHandlingReset = false
        while let key = order.popFirst() {
            switch lines.removeValue(forKey: key) {
            case .event(let event):
                if case .reset = event { isHandlingReset = true }
                return event
            case .cursor(let cursor):
                bookmark = cursor
            case nil:
                break
            }
        }
        return nil
    }

    private mutating func add(_ line: Line, as key: Key) {
        if lines.updateValue(line, forKey: key) == nil { order.append(key) }
    }
}
