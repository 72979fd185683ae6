/// The data that planning a batch depends on.
extension BatchPlan {
    /// A message's idempotency key with the chat and the author within which it is unique.
    package struct SentKey: Hashable, Sendable {
        /// A part of the key's scope: another chat may use the same one.
        package let chatID: ChatID
        /// A part of the key's scope: another user, or an anonymous client, may use the same one.
        package let author: UserID?
        /// As the client sent it.
        package let key: IdempotencyKey

        package init(chatID: ChatID, author: UserID?, key: IdempotencyKey) {
            self.chatID = chatID
            self.author = author
            self.key = key
        }
    }

    /// A chat's idempotency key with the author within which it is unique.
    package struct CreationKey: Hashable, Sendable {
        /// The scope of the key: another user, or an anonymous client, may use the same one.
        package let author: UserID?
        /// As the client sent it.
        package let key: IdempotencyKey

        package init(author: UserID?, key: IdempotencyKey) {
            self.author = author
            self.key = key
        }
    }

    /// A message that an earlier transaction stored under an idempotency key.
    package struct SentMessage: Sendable {
        /// The message in its current state, possibly deleted.
        package let message: Message
        /// The fingerprint of the request that posted it; 0 once the message is deleted.
        package let fingerprint: Int64

        package init(message: Message, fingerprint: Int64) {
            self.message = message
            self.fingerprint = fingerprint
        }
    }

    /// A chat that an earlier transaction created under an idempotency key.
    package struct CreatedChat: Sendable {
        /// The chat in its current state.
        package let chat: Chat
        /// The fingerprint of the request that created it.
        package let fingerprint: Int64

        package init(chat: Chat, fingerprint: Int64) {
            self.chat = chat
            self.fingerprint = fingerprint
        }
    }

    /// A message's id with the chat in which the request expects it.
    package struct MessageReference: Hashable, Sendable {
        /// A message with this id in another chat is not a match.
        package let chatID: ChatID
        /// May name a message that does not exist.
        package let id: MessageID

        package init(chatID: ChatID, id: MessageID) {
            self.chatID = chatID
            self.id = id
        }
    }

    /// The stored state that a batch is planned from.
    ///
    /// In PostgreSQL the chats' rows are locked when it is read; in SQLite nothing else can write.
    package struct PriorState: Sendable {
        /// The logs of the requests' chats; a chat that does not exist is absent.
        package var heads: [ChatID: LogHead] = [:]
        /// Chats that cannot be written to now, and why; only their own requests fail.
        package var busyChats: [ChatID: StoreError] = [:]
        /// May be nil if none of the chats exists.
        package var epoch: Epoch?
        /// Messages stored under the drafts' idempotency keys.
        package var sent: [SentKey: SentMessage] = [:]
        /// The messages that the requests change or reply to, as far as they exist.
        package var messages: [MessageReference: Message] = [:]
        /// When the users of `slowedUsers` last posted, as far as they did so within the last `SlowMode.reach` positions.
        package var lastPosts: [MemberReference: Instant] = [:]
        /// The number of open messages of the needed chats; 0 if absent.
        package var openCounts: [ChatID: Int] = [:]
        /// The needed memberships, as far as they exist, ended ones included.
        package var members: [MemberReference: Member] = [:]
        /// The number of owners of the needed chats; 0 if absent.
        package var ownerCounts: [ChatID: Int] = [:]
        /// The number of memberships of the chats to delete, ended ones included; exact up to `removalLimit`.
        package var memberCounts: [ChatID: Int64] = [:]
        /// Chats stored under the drafts' idempotency keys.
        package var createdChats: [CreationKey: CreatedChat] = [:]

        /// Describes an empty database.
        package init() {}
    }

