/// What a batch must know before it is planned, and what must be read for that.
extension BatchPlan {
    /// A message's idempotency key with the chat in which it is unique.
    package struct SentKey: Hashable, Sendable {
        package let chatID: ChatID
        package let key: IdempotencyKey

        package init(chatID: ChatID, key: IdempotencyKey) {
            self.chatID = chatID
            self.key = key
        }
    }

    /// A message that an earlier transaction has stored under a key.
    package struct SentMessage: Sendable {
        package let message: Message
        package let fingerprint: Int64

        package init(message: Message, fingerprint: Int64) {
            self.message = message
            self.fingerprint = fingerprint
        }
    }

    /// A chat that an earlier transaction has created under a key.
    package struct CreatedChat: Sendable {
        package let chat: Chat
        package let fingerprint: Int64

        package init(chat: Chat, fingerprint: Int64) {
            self.chat = chat
            self.fingerprint = fingerprint
        }
    }

    /// A message's id with the chat that it is looked for in.
    package struct MessageReference: Hashable, Sendable {
        package let chatID: ChatID
        package let id: MessageID

        package init(chatID: ChatID, id: MessageID) {
            self.chatID = chatID
            self.id = id
        }
    }

    /// What a batch must have read before it can be planned.
    package struct PriorState: Sendable {
        /// The logs of the requests' chats; a chat that is not there does not exist.
        package var heads: [ChatID: LogHead] = [:]
        /// The chats that cannot be written to now, and why; their requests fail alone.
        package var busyChats: [ChatID: StoreError] = [:]
        /// Nil where none of the chats exists.
        package var epoch: Epoch?
        /// What is stored under the drafts' keys.
        package var sent: [SentKey: SentMessage] = [:]
        /// The messages that are to be changed or answered, as far as they exist.
        package var messages: [MessageReference: Message] = [:]
        /// The chats that stand under the drafts' keys.
        package var createdChats: [IdempotencyKey: CreatedChat] = [:]

        package init() {}
    }

    /// What must be read for a batch.
    package struct Needs: Sendable {
        package private(set) var chats: Set<ChatID> = []
        package private(set) var keys: Set<SentKey> = []
        package private(set) var messages: Set<MessageReference> = []
        package private(set) var creationKeys: Set<IdempotencyKey> = []

        package init(_ requests: [WriteRequest]) {
            for request in requests {
                switch request {
                case .record(let request): insert(request)
                case .update(let id, _, _): chats.insert(id)
                case .create(let draft):
                    if let key = draft.idempotency?.key {
                        creationKeys.insert(key)
                    }
                case .delete(let id): chats.insert(id)
                case .purge: break
                }
            }
        }

        private mutating func insert(_ request: LogRequest) {
            chats.insert(request.chatID)
            if let id = request.change.messageID {
                messages.insert(MessageReference(chatID: request.chatID, id: id))
            }
            if case .post(let draft) = request.change, let key = draft.idempotency?.key {
                keys.insert(SentKey(chatID: request.chatID, key: key))
            }
        }
    }
}
