import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let createMessage = APIOperation(
        "createMessage",
        .messages,
        "Post a message to a chat",
        """
        With `open`, the text may be empty and grows until the message ends: append to it with `appendText`, and end it with \
        `updateMessage`.
        """,
        parameters: [.idempotencyKey],
        body: (.messageCreate, ["text": "Hello!"]),
        responses: [
            APIResponse(
                .created,
                "The new message, at position `seq` of the chat's log.",
                .json(.message, example: .example(Message.example))
            ),
            .replayed(.messageOrTombstone, example: .example(Message.example)),
            .error(
                .tooManyOpenMessages,
                "The chat already has \(MessageStream.maximumPerChat) open messages."
            ),
            .unavailableOrTooManyOpenMessages,
        ]
    )

    static let listMessages = APIOperation(
        "listMessages",
        .messages,
        "Read a page of a chat's messages",
        """
        Choose a page by position: give one of `before`, `after` and `around`, or none for the latest messages. Deleted \
        messages appear without their text. A page may have fewer messages than `limit`, because its texts take at most 1 \
        MiB: `has_before` and `has_after` say whether there are more.
        """,
        parameters: [
            .query("before", "Return the messages just before this position.", .logPlace),
            .query("after", "Return the messages just after this position.", .logPlace),
            .query("around", "Return the message at this position and those on both sides.", .logPlace),
            .limit(.messages, "The maximum number of messages to return."),
        ],
        responses: [
            APIResponse(
                .ok,
                "A page of messages, oldest first.",
                .json(.messagePage, example: .example(MessagePage.example))
            ),
            .epochChanged,
        ]
    )

    static let getMessage = APIOperation(
        "getMessage",
        .messages,
        "Read a message",
        parameters: [
            .header(
                "If-None-Match",
                """
                The `ETag` of the revision you have, or a list of ETags. If it is still current, the response is 304.
                """,
                .string,
                example: "\"2\""
            )
        ],
        responses: [
            APIResponse(
                .ok,
                "The message.",
                .json(.message, example: .example(Message.example)),
                headers: [APIResponse.eTag]
            ),
            APIResponse(.notModified, "You already have the current revision.", headers: [APIResponse.eTag]),
        ]
    )

    static let updateMessage = APIOperation(
        "updateMessage",
        .messages,
        "Change a message's text or metadata, or end an open message",
        """
        Fields that you leave out keep their values. A change takes the next position of the chat's log and increments the \
        message's revision; a request that changes nothing does neither. `state` ends an open message, with `text` as its \
        whole text if that is given; only its author and administrators may do that. If you end a message twice in the same \
        way, the second request changes nothing; any other end of a message that is not open gets `message_not_open`.
        """,
        parameters: [.ifMatch],
        body: (.messageUpdate, ["text": "Hello, all!"]),
        responses: [
            APIResponse(
                .ok,
                "The message in its current state.",
                .json(.message, example: .example(Message.editedExample)),
                headers: [APIResponse.eTag]
            ),
            .streamConflict,
            .revisionMismatch,
        ]
    )

    static let appendText = APIOperation(
        "appendText",
        .messages,
        "Append to an open message",
        """
        Send the text that belongs at the offset `at`, in characters (Unicode scalars). What is already there is left alone, \
        so send again what was not acknowledged; after `offset_mismatch`, continue from `length`. The response says how \
        much is stored: keep the rest until it is. An empty text only renews the message's lease.

        With `text/plain`, the body is the text, and each piece reaches the readers as it arrives: with chunks, one request \
        can carry the whole message. If such a body gets an error, the pieces before it are kept: send an empty append to \
        learn the `length`. Only the author and administrators may append.
        """,
        parameters: [
            .query(
                "at",
                "Where the text belongs.",
                .integer(in: 0...StreamedText.maximumLength),
                isRequired: true,
                example: 120
            )
        ],
        body: (.textPiece, ["text": " more", "status": "Searching"]),
        textBody: (.streamedText, " more"),
        responses: [
            APIResponse(
                .ok,
                "The text was appended, or was already there.",
                .json(.appendReceipt, example: ["length": 178, "stored": 120, "cancel_requested": false])
            ),
            APIResponse(
                .conflict,
                "The text belongs elsewhere, or the message is not open.",
                .json(
                    .problem,
                    examples: [
                        "offset": APIError(AppendRejection.offsetMismatch(length: 120)).example,
                        "ended": APIError.messageNotOpen.example,
                        "replaced": APIError.writerReplaced.example,
                    ]
                )
            ),
            .pieceTooLarge,
            .unsupportedMediaType,
        ]
    )

    static let cancelMessage = APIOperation(
        "cancelMessage",
        .messages,
        "Ask the writer of an open message to stop",
        """
        Everyone who may post in the chat may do this. The writer is told with its next append; if it does not stop, the \
        message ends as `cancelled` after 5 seconds.
        """,
        responses: [
            APIResponse(.accepted, "The writer will be told."),
            .error(.messageNotOpen, "The message is not open."),
        ]
    )

    static let deleteMessage = APIOperation(
        "deleteMessage",
        .messages,
        "Delete a message",
        """
        Erases the message's text and metadata. The message keeps its position in the log, and the deletion takes the next \
        one.
        """,
        parameters: [.ifMatch],
        responses: [APIResponse(.noContent, "The message was deleted."), .revisionMismatch]
    )

    static let getLog = APIOperation(
        "getLog",
        .messages,
        "Read a chat's log after a position",
        """
        For clients that poll: if you have seen the log up to position n, you need exactly the entries after n. An entry \
        contains the message or chat in its current state, so a deleted message has no text in any of its entries, and an \
        open one has the text so far. A page may end before `limit`, because its texts take at most 1 MiB; read on while its \
        last entry is before `last_seq`.
        """,
        parameters: [
            .query("after", "The last position you have seen.", .logPlace),
            .limit(.logEntries, "The maximum number of entries to return."),
        ],
        responses: [
            APIResponse(.ok, "A page of the log.", .json(.logPage, example: .example(LogPage.example))),
            .epochChanged,
        ]
    )
}

