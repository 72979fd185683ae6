import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let createChat = APIOperation(
        "createChat",
        .chats,
        "Create a chat",
        """
        If you are a user, you own the chat. `members` become members of it, too; see docs/members.md.
        """,
        parameters: [.idempotencyKey],
        body: (.chatCreate, ["title": "Team"]),
        responses: [
            APIResponse(.created, "The new chat.", .json(.chat, example: .example(Chat.newExample))),
            .replayed(.chat, example: .example(Chat.newExample)),
        ]
    )

    static let listChats = APIOperation(
        "listChats",
        .chats,
        "List chats, most recently active first",
        """
        Each page continues where the previous one ended. A chat that becomes active in the meantime moves to the front.
        """,
        parameters: [
            .limit(.chats, "The maximum number of chats to return."),
            .query(
                "cursor",
                "The `next_cursor` of the previous page, an opaque string.",
                .string
            ),
            .query(
                "q",
                """
                Return only chats whose title contains this text, ignoring case. Surrounding white space is trimmed; an \
                empty text matches all chats.
                """,
                .string
            ),
        ],
        responses: [
            APIResponse(.ok, "A page of chats.", .json(.chatList, example: .example(ChatList.example))),
            .epochChanged,
        ]
    )

    static let getChat = APIOperation(
        "getChat",
        .chats,
        "Read a chat with its latest messages",
        """
        If the chat has streamed messages, you may get fewer messages than `limit`, the newest ones: their texts take at \
        most 1 MiB. Read a page of older messages with `listMessages`.
        """,
        parameters: [.limit(.latestMessages, "The maximum number of messages to return.")],
        responses: [
            APIResponse(
                .ok,
                "The chat with its latest messages, oldest first. Deleted messages are left out.",
                .json(.chatWithMessages, example: .example(ChatWithMessages.example))
            )
        ]
    )

    static let updateChat = APIOperation(
        "updateChat",
        .chats,
        "Change a chat's title, metadata or settings",
        """
        Fields that you leave out keep their values. A change takes the next position of the chat's log; a request that \
        changes nothing takes none. Moderators may change `slow_mode` alone.
        """,
        body: (.chatUpdate, ["title": "Core team", "metadata": ["topic": "releases"]]),
        responses: [
            APIResponse(
                .ok,
                "The chat in its current state.",
                .json(.chat, example: .example(Chat.editedExample))
            )
        ]
    )

    static let deleteChat = APIOperation(
        "deleteChat",
        .chats,
        "Delete a chat and its messages",
        "The chat's subscribers get `chat.deleted`.",
        responses: [APIResponse(.noContent, "The chat was deleted.")]
    )
}

extension JSONSchema {
    fileprivate static let chatCreate = component(
        "ChatCreate",
        .object([
            .required("title", chatTitle),
            .optional("metadata", .metadata("\(metadataRules()) Null means none.", example: ["topic": "releases"])),
            .optional(
                "visibility",
                .chatVisibility,
                """
                Who may read the chat without being a member: nobody (`private`), or every user, who may also join (`open`). \
                The default is `private`, but `open` for a request without a credential.
                """
            ),
            .optional(
                "members",
                .users(minimum: 0),
                "Users who become members, besides the one who creates the chat. They need not exist yet."
            ),
            .optional("receipts", .boolean, receiptsRule),
        ])
    )

    fileprivate static let chatUpdate = component(
        "ChatUpdate",
        .object([
            .optional("title", chatTitle),
            .optional(
                "metadata",
                .metadata(
                    "Replaces the metadata; null removes it. \(metadataRules())",
                    example: ["topic": "releases"]
                )
            ),
            .optional("receipts", .boolean, "Whether the list of members shows how far each member has read."),
            .optional(
                "slow_mode",
                .integer(in: 0...Int(SlowMode.allowed.upperBound)),
                "How many seconds members must wait between two messages; 0 turns slow mode off."
            ),
        ])
    )

    private static let chatTitle = text(maximum: ChatTitle.maximumLength, example: "Team")
}
