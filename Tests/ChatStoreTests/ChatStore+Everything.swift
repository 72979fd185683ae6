import ChatDomain
import ChatTestSupport
import Testing

/// Runs every operation of a store that contains only one chat, whose log is too long to delete at once.
func carryOutEverything(on store: any ServiceStore & ChatArchive, long: ChatID) async throws {
    let draft = ChatDraft(title: try ChatTitle("new"), idempotencyKey: IdempotencyKey("new"))
    let chat = try await store.createChat(draft).value.id
    #expect(try await store.createChat(draft).isReplay)
    let keyless = try await store.createChat(titled: ChatTitle("without a key")).id
    let post = MessageDraft(text: try MessageText("first"), idempotencyKey: IdempotencyKey("first"))
    let first = try await store.recordMessage(.post(post), in: chat).value
    #expect(try await store.recordMessage(.post(post), in: chat).isReplay)
    let reply = MessageDraft(text: try MessageText("second"), replyTo: first.id)
    let second = try await store.recordMessage(.post(reply), in: chat).value
    _ = try await store.edit(first.id, in: chat, text: "edited")
    try await store.delete(second.id, in: chat)
    let updated = try await store.updateChat(chat, ChatEdit(title: ChatTitle("renamed")))

    let query = LatestMessagesQuery(chatID: chat, limit: 20)
    let latest = try await store.latestMessages(query)
    let read = latest.chat
    #expect(read.chat == updated)
    #expect(read.messages.map(\.text) == ["edited"])
    #expect(try await store.latestMessages(LatestMessagesRequest(query, known: latest.end)) == nil)
    #expect(try await store.message(first.id, in: chat) == read.messages[0])
    #expect(try await store.chat(chat) == updated)
    #expect(try await store.messages(.newest(of: chat, limit: 20)).messages.map(\.id) == [first.id, second.id])
    #expect(try await store.openMessages(of: [chat, long]).isEmpty)
    #expect(try await store.log(of: chat, after: 0, limit: 20).entries.count == 5)
    #expect(Set(try await store.chats(ChatListQuery(limit: 20)).chats.map(\.id)) == [chat, keyless, long])
    #expect(try await store.chats(ChatListQuery(limit: 20, titlePart: "RENAMED")).chats == [updated])
    try await store.checkReadiness()

    let archived = try #require(try await store.archivedChats(after: long, limit: 1).first)
    let entries = try await store.archivedEntries(of: chat, after: 0, limit: 20)
    try await changeWebhooks(on: store, chat)
    try await store.deleteChat(chat)
    await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(chat) }
    let stretch = ArchivedStretch(chat: archived, entries: entries)
    let imported = try await store.importBatch([stretch], skipsConflicts: false)
    #expect(imported == ImportResult(added: ImportCount(chats: 1, entries: 5)))
    #expect(try await store.chat(chat, newestMessages: 20) == read)

    try await changeMembers(on: store)
    try await store.deleteChat(long)
    while try await store.purgeDeletedChats() {}
    await #expect(throws: StoreError.chatNotFound) { try await store.chat(long) }
    try await changeAccess(on: store)
}

/// Runs every operation on members of a new chat, and deletes it.
private func changeMembers(on store: any ServiceStore & ChatArchive) async throws {
    let draft = ChatDraft(title: try ChatTitle("members"), members: MemberIDs(["bob"]))
    let chat = try await store.createChat(draft, by: .ungranted("ada")).value
    #expect(chat.lastPosition == 2)
    try await store.change(.setRole("bob", .owner), in: chat.id, by: "ada")
    let post = LogChange.post(MessageDraft(text: try MessageText("text")))
    _ = try await store.recordMessage(post, in: chat.id, by: .ungranted("bob"))
    try await store.moveReadMarker(ReadMarkerRequest(chat.id, upTo: 1, movesBack: true, by: .ungranted("bob")))
    #expect(try await store.readState(of: chat.id, by: .ungranted("bob")).readPosition == 1)
    #expect(try await store.archivedReadMarkers(of: chat.id, after: "ada", limit: 9).map(\.position) == [1])
    #expect(try await store.unreadChatCount(of: "bob") == 0)
    try await store.change(.remove("ada"), in: chat.id, by: "bob")
    let bob = MemberReference(chatID: chat.id, userID: "bob")
    let page = try await store.members(of: chat.id, after: nil, limit: 9, by: .ungranted("bob"))
    #expect(page.members.map(\.reference) == [bob])
    #expect(try await store.membership(bob)?.currentRole == .owner)
    let log = try await store.log(of: chat.id, after: 0, limit: 9, by: .ungranted("bob"))
    #expect(log.lastPosition == 5)
    let query = LatestMessagesQuery(chatID: chat.id, limit: 9)
    #expect(try await store.latestMessages(query, by: .ungranted("bob")).chat.messages.count == 1)
    await #expect(throws: StoreError.chatNotFound) { try await store.latestMessages(query, by: .ungranted("ada")) }
    #expect(
        try await store.chats(ChatListQuery(limit: 9, scope: ChatListQuery.Scope(member: "bob"))).chats.map(\.id) == [
            chat.id
        ]
    )
    try await store.deleteChat(chat.id, by: .ungranted("bob"))
}

