import ChatDomain
import ChatOperations
import ChatWire
import Hummingbird

/// The parameters that determine where a stream starts.
extension RequestValidator {
    struct StreamPlace {
        let place: LogPlace
        /// Where the position is in the request.
        let location: [String]
    }

    /// The position after which a stream starts: a reconnecting browser's `Last-Event-ID`, or the query's `after`.
    mutating func streamPlace(in request: Request) -> OptionalValue<StreamPlace>? {
        guard let (text, location) = request.streamID else { return OptionalValue(value: nil) }
        return place(text, at: location).map { OptionalValue(value: StreamPlace(place: $0, location: location)) }
    }

    /// The positions after which a stream of several chats starts.
    mutating func streamCursor(in request: Request) -> OptionalValue<StreamCursor>? {
        guard let (text, location) = request.streamID else { return OptionalValue(value: nil) }
        if let cursor = StreamCursor(token: text) { return OptionalValue(value: cursor) }
        note(.rule("not the id of an event of this stream"), at: location, input: .text(text))
        return nil
    }

    /// Where a stream of an inbox, or the next page of one, starts.
    mutating func inboxCursor(in request: Request) -> OptionalValue<InboxStreamCursor>? {
        guard let (text, location) = request.streamID else { return OptionalValue(value: nil) }
        if let cursor = InboxStreamCursor(text) { return OptionalValue(value: cursor) }
        note(.rule("not the cursor of an inbox"), at: location, input: .text(text))
        return nil
    }

    /// A query parameter that names chats: comma-separated ids, each optionally with `:` and a position.
    ///
    /// Without a position, a chat starts at the end of its log.
    mutating func streamedChats(
        _ name: String = "chats",
        in request: Request,
        limit: Int
    ) -> OptionalValue<[FollowRequest]>? {
        guard let text = request.queryParameter(name) else { return OptionalValue(value: nil) }
        var requests: [FollowRequest] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let place = parts.count == 2 ? LogPlace(item: parts[1]) : nil
            guard let id = Int64(parts[0]), parts.count == 1 || place != nil else {
                note(.rule("a list of chats is like 1,2,3 or 1:17,2,3"), at: ["query", name], input: .text(text))
                return nil
            }
            let chatID = ChatID(rawValue: id)
            if !requests.contains(where: { $0.chatID == chatID }) {
                requests.append(FollowRequest(chatID: chatID, place: place))
            }
        }
        if requests.count > limit {
            note(.rule("there are more than \(limit) chats"), at: ["query", name], input: .text(text))
            return nil
        }
        return OptionalValue(value: requests)
    }
}

extension LogPlace {
    fileprivate init?(item: Substring) {
        if let place = LogPlace(item) {
            self = place
        } else if let position = Int64(item), position >= 0 {
            self.init(epoch: nil, position: Position(rawValue: position))
        } else {
            return nil
        }
    }
}

extension Request {
    /// The `id` of the last event that the client received, and where it is in the request.
    fileprivate var streamID: (text: String, location: [String])? {
        if let id = headers[.lastEventID], !id.isEmpty { return (id, ["header", "last-event-id"]) }
        return queryParameter("after").map { ($0, ["query", "after"]) }
    }
}
