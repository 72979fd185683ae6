package import ChatWire

extension JSONSchema {
    /// Any event a client can receive: a log entry with its `chat_id`, or a notice.
    package static let liveEvent = component(
        "LiveEvent",
        .anyOf(.liveMessageEntry, .liveChatEntry, .liveMemberEntry, liveNotice)
            .described("One line of JSON, or the `data` of one Server-Sent Event.")
    )

    private static let liveNotice = component(
        "LiveNotice",
        .object(
            [
                .required("type", liveNoticeType),
                .optional("chat_id", .id, "The chat the event is about, if any."),
                .optional(
                    "last_seq",
                    .integer(from: 0),
                    "In `hello`: where the log ended. In `chat.unfollowed`: the last position that was sent."
                ),
                .optional(
                    "chats",
                    .array(of: .object([.required("chat_id", .id), .required("last_seq", .integer(from: 0))])),
                    "In `hello` of a stream of several chats: the chats and the last position of each."
                ),
                .optional(
                    "heartbeat_seconds",
                    .integer,
                    "In `hello`: an idle stream sends a heartbeat after this many seconds."
                ),
                .optional("author", .userID, "In `typing`: the user who is typing; absent without one."),
                .optional("at", .instant, "In `typing`: when the event was received."),
                .optional("metadata", .metadata, "In `typing`: who is typing, as your application defines it."),
                .optional("chat", .chat, "In `chat.created` and `chat.followed`: the chat."),
                .optional(
                    "delay_ms",
                    .integer,
                    "In `reconnect`: how long to wait before you reconnect, in milliseconds."
                ),
                .optional(
                    "reason",
                    ["enum": ["token_missing", "token_expired", "token_revoked", "key_revoked", "user_deactivated"]],
                    "In `unauthorized`: why the credential is no longer accepted."
                ),
                .optional("epoch", .epoch),
                .optional(
                    "has_more",
                    .boolean,
                    "In `hello` of a stream of all chats: true if there are more than the stream can follow."
                ),
                .optional(
                    "after",
                    .integer(from: 0),
                    "In `chat.followed`: the position after which the chat's entries start."
                ),
                .optional("code", .string, "In `failed`: `log_damaged`."),
                .optional("detail", .string, "In `failed`: what is wrong."),
                .optional("cursor", .string, "In `cursor`: where the inbox continues."),
            ],
            "An event that is not a log entry. It is not stored."
        )
    )

    private static let liveNoticeType: JSONSchema = [
        "enum": [
            "hello", "caught_up", "typing", "chat.created", "chat.deleted", "chat.followed", "chat.unfollowed",
            "overflow", "reconnect", "reset", "failed", "unauthorized", "cursor",
        ],
        "description": """
        `hello`: the stream starts. `caught_up`: everything that existed at the start has been sent. `typing`: someone \
        is typing. `chat.created`: a chat was created. `chat.deleted`: a chat was deleted, or you left it. \
        `chat.followed`, `chat.unfollowed`: a stream of all chats follows a chat that is active or that you joined, or \
        stops following an idle one. `reset`: positions belong to \
        another epoch, or the log has gone backward; start over. `failed`: the next position has no entry. `overflow`: \
        the client was too slow. `reconnect`: the server is shutting down or cannot serve the stream now. \
        `unauthorized`: the credential expired or was revoked. `cursor`: you have everything in your inbox up to here. After `overflow`, `reconnect` and `unauthorized`, the \
        stream ends; reconnect with the last `id`.
        """,
    ]
}
