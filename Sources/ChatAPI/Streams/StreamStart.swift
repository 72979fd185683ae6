import ChatDomain
import ChatLive
import ChatWire

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
    let epoch: Epoch
    var chats: [StreamedChat] = []
    /// Chats that the client followed before and that are no more.
    var deleted: [ChatID] = []
    /// Chats that the client followed before and that others are followed for now, with the last entry that it has.
    var unfollowed: [(chatID: ChatID, position: Position)] = []
    /// Where a stream of all chats leaves some of them out, the newest chat that it has heard of.
    var newest: ChatID?
    let admission: StreamAdmissions.Admission
    let tally = StreamTally()
}
