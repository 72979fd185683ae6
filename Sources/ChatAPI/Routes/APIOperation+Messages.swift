import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let createMessage = APIOperation(
        "createMessage",
        .messages,
        "Post a message to a chat",
        parameters: [.idempotencyKey],
        body: (.messageCreate, ["text": "Hello!"]),
        responses: [
            APIResponse(
                .created,
                "The new message, at position `seq` of the chat's log.",
                .json(.message, example: .example(Message.example))
            ),
            .replayed(.messageOrTombstone, example: .example(Message.example)),
        ]
    )

    static let listMessages = APIOperation(
        "listMessages",
        .messages,
        "Read a page of a chat's messages",
        """
        Choose a page by position: give one of `before`, `after` and `around`, or none for the latest messages. Deleted \
        messages appear without their text.
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
        "Change a message's text or metadata",
        """
        Fields that you leave out keep their values. A change takes the next position of the chat's log and increments the \
        message's revision; a request that changes nothing does neither.
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
            .revisionMismatch,
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
        contains the message or chat in its current state, so a deleted message has no text in any of its entries.
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
    fileprivate static let messageCreate = component(
        "MessageCreate",
        .object([
            .required("text", messageText),
            .optional("metadata", .metadata("\(metadataRules()) Null means none.", example: ["mood": "happy"])),
            .optional(
                "reply_to",
                .anyOf(.integer, .null).adding("examples", [1]),
                "The id of the message this one replies to, in the same chat and not deleted. Null means none."
            ),
        ])
    )

    fileprivate static let messageUpdate = component(
        "MessageUpdate",
        .object([
            .optional("text", messageText),
            .optional(
                "metadata",
                .metadata("Replaces the metadata; null removes it. \(metadataRules())", example: ["mood": "happy"])
            ),
        ])
    )

    private static let messageText = text(maximum: MessageText.maximumLength, example: "Hello!")
}
