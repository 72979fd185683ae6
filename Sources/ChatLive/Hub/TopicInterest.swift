package import ChatDomain

/// A registration that makes the hub post the events of a chat to a shard; `deinit` releases it.
///
/// Register it before you read the log, so that no event falls between the read and the subscription.
package final class TopicInterest: Sendable {
    /// The chat whose events the shard receives.
    package let chatID: ChatID
    /// Whether no other connection was interested in the chat.
    let isFirst: Bool
    private let shard: Int
    private let table: InterestTable

    init(_ chatID: ChatID, ofShard shard: Int, in table: InterestTable) {
        self.chatID = chatID
        self.shard = shard
        self.table = table
        isFirst = table.add(chatID, ofShard: shard)
    }

    deinit {
        table.remove(chatID, ofShard: shard)
    }

    var news: InterestTable.News {
        table.news(of: chatID) ?? InterestTable.News()
    }

    /// Records the end of the log as read from the store.
    func noteEnd(_ end: Position, in epoch: Epoch) {
        table.noteEnd(end, of: chatID, in: epoch)
    }
}
