import ChatDomain
import ChatMigrations
import ChatSQLite
import ChatTestSupport
import Foundation
import GRDB
import Testing

/// Deleted text disappears from the disk.
///
/// The write-ahead log is overwritten in the background, so the tests poll, up to the suite's time limit.
@Suite(.timeLimit(.minutes(2)))
struct SQLiteErasureTests {
    @Test func `erasure takes less than a minute by default`() {
        #expect(SQLiteConfiguration(location: .memory).erasureDelay < .seconds(50))
    }

    @Test func `deleted or replaced text disappears from every file`() async throws {
        try await withTemporaryFolder { folder in
            let database = try await open(folder)
            let store = SQLiteStore(database, limits: .patient)
            let chat = try await store.createChat(ChatDraft(title: ChatTitle("title-of-before"))).value.id
            let small = try await store.createChat(titled: ChatTitle("title-of-small")).id
            let large = try await store.createChat(titled: ChatTitle("title-of-large")).id
            let edited = try await store.postMessage(MessageText("text-of-edited"), to: chat)
            let deleted = try await store.postMessage(MessageText("text-of-deleted"), to: chat)
            let metadata = MetadataEdit.replace(Metadata(json: #"{"a":"metadata-of-deleted"}"#))
            _ = try await store.edit(deleted.id, in: chat, metadata)
            _ = try await store.postMessage(MessageText("text-of-kept"), to: chat)
            _ = try await store.postMessage(MessageText("text-of-small"), to: small)
            _ = try await store.postMessage(MessageText("text-of-large"), to: large)
            try await DatabaseUnderTest.sqlite(database).fill(large.rawValue, messages: 5_000)

            _ = try await store.edit(edited.id, in: chat, text: "new")
            try await store.delete(deleted.id, in: chat)
            _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("new")))
            try await store.deleteChat(small)
            try await store.deleteChat(large)
            while try await store.purgeDeletedChats() {}
            for text in [
                "title-of-before", "title-of-small", "title-of-large", "text-of-edited", "text-of-deleted",
                "metadata-of-deleted", "text-of-small", "text-of-large", "filling",
            ] {
                while try contains(text, folder) {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            #expect(try contains("text-of-kept", folder))
            // Not only the first time.
            let another = try await store.postMessage(MessageText("text-of-another"), to: chat)
            try await store.delete(another.id, in: chat)
            while try contains("text-of-another", folder) {
                try await Task.sleep(for: .milliseconds(20))
            }
            let log = try #require(store.databaseLoad.writeAheadLog)
            #expect(log.checkpoints - log.failedCheckpoints >= 2)
            try database.close()
        }
    }

    @Test func `a deleted person disappears from every file`() async throws {
        try await withTemporaryFolder { folder in
            let database = try await open(folder)
            let store = SQLiteStore(database, limits: .patient)
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let profile = UserProfile(
                name: try UserName("name-of-ada"),
                avatarURL: try AvatarURL("picture-of-ada"),
                metadata: Metadata(json: #"{"a":"metadata-of-ada"}"#)
            )
            _ = try await store.putUser("ada", UserProfile(name: try UserName("former-name")))
            _ = try await store.putUser("ada", profile)
            _ = try await store.putUser("eve", UserProfile(name: try UserName("name-of-eve")))
            let post = LogChange.post(MessageDraft(text: try MessageText("text-of-ada")))
            _ = try await store.recordMessage(post, in: chat, by: .user("ada"))

            try await store.deleteUser("ada", erasesMessages: true)
            while try await store.eraseMessages() {}
            for text in ["former-name", "name-of-ada", "picture-of-ada", "metadata-of-ada", "text-of-ada"] {
                while try contains(text, folder) {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            #expect(try contains("name-of-eve", folder))
            try database.close()
        }
    }

    @Test func `a reader in the way only delays the erasure`() async throws {
        try await withTemporaryFolder { folder in
            let database = try await open(folder)
            let store = SQLiteStore(database, limits: .patient)
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let message = try await store.postMessage(MessageText("text-of-deleted"), to: chat)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let reader = database.writer.read { database in
                _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM messages")
                start.finish()
                release.wait()
                return try String.fetchOne(database, sql: "SELECT text FROM messages")
            }
            for await _ in started {}
            try await store.delete(message.id, in: chat)
            // Its snapshot contains the text; other clients can still write.
            for _ in 0..<20 {
                _ = try await store.postMessage(MessageText("beside"), to: chat)
            }
            #expect(try contains("text-of-deleted", folder))
            release.signal()
            #expect(try await reader == "text-of-deleted")
            while try contains("text-of-deleted", folder) {
                try await Task.sleep(for: .milliseconds(20))
            }
            try database.close()
        }
    }

    @Test func `what a killed process had deleted is erased by the next one`() async throws {
        try await withTemporaryFolder { folder in
            try await withTemporaryFolder { copy in
                let database = try await open(folder, erasureDelay: .seconds(3_600))
                let store = SQLiteStore(database, limits: .patient)
                let chat = try await store.createChat(titled: ChatTitle("chat")).id
                let message = try await store.postMessage(MessageText("text-of-deleted"), to: chat)
                try await store.delete(message.id, in: chat)
                for file in ["/chat.db", "/chat.db-wal"] {
                    try FileManager.default.copyItem(atPath: folder + file, toPath: copy + file)
                }
                try database.close()
                #expect(try contains("text-of-deleted", copy))
                let next = try await open(copy)
                while try contains("text-of-deleted", copy) {
                    try await Task.sleep(for: .milliseconds(20))
                }
                try next.close()
            }
        }
    }

    private func open(_ folder: String, erasureDelay: Duration = .milliseconds(1)) async throws -> SQLiteDatabase {
        let database = try SQLiteDatabase(
            SQLiteConfiguration(location: .file(folder + "/chat.db"), erasureDelay: erasureDelay)
        )
        try await MigrationRunner(database).migrate(.up, to: .head)
        return database
    }

    private func contains(_ text: String, _ folder: String) throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: folder).contains { file in
            let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + file))
            return data.range(of: Data(text.utf8)) != nil
        }
    }
}
