import ChatDomain
import ChatOperations
import ChatWire
import HTTPTypes
import WebSocket

extension APIOperation {
    static let streamChat = APIOperation(
        "streamChat",
        .live,
        "Follow a chat's log live",
        """
        Streams the log as Server-Sent Events, from a position or from now on: first the existing entries, then `caught_up`, \
        then each new entry. No entry is skipped. An event's `id` is its position, so a browser that loses the connection \
        resumes where it left off. With `Accept: application/x-ndjson`, you get JSON lines; with `wait`, a long poll.

        A stream does not end, so you cannot try it on this page. Run \
        `curl -N 'http://127.0.0.1:8000/chats/1/events?after=0'`, or in a browser \
        `new EventSource('/chats/1/events?after=0')`.
        """,
        parameters: [
            .query(
                "after",
                """
                The last position you have seen. Without it, the stream starts now. A position beyond the end of the log \
                gets 422.
                """,
                .logPlace,
                example: 5
            ),
            .query(
                "wait",
                """
                Long poll: return a page of the log as soon as there is an entry after `after`, or an empty page after \
                this many seconds.
                """,
                .integer(in: .longPollSeconds)
            ),
            .ticket,
            .lastEventID(.logPlace),
        ],
        responses: [
            APIResponse(
                .ok,
                "The stream; with `wait`, a page of the log.",
                .serverSentEvents(ExampleEvent.ofOneChat),
                .jsonLines(ExampleEvent.ofOneChat),
                .json(.logPage, example: .example(LogPage.example))
            ),
            .epochChanged,
        ]
    )

    static let readText = APIOperation(
        "readText",
        .live,
        "Read a message's text while it is written",
        """
        Returns the text from an offset on, as it grows, and ends when the message ends; the text of a message that is not \
        open comes at once. If what you were sent is taken back, because a part was lost, the writer ended the message with \
        another text, or the message was deleted, the response breaks off: read the message again. Run \
        `curl -N http://127.0.0.1:8000/chats/1/messages/9/text`.

        With `Accept: text/event-stream` or `application/x-ndjson`, you get `message.appended` events (truncate your text to \
        `at`, then append), and then the entry with which the message ended; if it had ended before, that is the entry with \
        which it was posted. With `wait`, you get a long poll.
        """,
        parameters: [
            .query(
                "at",
                "How much of the text you have, in characters (Unicode scalars). By default, 0.",
                .integer(in: 0...StreamedText.maximumLength),
                example: 120
            ),
            .query(
                "wait",
                """
                Long poll: return what follows `at` as soon as there is anything or the message ends, or after this many \
                seconds.
                """,
                .integer(in: .longPollSeconds)
            ),
            .ticket,
        ],
        responses: [
            APIResponse(
                .ok,
                "The text; with `wait`, the next part of it.",
                APIResponse.Content(
                    mediaType: "text/plain",
                    schema: .string,
                    example: ("example", "It will rain.")
                ),
                .serverSentEvents(ExampleEvent.ofText, retries: false),
                .jsonLines(ExampleEvent.ofText),
                .json(.textPart, example: ["at": 120, "text": " more", "state": "open", "length": 125])
            ),
            .error(
                APIError(OperationError.textTooShort(length: 100)),
                "The text is shorter than `at`: it has `length` characters."
            ),
        ]
    )

    static let streamChats = APIOperation(
        "streamChats",
        .live,
        "Follow several chats' logs live",
        """
        Streams many chats on one connection, because browsers open at most six. An event's `id` contains the position in \
        every chat, so a browser resumes all of them. With many chats, only some events have an `id`; after a reconnect, you \
        get the events since the last `id` again.

        A stream does not end, so you cannot try it on this page. Run `curl -N http://127.0.0.1:8000/events`.
        """,
        parameters: [
            .query(
                "chats",
                """
                Comma-separated chat ids, at most `--stream-chats` (500). Append the last position you have seen, as in \
                `1:5`; otherwise, the chat starts now. Without this parameter, the stream follows all your chats, including \
                those created or joined later; if there are more than the limit, it follows the most recently active ones.
                """,
                .streamedChats,
                example: "1:5,2"
            ),
            .query("after", "The `id` of the last event you received.", .string),
            .ticket,
            .lastEventID(.string),
        ],
        responses: [
            APIResponse(
                .ok,
                "The stream.",
                .serverSentEvents(ExampleEvent.ofSeveralChats),
                .jsonLines(ExampleEvent.ofSeveralChats)
            ),
            .chatNotFound,
        ]
    )

