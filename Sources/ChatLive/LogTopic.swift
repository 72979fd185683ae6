import ChatDomain

/// A chat that readers of one event loop follow.
///
/// Confined to that event loop.
final class LogTopic {
    let chatID: ChatID
    let epoch: Epoch
    var ring: LogRing
    private(set) var follows: [LogFollow] = []
    /// A position that the log is known to have reached.
    var known: Position
    /// Whether entries are being read that were not signalled.
    var isReading = false
    /// Whether the ring has events that were not delivered yet.
    var hasChanged = false

    init(_ chat: StreamedChat) {
        chatID = chat.interest.chatID
        epoch = chat.epoch
        ring = LogRing(end: chat.end, lastInstant: chat.endInstant)
        known = chat.end
    }

    /// How it takes turns in reading from the store.
    var turn: [LogSource.Turn] {
        [.live, .topic(ObjectIdentifier(self))]
    }

    func add(_ follow: LogFollow) {
        follows.appendIndexed(follow)
    }

    func remove(_ follow: LogFollow) {
        follows.removeIndexed(follow)
    }

    /// Forgets what every reader has.
    func trim() {
        // A connection that takes more again in the midst of a delivery is ahead of the others.
        guard !hasChanged else { return }
        var floor = ring.end
        for follow in follows where follow.lags {
            floor = min(floor, follow.state.floor)
        }
        ring.trim(to: floor)
    }
}
