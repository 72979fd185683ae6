package import ChatDomain

/// A store, some calls of which a test can observe, delay or fail, or whose every call fails.
package struct InterceptedStore: ServiceStore {
    /// A call that can be intercepted.
    package enum Call: Sendable {
        case chats([ChatID])
        case list
        case log(ChatID, after: Position)
        case inboxIndex(UserID)
        case standing(UserID)
        case accessChanges(after: Int64)
        case serverKeys
        case changeMembers(MemberRequest)
        case moveReadMarker(ReadMarkerRequest)
        case openMessages([ChatID])
    }

    /// Observes a call; it may suspend to delay the call, or throw to fail it.
    package typealias Interception = @Sendable (Call) async throws(StoreError) -> Void

    package let signals: LogSignals
    private let base: Result<any ServiceStore, StoreError>
    private let intercept: Interception

    /// - Parameters:
    ///   - signals: Replaces the store's signals, as if another process made all changes.
    ///   - intercept: Runs before a call, or after reading a list, a standing or open messages; if it throws, the call fails
    ///     with that error.
    package init(
        _ base: any ServiceStore,
        signals: LogSignals? = nil,
        _ intercept: @escaping Interception = { _ throws(StoreError) in }
    ) {
        self.base = .success(base)
        self.signals = signals ?? base.signals
        self.intercept = intercept
    }

    /// Creates a store whose every call throws `error`.
    package init(failingWith error: StoreError) {
        base = .failure(error)
        signals = LogSignals()
        intercept = { _ throws(StoreError) in }
    }

    /// A store that fails has no database, and writes nothing.
    package var kind: StoreKind {
        (try? base.get().kind) ?? .sqlite
    }

    package var writeLoad: WriteLoad {
        (try? base.get().writeLoad) ?? WriteLoad()
    }

    package var databaseLoad: DatabaseLoad {
        (try? base.get().databaseLoad) ?? DatabaseLoad()
    }

    package func chats(
        withIDs ids: [ChatID],
        for action: ChatAction,
        by caller: Caller
    ) async throws(StoreError) -> ChatSnapshot {
        try await intercept(.chats(ids))
        return try await base.get().chats(withIDs: ids, for: action, by: caller)
    }

    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        let list = try await base.get().chats(query)
        try await intercept(.list)
        return list
    }

    package func log(
        of chat: ChatID,
        after position: Position,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> LogPage {
        try await intercept(.log(chat, after: position))
        return try await base.get().log(of: chat, after: position, limit: limit, by: caller)
    }

    package func createChat(_ draft: ChatDraft, by caller: Caller) async throws(StoreError) -> Accepted<Chat> {
        try await base.get().createChat(draft, by: caller)
    }

    package func recordMessage(_ request: LogRequest) async throws(StoreError) -> Accepted<Message> {
        try await base.get().recordMessage(request)
    }

    package func changeStream(_ request: StreamRequest) async throws(StoreError) -> Message {
        try await base.get().changeStream(request)
    }

    package func lapsedMessages(
        at now: Instant,
        limit: Int
    ) async throws(StoreError) -> [BatchPlan.MessageReference] {
        try await base.get().lapsedMessages(at: now, limit: limit)
    }

    package func openMessages(of chats: [ChatID]) async throws(StoreError) -> [Message] {
        let messages = try await base.get().openMessages(of: chats)
        try await intercept(.openMessages(chats))
        return messages
    }

    package func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat {
        try await base.get().updateChat(id, edit, by: caller)
    }

    package func deleteChat(_ id: ChatID, by caller: Caller) async throws(StoreError) {
        try await base.get().deleteChat(id, by: caller)
    }

    package func purgeDeletedChats() async throws(StoreError) -> Bool {
        try await base.get().purgeDeletedChats()
    }

    package func latestMessages(_ read: LatestMessagesRead) async throws(StoreError) -> LatestMessages? {
        try await base.get().latestMessages(read)
    }

    package func message(_ id: MessageID, in chat: ChatID, by caller: Caller) async throws(StoreError) -> Message {
        try await base.get().message(id, in: chat, by: caller)
    }

    package func messages(_ query: MessagePageQuery, by caller: Caller) async throws(StoreError) -> MessagePage {
        try await base.get().messages(query, by: caller)
    }

    package func checkReadiness() async throws(StoreError) {
        try await base.get().checkReadiness()
    }
}

extension InterceptedStore {
    package func standing(
        of id: UserID,
        creatingWith name: UserName?,
        _ kind: User.Kind
    ) async throws(StoreError) -> UserStanding {
        let standing = try await base.get().standing(of: id, creatingWith: name, kind)
        try await intercept(.standing(id))
        return standing
    }

    package func users(withIDs ids: [UserID]) async throws(StoreError) -> [User] {
        try await base.get().users(withIDs: ids)
    }

