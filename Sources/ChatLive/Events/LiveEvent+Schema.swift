package import ChatWire

extension JSONSchema {
    /// Any event a client can receive: a log entry with its `chat_id`, a line of the inbox, or a notice.
    package static let liveEvent = component(
        "LiveEvent",
        .oneOf(SchemaVariant.liveEntries + SchemaVariant.inboxLines + SchemaVariant.notices)
            .described("One line of JSON, or the `data` of one Server-Sent Event.")
    )

    /// A chat in a stream of several.
    fileprivate static let chatPosition = component(
        "ChatPosition",
        .object([.required("chat_id", .id), .required("last_seq", .integer(from: 0), "Where its log ended.")])
    )

    fileprivate static let endOfCredential = component(
        "CredentialEnd",
        [
            "type": "string",
            "enum": ["token_missing", "token_expired", "token_revoked", "key_revoked", "user_deactivated"],
        ]
    )
}

extension SchemaVariant {
    /// The events that are not log entries; they are not stored.
    fileprivate static let notices = [
        SchemaVariant(
            "HelloEvent",
            type: "hello",
            [
                .required("epoch", .epoch),
                .optional("chat_id", .id, "In a stream of one chat: the chat."),
                .optional("last_seq", .integer(from: 0), "In a stream of one chat: where its log ended."),
                .optional("chats", .array(of: .chatPosition), "In any other stream: the chats whose entries it has."),
                .optional("has_more", .boolean, "Present if there are more chats than the stream can follow."),
                .required("heartbeat_seconds", .integer, "After this many seconds, an idle stream sends a heartbeat."),
            ],
            "The stream starts."
        ),
        SchemaVariant("CaughtUpEvent", type: "caught_up", [], "Everything that existed at the start has been sent."),
        SchemaVariant(
            "TypingEvent",
            type: "typing",
            [
                chatID,
                .optional("author", .userID, "The user who is typing. Absent if the client was anonymous."),
                .required("at", .instant, "When the service heard of it."),
                .optional("metadata", .metadata, "Who is typing, as your application defines it."),
            ],
            "Someone is typing."
        ),
        SchemaVariant(
            "MessageAppendedEvent",
            type: "message.appended",
            [
                chatID,
                messageID,
                .required("at", .integer(from: 0), "Truncate the text to this many Unicode code points."),
                .required("text", .string, "Then append this. May be empty."),
                .optional("status", .string, "What the writer is doing. Absent if none was given."),
            ],
            "The text of an open message has grown."
        ),
        SchemaVariant(
            "MessageCancelRequestedEvent",
            type: "message.cancel_requested",
            [chatID, messageID],
            "The writer of an open message is to stop."
        ),
        SchemaVariant("ChatCreatedEvent", type: "chat.created", [chatID, chat], "A chat was created."),
        SchemaVariant("ChatDeletedEvent", type: "chat.deleted", [chatID], "The chat was deleted, or you left it."),
        SchemaVariant(
            "ChatFollowedEvent",
            type: "chat.followed",
            [chatID, .required("after", .integer(from: 0), "The chat's entries start after this position."), chat],
            "The stream now contains a chat that is active or that you joined."
        ),
        SchemaVariant(
            "ChatUnfollowedEvent",
            type: "chat.unfollowed",
            [chatID, .required("last_seq", .integer(from: 0), "The last position that was sent.")],
            "The stream no longer contains a chat that is idle."
        ),
        SchemaVariant(
            "CursorEvent",
            type: "cursor",
            [.required("cursor", .string, "Where the inbox continues: the `after` of another request.")],
            "You have everything in your inbox up to here."
        ),
        SchemaVariant(
            "OverflowEvent",
            type: "overflow",
            [],
            "The client was too slow, and the stream ends: reconnect with the last `id`."
        ),
        SchemaVariant(
            "ReconnectEvent",
            type: "reconnect",
            [.required("delay_ms", .integer(from: 0), "How long to wait, in milliseconds.")],
            "The server is shutting down or cannot serve the stream now: reconnect with the last `id`."
        ),
        SchemaVariant(
            "UnauthorizedEvent",
            type: "unauthorized",
            [.required("reason", .endOfCredential)],
            "The credential is no longer valid: reconnect with another and the last `id`."
        ),
        SchemaVariant(
            "ResetEvent",
            type: "reset",
            [.required("epoch", .epoch)],
            "Positions belong to another epoch, or the log has gone backward: start over."
        ),
        SchemaVariant(
            "FailedEvent",
            type: "failed",
            [.required("code", .string, "`log_damaged`."), chatID, .required("detail", .string, "For people.")],
            "The next position of a chat has no entry, and the stream ends."
        ),
    ]

    private static let chatID = JSONSchema.Property.required("chat_id", .id)
    private static let messageID = JSONSchema.Property.required("message_id", .id)
    private static let chat = JSONSchema.Property.required("chat", .chat, "The chat in its current state.")
}
