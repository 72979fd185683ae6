import ChatDomain

/// A chat that a stream follows, as it was found when the stream began.
struct StreamedChat: Sendable {
    let interest: LogInterest
    /// The last entry that the client has.
    let position: Position
    /// Where the log ended.
    let end: Position
    /// The chat itself, if the client has never heard of it.
    var news: Chat?

    init(_ interest: LogInterest, after position: Position, end: Position, news: Chat? = nil) {
        self.interest = interest
        self.position = position
        self.end = end
        self.news = news
    }

    /// - Parameters:
    ///   - position: Nil for now.
    ///   - location: Which part of the request has the position.
    /// - Throws: If the log has not come so far.
    init(
        _ interest: LogInterest,
        of chat: Chat,
        after position: Position?,
        at location: [String],
        isNew: Bool = false
    ) throws(ValidationError) {
        let end = chat.lastPosition
        if let position, position > end {
            throw ValidationError(positionBeyondEnd: position, end: end, at: location)
        }
        self.init(interest, after: position ?? end, end: end, news: isNew ? chat : nil)
    }
}

/// What a stream begins with.
struct StreamStart: Sendable {
    enum Scope: Sendable {
        case chat
        /// Several chats on one connection.
        case chats
        /// All chats, also those that are created later.
        case allChats
    }

    let scope: Scope
    let form: EventForm
    var chats: [StreamedChat]
    /// Chats that the client followed before and that are no more.
    var deleted: [ChatID] = []
    let admission: StreamAdmissions.Admission
    let tally = StreamTally()
}