    static let followInbox = APIOperation(
        "followInbox",
        .live,
        "Follow your inbox",
        """
        Streams the state of your chats: a line for each chat that changed since `after`, then `caught_up`, then a line \
        whenever a chat changes, at most every half second. A line replaces those before it about the same chat. With \
        `follow`, you also get the entries of the chats that are open on the screen. With `wait`, you get a page of changes \
        instead. See docs/inbox.md.

        A stream does not end, so you cannot try it on this page. Run `curl -N http://127.0.0.1:8000/inbox` with a token.
        """,
        parameters: [
            .query(
                "after",
                "Where you left off: the `id` of an event, or the `cursor` of a page. Without it, you get the whole inbox.",
                .string,
                example: "7f3c9a01.184467"
            ),
            .query(
                "follow",
                """
                Chats whose entries the stream contains, too, at most 50. Append the last position you have seen, as in \
                `1:5`; otherwise, the chat starts now.
                """,
                .streamedChats,
                example: "1:5"
            ),
            .query(
                "wait",
                """
                Long poll: return a page as soon as something changes after `after`, or after this many seconds. It may be \
                empty. Not with `follow`.
                """,
                .integer(in: .longPollSeconds)
            ),
            .limit(.inbox, "The maximum number of chats on a page, with `wait`."),
            .ticket,
            .lastEventID(.string),
        ],
        responses: [
            APIResponse(
                .ok,
                "The stream; with `wait`, a page of changes.",
                .serverSentEvents(ExampleEvent.ofInbox),
                .jsonLines(ExampleEvent.ofInbox),
                .json(.inboxPage, example: .example(InboxPage.example))
            ),
            .epochChanged,
            .chatNotFound,
        ]
    )

    static let openWebSocket = APIOperation(
        "openWebSocket",
        .live,
        "Follow chats and write to them over one WebSocket",
        """
        A WebSocket (RFC 6455) whose messages are JSON objects. The request is a handshake of version 13, whose headers are \
        not listed here. The server sends the entries of the chats you subscribe to. \
        You send `subscribe`, `unsubscribe`, `send`, `typing`, `read`, `auth`, `ping` and operations about open messages, members and \
        the inbox; each gets a response with its `ref`. See docs/websocket.md.

        You cannot open a WebSocket on this page. Run `websocat ws://127.0.0.1:8000/ws`, or in a browser \
        `new WebSocket('ws://127.0.0.1:8000/ws')`.
        """,
        parameters: [
            .header("Origin", "The origin of the page that opens the WebSocket. Browsers send it.", .string),
            .ticket,
        ],
        responses: [
            APIResponse(.switchingProtocols, "The connection is now a WebSocket."),
            .error(APIError(.invalidKey), "The WebSocket handshake is invalid."),
            .error(
                APIError(.unsupportedVersion),
                "The request does not ask for a WebSocket, or asks for a version other than 13."
            ),
        ]
    )

    static let announceTyping = APIOperation(
        "announceTyping",
        .live,
        "Show that someone is typing",
        """
        Sends a `typing` event to the chat's subscribers. It has no `id` and is not stored. Events that repeat the metadata of \
        a recent one, and events over the chat's limit per second, are dropped.
        """,
        body: (.typingCreate, ["metadata": ["user": "ada"]]),
        responses: [
            APIResponse(.noContent, "The event was sent, or dropped because of a limit.")
        ]
    )
}

extension APIParameter {
    fileprivate static func lastEventID(_ schema: JSONSchema) -> APIParameter {
        .header(
            "Last-Event-ID",
            "The `id` of the last event you received. Browsers send it when they reconnect; it overrides `after`.",
            schema
        )
    }
}

extension JSONSchema {
    /// A list of chats, each optionally with a position.
    fileprivate static let streamedChats: JSONSchema = [
        "type": "string",
        "pattern": "^[0-9]+(:([0-9a-f]{8}\\.)?[0-9]+)?(,[0-9]+(:([0-9a-f]{8}\\.)?[0-9]+)?)*$",
    ]

