package import ChatDomain

/// Keeps a chat's events coming to a shard for as long as it exists.
///
/// Take it before you read the log, so that nothing falls between the two.
package final class TopicInterest: Sendable {
    package let chatID: ChatID
    private let shard: Int
    private let table: InterestTable

    init(_ chatID: ChatID, ofShard shard: Int, in table: InterestTable) {
        self.chatID = chatID
        self.shard = shard
        self.table = table
        table.add(chatID, ofShard: shard)
    }

    deinit {
        table.remove(chatID, ofShard: shard)
    }

    var news: InterestTable.News {
        table.news(of: chatID) ?? InterestTable.News()
    }

    /// Notes how far the log has come.
    func noteEnd(_ end: Position, in epoch: Epoch) {
        table.noteEnd(end, of: chatID, in: epoch)
    }
}