/// Runs every operation on users and server keys of a store that has none.
func changeAccess(on store: any ServiceStore & ChatArchive) async throws {
    let name = try UserName("Ada")
    #expect(try await store.standing(of: "ada", creatingWith: name, .person) == UserStanding())
    #expect(try await store.putUser("eve", UserProfile(name: name)).name == "Ada")
    #expect(try await store.users(withIDs: ["eve", "ada"]).map(\.id) == ["eve", "ada"])
    let chat = try await store.createChat(titled: ChatTitle("of users")).id
    let post = LogChange.post(MessageDraft(text: try MessageText("text")))
    _ = try await store.recordMessage(post, in: chat, by: .user("ada"))
    try await store.deleteUser("ada", erasesMessages: true)
    while try await store.eraseMessages() {}
    #expect(try await store.chat(chat).messageCount == 0)
    try await store.revokeTokens(of: "eve")
    try await store.revokeTokens(of: nil)

    let key = ServerKeyRecord(
        id: "key",
        secretHash: Array(0..<32),
        name: "key",
        scope: .bot("eve"),
        createdAt: Instant(microsecondsSinceEpoch: 1)
    )
    try await store.addServerKey(key)
    #expect(try await store.serverKeys() == [key])
    try await store.recordUse(ofServerKeys: ["key": .now()])
    #expect(try await store.revokeServerKey("key"))
    let changes = try await store.accessChanges(after: 1)
    #expect(changes.version == 5)
    #expect(changes.users.keys.map(\.self) == ["eve"])
    let users = try await store.archivedUsers(after: "Zoe", limit: 1)
    #expect(users.map(\.id) == ["ada"])
    #expect(try await store.importUsers(users + [User(id: "bob", createdAt: .now())]) == 1)
}

private func changeWebhooks(on store: any ServiceStore, _ chat: ChatID) async throws {
    let url = WebhookURL(stored: "https://example.com/hook")
    let webhook = try await store.createWebhook(WebhookDraft(url: url, chats: [chat], secret: .random()))
    #expect(try await store.webhooks() == [webhook])
    #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)) == [webhook])
    let now = Instant.now()
    let outcomes: [WebhookOutcome] = [
        .delivered(upTo: 1), .failed(error: "error", retryAt: nil), .deletionDelivered(), .refused(reason: "gone"),
    ]
    for outcome in outcomes {
        try await store.replay(chat, after: 0, to: webhook.id)
        #expect(try await !store.discoverDeliveries(for: webhook.id, in: nil, at: now))
        #expect(try await !store.discoverDeliveries(for: webhook.id, in: [chat], at: now))
        let later = Instant.now()
        let delivery = try #require(try await store.dueDeliveries(of: webhook.id, at: later, limit: 9).first)
        #expect(try await store.record(outcome, of: delivery, by: "a", at: later))
        #expect(try await store.webhookState(webhook.id).stalledChats == (outcome == outcomes[1] ? 1 : 0))
    }
    try await store.releaseWebhooks(of: "a")
    var edit = WebhookEdit()
    edit.chats = .some(nil)
    edit.isEnabled = true
    _ = try await store.editWebhook(webhook.id, edit)
    try await store.deleteWebhook(webhook.id)
}
