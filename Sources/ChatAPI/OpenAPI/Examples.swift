import ChatDomain
import ChatLive
import ChatWire

/// The conversation in the examples of the OpenAPI document.
///
/// Of two messages, one is edited and one is deleted; then the chat gets a new title.
extension Chat {
    static let newExample = Chat(id: ChatID(rawValue: 1), title: "Team", createdAt: .example(0))

    static let example = Chat(
        id: newExample.id,
        title: newExample.title,
        createdAt: newExample.createdAt,
        lastPosition: Position(rawValue: 1),
        lastMessageAt: Message.example.createdAt,
        messageCount: 1
    )

    static let editedExample = Chat(
        id: newExample.id,
        title: "Core team",
        metadata: Metadata(json: #"{"topic":"releases"}"#),
        createdAt: newExample.createdAt,
        lastPosition: Position(rawValue: 5),
        lastMessageAt: Message.deletedExample.createdAt,
        messageCount: 1
    )
}

extension Chat {
    static let directExample = Chat(
        id: ChatID(rawValue: 2),
        title: "Direct chat",
        createdAt: .example(0),
        lastPosition: Position(rawValue: 1)
    )
}

extension Member {
    static let example = Member(
        MemberReference(chatID: Chat.newExample.id, userID: User.example.id),
        role: .member,
        joinedAt: Position(rawValue: 2),
        readPosition: Position(rawValue: 2)
    )
}

extension MemberPage {
    static let example = MemberPage([.example], limit: PageLimit.members.defaultValue, hasReceipts: false)
}

extension ChatList {
    static let example = ChatList(
        chats: [.example],
        readStates: [
            Chat.example.id: ReadState(
                role: .member,
                readPosition: Position(rawValue: 0),
                unread: UnreadCount(found: 1)
            )
        ],
        next: nil,
        epoch: .example
    )
}

extension ReadState {
    static let example = ReadState(
        role: .member,
        readPosition: Position(rawValue: 812),
        unread: UnreadCount(found: 0)
    )
}

extension ChatWithMessages {
    static let example = ChatWithMessages(chat: .example, messages: [.example])
}

extension Message {
    static let example = Message(
        id: MessageID(rawValue: 1),
        chatID: Chat.newExample.id,
        position: Position(rawValue: 1),
        text: "Hello!",
        idempotencyKey: IdempotencyKey("018f3a6e-52c1-7d0b-9a43-0c5be1b7a2f4"),
        createdAt: .example(1.25)
    )

    static let editedExample = Message(
        id: example.id,
        chatID: example.chatID,
        position: example.position,
        text: "Hello, all!",
        idempotencyKey: example.idempotencyKey,
        createdAt: example.createdAt,
        revision: 2,
        editedAt: .example(60)
    )

    static let deletedExample = Message(
        id: MessageID(rawValue: 2),
        chatID: Chat.newExample.id,
        position: Position(rawValue: 2),
        text: "",
        createdAt: .example(2.5),
        deletedAt: .example(120)
    )