extension JSONSchema {
    fileprivate static let messageCreate = anyOf(wholeMessage, openMessage)

    private static let wholeMessage = component(
        "MessageCreate",
        .object([
            .required("text", messageText),
            .optional("open", ["type": "boolean", "const": false]),
            newMetadata,
            replyTo,
        ])
    )

    private static let openMessage = component(
        "OpenMessageCreate",
        .object([
            .required("open", ["type": "boolean", "const": true]),
            .optional("text", streamedText, "How the text begins. Empty by default."),
            .optional(
                "ttl",
                .integer(in: Int(MessageTTL.allowed.lowerBound)...Int(MessageTTL.allowed.upperBound))
                    .adding("default", .integer(Int(MessageTTL.standard.seconds))),
                "After this many seconds without an append, the message ends as `failed`."
            ),
            newMetadata,
            replyTo,
        ])
    )

    fileprivate static let messageUpdate = anyOf(messageEdit, messageFinish)

    private static let messageEdit = component(
        "MessageUpdate",
        .object([.optional("text", messageText), changedMetadata]).adding("not", ["required": ["state"]])
    )

    private static let messageFinish = component(
        "MessageFinish",
        .object([
            .required("state", .values(of: StreamEnd.State.self, named: "MessageEnd"), "Ends an open message."),
            .optional("text", streamedText, "The whole text. By default, what was appended."),
            .optional(
                "length",
                .integer(in: 0...StreamedText.maximumLength),
                "The length that the text has. If it has another one, nothing changes: the response is `offset_mismatch`."
            ),
            .optional("reason", .anyOf(text(maximum: EndReason.maximumLength, example: "overloaded"), .null)),
            changedMetadata,
        ])
    )

    fileprivate static let textPiece = component(
        "TextPiece",
        .object([
            .optional("text", streamedText, "By default, nothing: only the lease is renewed."),
            .optional(
                "status",
                .anyOf(text(maximum: WriterStatus.maximumLength, example: "Searching"), .null),
                "What the writer is doing, for the readers. It is never stored, and the next text clears it."
            ),
        ])
    )

    fileprivate static let appendReceipt = component(
        "AppendReceipt",
        .object([
            .required("length", .integer(in: 0...StreamedText.maximumLength), "The length of the text."),
            .required("stored", .integer(in: 0...StreamedText.maximumLength), "How much of it is on disk."),
            .required("cancel_requested", .boolean, "Whether someone asked the writer to stop."),
        ])
    )

    private static let newMetadata = Property.optional(
        "metadata",
        .metadata("\(metadataRules()) Null means none.", example: ["mood": "happy"])
    )
    private static let changedMetadata = Property.optional(
        "metadata",
        .metadata("Replaces the metadata; null removes it. \(metadataRules())", example: ["mood": "happy"])
    )
    private static let replyTo = Property.optional(
        "reply_to",
        .anyOf(.integer, .null).adding("examples", [1]),
        "The id of the message this one replies to, in the same chat and not deleted. Null means none."
    )

    private static let messageText = text(maximum: MessageText.maximumLength, example: "Hello!")
    /// U+0000 is not allowed here, either.
    fileprivate static let streamedText: JSONSchema = [
        "type": "string", "maxLength": .integer(StreamedText.maximumLength), "pattern": "^[^\\x00]*$",
    ]
}
