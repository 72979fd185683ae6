package import ChatDomain

extension Message: JSONWritable {
    /// Writes a `Message`, or a `Tombstone` if it was deleted.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", id)
            writer.member("chat_id", chatID)
            writer.member("seq", position)
            writer.member("author", ifPresent: author)
            if let deletedAt {
                writeTombstone(deletedAt, to: &writer)
            } else {
                writeContent(to: &writer)
            }
            writer.member("idempotency_key", ifPresent: idempotencyKey)
        }
    }

    private func writeContent(to writer: inout JSONWriter) {
        writer.member("text", text)
        writer.member("created_at", createdAt)
        writer.member("revision", revision)
        writer.member("edited_at", ifPresent: editedAt)
        writer.member("reply_to", ifPresent: replyTo)
        writer.member("metadata", ifPresent: metadata)
        guard let stream else { return }
        writer.member("state", stream.storedState)
        writer.member("length", ifPresent: openLength)
        writer.member("reason", ifPresent: stream.end?.reason?.value)
    }

    /// What remains of a deleted message besides its position, author and key: its times and an empty text.
    private func writeTombstone(_ deletedAt: Instant, to writer: inout JSONWriter) {
        writer.member("created_at", createdAt)
        writer.member("deleted_at", deletedAt)
        writer.member("text", "")
    }
}

extension MessagePage: JSONWritable {
    /// Writes a page with the epoch of its positions.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("messages", messages)
            writer.member("has_before", hasBefore)
            writer.member("has_after", hasAfter)
            writer.member("last_seq", lastPosition)
            writer.member("epoch", epoch)
        }
    }
}

extension JSONSchema {
    /// A message that was not deleted; unlike a tombstone, it has no `deleted_at`.
    package static let message = component(
        "Message",
        .object(
            placeProperties + [
                .required(
                    "text",
                    ["type": "string", "maxLength": .integer(StreamedText.maximumLength)],
                    "Only a message that is or was open may be empty, or longer than 5,000 characters."
                ),
                .required("created_at", .instant),
                .required("revision", .integer(from: 1), "Starts at 1 and increments with each edit."),
                .optional("edited_at", .instant, "When the message was last edited. Absent if it never was."),
                .optional("reply_to", .id, "The id of the message in the same chat that this one replies to."),
                .optional("metadata", .metadata),
                .optional("state", .messageState),
                .optional(
                    "length",
                    .integer(in: 0...StreamedText.maximumLength),
                    "The length of an open message's `text` in characters (Unicode scalars): where its next piece belongs."
                ),
                .optional(
                    "reason",
                    .string(maximum: EndReason.maximumLength),
                    "Why the message `failed` or was `cancelled`. `abandoned` if its writer went silent."
                ),
                keyOfRequest,
            ]
        )
        .adding("not", ["required": ["deleted_at"]])
    )

    /// The raw values of `MessageStream.storedState`.
    package static let messageState = component(
        "MessageState",
        [
            "type": "string", "enum": .array((["open"] + StreamEnd.State.allCases.map(\.rawValue)).map { .string($0) }),
            "description": """
            While a message is `open`, its text grows; it ends as `done`, `failed` or `cancelled`. Absent if the message \
            was posted whole.
            """,
        ]
    )

    /// Allows no further members: nothing else of the message remains.
    package static let tombstone = component(
        "Tombstone",
        .object(
            placeProperties + [
                .required("created_at", .instant),
                .required("deleted_at", .instant),
                .required("text", .constant("")),
                keyOfRequest,
            ],
            "A deleted message, which keeps its position in the log."
        )
        .adding("additionalProperties", false)
    )

    /// A message in any state.
    package static let messageOrTombstone = component(
        "MessageOrTombstone",
        .oneOf(message, tombstone).described("A deleted message has `deleted_at`; any other has none.")
    )

    /// A page of at most 100 messages.
    package static let messagePage = component(
        "MessagePage",
        .object([
            .required("messages", .array(of: messageOrTombstone, maximum: 100), "In order of position."),
            .required("has_before", .boolean, "Whether there are messages before these."),
            .required("has_after", .boolean, "Whether there are messages after these."),
            .required("last_seq", .integer(from: 0), "The last position of the chat's log at the time of the read."),
            .required("epoch", .epoch),
        ])
    )

    private static let placeProperties: [Property] = [
        .required("id", .id),
        .required("chat_id", .id),
        .required("seq", .integer(from: 1), "The position at which the message was posted in its chat's log."),
        .optional("author", .userID, "The user who posted the message. Absent if the client was anonymous."),
    ]

    private static let keyOfRequest = Property.optional(
        "idempotency_key",
        .idempotencyKey,
        "The `Idempotency-Key` with which the message was posted. Absent if there was none."
    )
}
