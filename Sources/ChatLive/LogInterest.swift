package import ChatDomain

/// Keeps the events of a chat coming to an event loop for as long as it exists.
///
/// It is taken before the log is read, so that nothing falls between the two.
package final class LogInterest: Sendable {
    /// What was signalled of a chat since somebody has been interested in it.
    struct News {
        var end: Position?
        /// The history in which the log was found to end there; nil if other processes alone have said so.
        var epoch: Epoch?
        /// The last position that this process has appended.
        var appended: Position?
        var isDeleted = false
    }

    package let chatID: ChatID
    private let shard: Int
    private let hub: EventHub

    init(_ chatID: ChatID, ofShard shard: Int, in hub: EventHub) {
        self.chatID = chatID
        self.shard = shard
        self.hub = hub
        hub.addInterest(in: chatID, ofShard: shard)
    }

    deinit {
        hub.removeInterest(in: chatID, ofShard: shard)
    }

    var news: News {
        hub.news(of: chatID)
    }

    /// Tells the hub how far the log has come.
    func note(_ end: Position, in epoch: Epoch) {
        hub.note(end, of: chatID, in: epoch)
    }
}
