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
}