    fileprivate static let textPart = component(
        "TextPart",
        .object([
            .required("at", .integer(in: 0...StreamedText.maximumLength), "As requested."),
            .required("text", .string, "The text from there on. May be empty."),
            .required("state", .messageState, "`done` also if the message was posted whole."),
            .required("length", .integer(in: 0...StreamedText.maximumLength), "The length of the whole text."),
            .optional("status", .string, "What the writer is doing. Absent if none was given."),
        ])
    )

    fileprivate static let typingCreate = component(
        "TypingCreate",
        .object([
            .optional(
                "metadata",
                .metadata(
                    """
                    Who is typing, as your application defines it. \(metadataRules(maximum: Typing.maximumMetadataLength))
                    """,
                    example: ["user": "ada"]
                )
            )
        ])
    )
}

extension APIResponse.Content {
    /// - Parameter retries: Whether the stream first tells a browser how long to wait before it reconnects.
    fileprivate static func serverSentEvents(
        _ events: [ExampleEvent],
        retries: Bool = true
    ) -> APIResponse.Content {
        let description = "Server-Sent Events; the `data` of each is a `LiveEvent`."
        let example = (retries ? "retry: 2240\n" : "") + events.map(\.serverSentEvent).joined()
        return APIResponse.Content(
            mediaType: "text/event-stream",
            schema: .string.described(description),
            example: ("example", .string(example))
        )
    }

    fileprivate static func jsonLines(_ events: [ExampleEvent]) -> APIResponse.Content {
        APIResponse.Content(
            mediaType: "application/x-ndjson",
            schema: .string.described("One `LiveEvent` per line. An empty line is a heartbeat."),
            example: ("example", .string(events.map { "\($0.json)\n" }.joined()))
        )
    }
}

/// An event in the example of a stream.
private struct ExampleEvent {
    var id: String?
    let type: String
    let json: String

    var serverSentEvent: String {
        (id.map { "id: \($0)\n" } ?? "") + "event: \(type)\ndata: \(json)\n\n"
    }

    static let ofOneChat = [
        ExampleEvent(
            id: "7f3c9a01.5",
            type: "hello",
            json: #"{"type":"hello","epoch":"7f3c9a01","chat_id":1,"last_seq":5,"heartbeat_seconds":15}"#
        ),
        caughtUp("7f3c9a01.5"),
        created("7f3c9a01.6"),
    ]

    static let ofSeveralChats = [
        ExampleEvent(
            type: "hello",
            json: #"""
                {"type":"hello","epoch":"7f3c9a01",\#
                "chats":[{"chat_id":1,"last_seq":5},{"chat_id":2,"last_seq":0}],"heartbeat_seconds":15}
                """#
        ),
        caughtUp("7f3c9a01.1-5-1-0-2jpvhy2c9l5rr"),
        created("7f3c9a01.1-6-1-0-1pd3m0j36fz6u"),
    ]

    static let ofText = [
        ExampleEvent(
            type: "message.appended",
            json: #"{"type":"message.appended","chat_id":1,"message_id":9,"at":120,"text":" more"}"#
        )
    ]

    static let ofInbox = [
        ExampleEvent(
            type: "hello",
            json: #"{"type":"hello","epoch":"7f3c9a01","chats":[],"heartbeat_seconds":15}"#
        ),
        line(.chat(.example)),
        line(.left(ChatID(rawValue: 9))),
        ExampleEvent(
            id: "7f3c9a01.184467",
            type: "cursor",
            json: #"{"type":"cursor","cursor":"7f3c9a01.184467"}"#
        ),
        caughtUp("7f3c9a01.184467"),
    ]

    private static func line(_ line: InboxLine) -> ExampleEvent {
        var writer = JSONWriter()
        line.write(to: &writer)
        return ExampleEvent(type: line.type, json: String(decoding: writer.bytes, as: UTF8.self))
    }

    private static func caughtUp(_ id: String) -> ExampleEvent {
        ExampleEvent(id: id, type: "caught_up", json: #"{"type":"caught_up"}"#)
    }

    private static func created(_ id: String) -> ExampleEvent {
        let entry = LogEntry(created: .laterExample)
        var writer = JSONWriter()
        entry.write(to: &writer, chatID: Message.laterExample.chatID)
        return ExampleEvent(id: id, type: entry.kind.rawValue, json: String(decoding: writer.bytes, as: UTF8.self))
    }
}