    /// After the deletion and the new title.
    static let laterExample = Message(
        id: MessageID(rawValue: 3),
        chatID: Chat.newExample.id,
        position: Position(rawValue: 6),
        text: "Good morning",
        createdAt: .example(300)
    )
}

extension User {
    static let example = User(
        id: id,
        name: "Ada",
        avatarURL: "https://example.com/ada.png",
        metadata: Metadata(json: #"{"team":"core"}"#),
        createdAt: .example(0)
    )

    private static let id: UserID = {
        guard let id = UserID("ada") else { preconditionFailure("not a user's id") }
        return id
    }()
}

extension CallerDescription {
    static let example = CallerDescription(
        user: .example,
        rights: .user(.user),
        scope: nil,
        expiresAt: .example(3_600)
    )
}

extension IssuedToken {
    static let example = IssuedToken("eyJhbGciOi…", expiresAt: .example(3_600))
}

extension ServerKeyRecord {
    static let example = ServerKeyRecord(
        id: "k3v9t2m8q0xa",
        secretHash: [],
        name: "billing",
        scope: .post,
        createdAt: .example(0),
        lastUsedAt: .example(3_600)
    )
}

extension IssuedServerKey {
    static let example = IssuedServerKey(
        ServerKeyRecord(id: "k3v9t2m8q0xa", secretHash: [], name: "billing", scope: .post, createdAt: .example(0)),
        text: "sk_k3v9t2m8q0xa_…"
    )
}

extension Webhook {
    static let example = Webhook(
        id: WebhookID(rawValue: 1),
        url: WebhookURL(stored: "https://example.com/chat-events"),
        types: [.entry(.messageCreated)],
        withOffline: true,
        secret: WebhookSecret(stored: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        createdAt: .example(0)
    )
}

extension WebhookState {
    static let example = WebhookState(
        webhook: .example,
        pendingChats: 2,
        failingChats: 1,
        pendingSince: .example(3_600),
        lastSuccessAt: .example(3_660),
        lastFailureAt: .example(3_655),
        lastError: "the response has the status 500",
        failing: [
            FailingChat(
                chatID: ChatID(rawValue: 7),
                position: Position(rawValue: 17),
                tries: 3,
                failingSince: .example(3_600),
                error: "the response has the status 500",
                retryAt: .example(3_680)
            )
        ]
    )
}

extension WebhookTestResult {
    static let example = WebhookTestResult(status: 200, duration: .milliseconds(84), error: nil)
}

extension ServerDescription {
    static let example: ServerDescription = {
        var writes = WriteLoad()
        writes.addBatch(of: 1)
        writes.addBatch(of: 8)
        return ServerDescription(
            version: ServiceVersion.text,
            database: .sqlite,
            isOpen: false,
            startedAt: .example(0),
            uptimeSeconds: 3_600,
            connections: Usage(open: 3, maximum: 10_000),
            streams: Usage(open: 1, maximum: 8_000),
            writes: writes
        )
    }()
}

extension OpenStreamList {
    static let example = OpenStreamList(
        [
            OpenStream(
                peer: StreamPeer(.stream, address: "192.0.2.1", user: User.example.id, serverKey: nil),
                openedAt: .example(60),
                chatCount: 2,
                lag: 0,
                isStalled: false
            )
        ],
        limit: 1
    )
}

extension MessagePage {
    static let example = MessagePage(
        .newest(of: Chat.newExample.id, limit: 50),
        older: [.deletedExample, .editedExample],
        newer: [],
        lastPosition: Position(rawValue: 4),
        epoch: .example
    )
}

extension InboxEntry {
    static let example = InboxEntry(chat: .editedExample, lastMessage: .editedExample, state: .example)
}

extension InboxPage {
    static let example = InboxPage(
        changes: [.chat(.example), .left(ChatID(rawValue: 9))],
        cursor: InboxCursor(epoch: .example, mark: InboxMark(floor: 184_467, top: 184_467))
    )
}

extension LogPage {
    static let example = LogPage(
        entries: [
            LogEntry(
                position: Position(rawValue: 3),
                kind: .messageUpdated,
                instant: .example(60),
                subject: .message(.editedExample)
            ),
            LogEntry(
                position: Position(rawValue: 4),
                kind: .messageDeleted,
                instant: .example(120),
                subject: .message(.deletedExample)
            ),
            LogEntry(
                position: Position(rawValue: 5),
                kind: .chatUpdated,
                instant: .example(180),
                subject: .chat(.editedExample)
            ),
        ],
        lastPosition: Position(rawValue: 5),
        epoch: .example
    )
}

extension Epoch {
    static let example = Epoch(rawValue: 0x7F3C_9A01)
}

extension Instant {
    /// An instant in seconds after 2026-11-23, 9:00 UTC.
    fileprivate static func example(_ seconds: Double) -> Instant {
        Instant(microsecondsSinceEpoch: 1_795_424_400_000_000 + Int64(seconds * 1_000_000))
    }
}
