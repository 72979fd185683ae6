import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let moveReadMarker = APIOperation(
        "moveReadMarker",
        .chats,
        "Mark a chat as read",
        """
        Moves your read marker to a position, and returns what is still unread. Only you see the marker, unless the chat has \
        `receipts`. It moves forward: a position before the marker changes nothing, and one after the end of the log means \
        the end. Only members have a read marker. See docs/inbox.md.
        """,
        body: (.readMarkerUpdate, ["seq": 812]),
        responses: [
            APIResponse(.ok, "The read marker.", .json(.readMarker, example: .example(ReadState.example)))
        ]
    )

    static let countUnreadChats = APIOperation(
        "countUnreadChats",
        .chats,
        "Count your chats with unread messages",
        "For a badge. Only chats of which you are a member count.",
        responses: [
            APIResponse(.ok, "The number of chats.", .json(.unreadChats, example: .example(UnreadChats(count: 12))))
        ]
    )
}

extension JSONSchema {
    fileprivate static let readMarkerUpdate = component(
        "ReadMarkerUpdate",
        .object([
            .required("seq", .integer(from: 0), "The position up to which you have read; 0 for the start of the log."),
            .optional(
                "back",
                .boolean,
                "Whether the marker may move back. To mark a message as unread, send the `seq` before it with `true`."
            ),
        ])
    )
}