    /// What to read before a batch can be planned.
    package struct Needs: Sendable {
        /// Chats to read, and in PostgreSQL to lock: all those that a request writes to.
        package private(set) var chats: Set<ChatID> = []
        /// Idempotency keys of messages to post.
        package private(set) var keys: Set<SentKey> = []
        /// Messages to edit, to delete or to reply to.
        package private(set) var messages: Set<MessageReference> = []
        /// Chats that get an open message, whose open messages are counted.
        package private(set) var openingChats: Set<ChatID> = []
        /// Memberships of the callers, where these decide or have a read marker that moves, and of the users whom changes of
        /// members name.
        package private(set) var members: Set<MemberReference> = []
        /// Chats that may lose an owner, whose owners are counted.
        package private(set) var ownedChats: Set<ChatID> = []
        /// Chats to delete, whose memberships are counted.
        package private(set) var deletedChats: Set<ChatID> = []
        /// Idempotency keys of chats to create.
        package private(set) var creationKeys: Set<CreationKey> = []

        /// Collects the needs of all requests; what several of them need is read once.
        package init(_ requests: [WriteRequest]) {
            for request in requests {
                switch request {
                case .record(let request): insert(request)
                case .stream(let request):
                    insert(request.message.chatID, for: request.change.action, by: request.caller)
                    messages.insert(request.message)
                case .update(let id, _, let caller): insert(id, for: .editChat, by: caller)
                case .changeMembers(let request): insert(request)
                case .moveReadMarker(let request):
                    chats.insert(request.chatID)
                    members.formUnion([request.member].compactMap(\.self))
                case .create(let draft, let caller):
                    if let key = draft.idempotency?.key {
                        creationKeys.insert(CreationKey(author: draft.keyAuthor(by: caller.author), key: key))
                    }
                case .delete(let id, let caller):
                    insert(id, for: .deleteChat, by: caller)
                    deletedChats.insert(id)
                case .purge: break
                }
            }
        }

        private mutating func insert(_ request: LogRequest) {
            insert(request.chatID, for: request.change.action, by: request.caller)
            if let id = request.change.messageID {
                messages.insert(MessageReference(chatID: request.chatID, id: id))
            }
            guard case .post(let draft) = request.change else { return }
            if draft.ttl != nil {
                openingChats.insert(request.chatID)
            }
            if let key = draft.idempotency?.key {
                keys.insert(SentKey(chatID: request.chatID, author: request.caller.author, key: key))
            }
            if let reader = request.caller.readingMembership(in: request.chatID) {
                members.insert(reader)
            }
        }

        private mutating func insert(_ request: MemberRequest) {
            insert(request.chatID, for: .appointOwner, by: request.caller)
            members.formUnion(request.change.users.map { MemberReference(chatID: request.chatID, userID: $0) })
            if request.change.mayRemoveOwner {
                ownedChats.insert(request.chatID)
            }
        }

        /// - Parameter action: What a request needs at most.
        private mutating func insert(_ chat: ChatID, for action: ChatAction, by caller: Caller) {
            chats.insert(chat)
            if let membership = caller.membership(for: action, in: chat) {
                members.insert(membership)
            }
        }
    }
}

extension LogChange {
    /// The action that needs the highest role among those that the change may turn out to be.
    fileprivate var action: ChatAction {
        switch self {
        case .post: .post
        case .edit, .finish, .lapse: .editOwnMessage
        case .delete: .deleteOthersMessage
        }
    }
}

extension StreamChange {
    /// The action that needs the highest role among those that the change may turn out to be.
    var action: ChatAction {
        switch self {
        case .hold, .checkpoint: .editOwnMessage
        case .cancel: .post
        }
    }
}

extension MemberChange {
    /// Whether the change may take away an owner's role.
    fileprivate var mayRemoveOwner: Bool {
        switch self {
        case .add: false
        case .setRole(_, let role): role < .owner
        case .remove: true
        }
    }
}

extension Message {
    /// The message's key within its scope; nil if it was posted without one.
    package var sentKey: BatchPlan.SentKey? {
        idempotencyKey.map { BatchPlan.SentKey(chatID: chatID, author: author, key: $0) }
    }
}
