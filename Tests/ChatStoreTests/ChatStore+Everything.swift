import ChatDomain
import ChatTestSupport
import Testing

/// Runs every operation of a store that contains only one chat, whose log is too long to delete at once.
func carryOutEverything(on store: any ChatStore & ChatArchive, long: ChatID) async throws {
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
    #expect(try await store.log(of: chat, after: 0, limit: 20).entries.count == 5)
    #expect(Set(try await store.chats(ChatListQuery(limit: 20)).chats.map(\.id)) == [chat, keyless, long])
    #expect(try await store.chats(ChatListQuery(limit: 20, titlePart: "RENAMED")).chats == [updated])
    try await store.checkReadiness()

    let archived = try #require(try await store.archivedChats(after: long, limit: 1).first)
    let entries = try await store.archivedEntries(of: chat, after: 0, limit: 20)
    try await store.deleteChat(chat)
    await #expect(throws: StoreError.chatNotFound) { try await store.deleteChat(chat) }
    let stretch = ArchivedStretch(chat: archived, entries: entries)
    let imported = try await store.importBatch([stretch], skipsConflicts: false)
    #expect(imported == ImportResult(added: ImportCount(chats: 1, entries: 5)))
    #expect(try await store.chat(chat, newestMessages: 20) == read)

    try await store.deleteChat(long)
    while try await store.purgeDeletedChats() {}
    await #expect(throws: StoreError.chatNotFound) { try await store.chat(long) }
}