    package func putUser(_ id: UserID, _ profile: UserProfile) async throws(StoreError) -> User {
        try await base.get().putUser(id, profile)
    }

    package func deleteUser(_ id: UserID, erasesMessages: Bool) async throws(StoreError) {
        try await base.get().deleteUser(id, erasesMessages: erasesMessages)
    }

    package func revokeTokens(of user: UserID?) async throws(StoreError) {
        try await base.get().revokeTokens(of: user)
    }

    package func eraseMessages() async throws(StoreError) -> Bool {
        try await base.get().eraseMessages()
    }

    package func accessChanges(after version: Int64) async throws(StoreError) -> AccessChanges {
        try await intercept(.accessChanges(after: version))
        return try await base.get().accessChanges(after: version)
    }

    package func ticketSecret() async throws(StoreError) -> [UInt8] {
        try await base.get().ticketSecret()
    }

    package func serverKeys() async throws(StoreError) -> [ServerKeyRecord] {
        try await intercept(.serverKeys)
        return try await base.get().serverKeys()
    }

    package func addServerKey(_ key: ServerKeyRecord) async throws(StoreError) {
        try await base.get().addServerKey(key)
    }

    package func revokeServerKey(_ id: String) async throws(StoreError) -> Bool {
        try await base.get().revokeServerKey(id)
    }

    package func recordUse(ofServerKeys hours: [String: Instant]) async throws(StoreError) {
        try await base.get().recordUse(ofServerKeys: hours)
    }
}

extension InterceptedStore {
    package func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member] {
        try await intercept(.changeMembers(request))
        return try await base.get().changeMembers(request)
    }

    package func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> MemberPage {
        try await base.get().members(of: chat, after: user, limit: limit, by: caller)
    }

    package func moveReadMarker(_ request: ReadMarkerRequest) async throws(StoreError) {
        try await intercept(.moveReadMarker(request))
        try await base.get().moveReadMarker(request)
    }

    package func readState(
        of chat: ChatID,
        by caller: Caller,
        after position: Position?
    ) async throws(StoreError) -> ReadState {
        try await base.get().readState(of: chat, by: caller, after: position)
    }

    package func unreadChatCount(of user: UserID) async throws(StoreError) -> Int {
        try await base.get().unreadChatCount(of: user)
    }

    package func membership(_ reference: MemberReference) async throws(StoreError) -> Member? {
        try await base.get().membership(reference)
    }
}

extension InterceptedStore {
    package func inboxIndex(of user: UserID, leftSince floor: Int64) async throws(StoreError) -> InboxIndex {
        try await intercept(.inboxIndex(user))
        return try await base.get().inboxIndex(of: user, leftSince: floor)
    }

    package func inboxEntries(of user: UserID, in chats: [ChatID]) async throws(StoreError) -> InboxEntries {
        try await base.get().inboxEntries(of: user, in: chats)
    }
}

extension InterceptedStore {
    package func createWebhook(_ draft: WebhookDraft) async throws(StoreError) -> Webhook {
        try await base.get().createWebhook(draft)
    }

    package func webhooks() async throws(StoreError) -> [Webhook] {
        try await base.get().webhooks()
    }

    package func webhookState(_ id: WebhookID) async throws(StoreError) -> WebhookState {
        try await base.get().webhookState(id)
    }

    package func editWebhook(_ id: WebhookID, _ edit: WebhookEdit) async throws(StoreError) -> Webhook {
        try await base.get().editWebhook(id, edit)
    }

    package func deleteWebhook(_ id: WebhookID) async throws(StoreError) {
        try await base.get().deleteWebhook(id)
    }

    package func replay(_ chat: ChatID, after position: Position, to id: WebhookID) async throws(StoreError) {
        try await base.get().replay(chat, after: position, to: id)
    }

    package func leaseWebhooks(to holder: String, for duration: Duration) async throws(StoreError) -> [Webhook] {
        try await base.get().leaseWebhooks(to: holder, for: duration)
    }

    package func releaseWebhooks(of holder: String) async throws(StoreError) {
        try await base.get().releaseWebhooks(of: holder)
    }

    package func discoverDeliveries(
        for id: WebhookID,
        in chats: [ChatID]?,
        at now: Instant
    ) async throws(StoreError) -> Bool {
        try await base.get().discoverDeliveries(for: id, in: chats, at: now)
    }

    package func dueDeliveries(
        of id: WebhookID,
        at now: Instant,
        limit: Int
    ) async throws(StoreError) -> [WebhookDelivery] {
        try await base.get().dueDeliveries(of: id, at: now, limit: limit)
    }

    package func shorten(_ delivery: WebhookDelivery, to last: Position) async throws(StoreError) {
        try await base.get().shorten(delivery, to: last)
    }

    package func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        by holder: String,
        at now: Instant
    ) async throws(StoreError) -> Bool {
        try await base.get().record(outcome, of: delivery, by: holder, at: now)
    }
}
