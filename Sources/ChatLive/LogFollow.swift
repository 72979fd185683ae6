package import ChatDomain

/// A reader's following of one chat.
///
/// Confined to the event loop of the reader.
package final class LogFollow: Indexed {
    package let chatID: ChatID
    let reader: LiveReader
    /// The history that it reads: one follow never sees another.
    package let epoch: Epoch
    package internal(set) var state: FollowState
    /// Where it is among the topic's follows; nil once it has ended.
    package var index: Int?
    /// Whether the ring is kept for it, since it may lack something.
    var lags = false
    /// In a stream of all chats, grows with each entry: the least one was active longest ago.
    package var activity = 0
    private let interest: LogInterest

    init(_ chat: StreamedChat, by reader: LiveReader) {
        epoch = chat.epoch
        chatID = chat.interest.chatID
        interest = chat.interest
        self.reader = reader
        state = FollowState(after: chat.position, chat.position == chat.end ? chat.endInstant : nil)
    }

    var isActive: Bool {
        index != nil
    }

    /// What the hub knows of the chat.
    var news: LogInterest.News {
        interest.news
    }

    /// Tells the hub how far the log has come.
    func note(_ end: Position) {
        interest.note(end, in: epoch)
    }
}
