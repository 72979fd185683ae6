import ChatDomain
import Hummingbird

/// Where streams are to begin.
extension RequestValidator {
    struct StreamPosition {
        let position: Position
        /// Which part of the request has it.
        let location: [String]
    }

    /// The place in a chat's log behind which a stream begins: what a browser sends when it comes back, or the query's
    /// `after`.
    mutating func streamPosition(in request: Request) -> OptionalValue<StreamPosition>? {
        guard let (text, location) = request.streamID else { return OptionalValue(value: nil) }
        guard let number = integer(text, at: location, range: 0...Int.max) else { return nil }
        let position = Position(rawValue: Int64(number))
        return OptionalValue(value: StreamPosition(position: position, location: location))
    }

    /// The same for a stream of many chats.
    mutating func streamCursor(in request: Request) -> OptionalValue<StreamCursor>? {
        guard let (text, location) = request.streamID else { return OptionalValue(value: nil) }
        if let cursor = StreamCursor(token: text) { return OptionalValue(value: cursor) }
        note(.rule("not the id of an event of this stream"), at: location, input: .text(text))
        return nil
    }

    struct WantedChat {
        let chatID: ChatID
        /// The place behind which its events begin; nil for now.
        let position: Position?
    }

    /// The query parameter `chats`: ids with commas between them, each with `:` and a position if it does not begin now.
    ///
    /// Missing for all chats.
    mutating func streamedChats(in request: Request, limit: Int) -> OptionalValue<[WantedChat]>? {
        guard let text = request.queryParameter("chats") else { return OptionalValue(value: nil) }
        var wanted: [WantedChat] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let position = parts.count == 2 ? Int64(parts[1]) : nil
            guard let id = Int64(parts[0]), parts.count == 1 || (position ?? -1) >= 0 else {
                note(.rule("a list of chats is like 1,2,3 or 1:17,2,3"), at: ["query", "chats"], input: .text(text))
                return nil
            }
            let chatID = ChatID(rawValue: id)
            if !wanted.contains(where: { $0.chatID == chatID }) {
                wanted.append(WantedChat(chatID: chatID, position: position.map(Position.init(rawValue:))))
            }
        }
        if wanted.count > limit {
            note(.rule("there are more than \(limit) chats"), at: ["query", "chats"], input: .text(text))
            return nil
        }
        return OptionalValue(value: wanted)
    }
}

extension Request {
    /// The `id` of the last event that the client has, and where it stands.
    fileprivate var streamID: (text: String, location: [String])? {
        if let id = headers[.lastEventID], !id.isEmpty { return (id, ["header", "last-event-id"]) }
        return queryParameter("after").map { ($0, ["query", "after"]) }
    }
}
