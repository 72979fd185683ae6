import ChatDomain

/// A reader's following of one chat.
///
/// Confined to the event loop of the reader.
final class LogFollow: Indexed {
    let chatID: ChatID
    let reader: LiveReader
    var state: FollowState
    /// Where it is among the topic's follows; nil once it has ended.
    var index: Int?
    /// Whether the ring is kept for it, since it may lack something.
    var lags = false
    private let interest: LogInterest

    init(_ interest: LogInterest, by reader: LiveReader, after position: Position) {
        chatID = interest.chatID
        self.interest = interest
        self.reader = reader
        state = FollowState(after: position)
    }

    var isActive: Bool {
        index != nil
    }

    /// What the hub knows of the chat.
    var news: LogInterest.News {
        interest.news
    }
}
