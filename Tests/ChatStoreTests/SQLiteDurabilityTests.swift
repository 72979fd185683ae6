import ChatDomain
import ChatMigrations
import ChatSQLite
import ChatTestSupport
import Foundation
import GRDB
import Testing

/// Behavior that only a database file can show.
@Suite struct SQLiteDurabilityTests {
    @Test func `every commit is synced to the disk`() async throws {
        try await withTemporaryFolder { folder in
            let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
            let settings = try await database.writer.writeWithoutTransaction { database in
                try ["synchronous", "foreign_keys", "journal_mode", "busy_timeout", "wal_autocheckpoint"].map {
                    pragma in
                    try String.fetchOne(database, sql: "PRAGMA \(pragma)")
                }
            }
            #expect(settings == ["2", "1", "wal", "5000", "0"])
            let checkpoints = try await database.checkpointer?.connection.read { database in
                try String.fetchOne(database, sql: "PRAGMA synchronous")
            }
            #expect(checkpoints == "2")
            try database.close()
        }
    }

    @Test func `what was acknowledged is there after reopening`() async throws {
        try await withTemporaryFolder { folder in
            let location = SQLiteConfiguration.Location.file(folder + "/chat.db")
            let (chat, message) = try await withSQLite(location) { store in
                let chat = try await store.createChat(titled: ChatTitle("kept"))
                return (chat, try await store.postMessage(MessageText("kept too"), to: chat.id))
            }
            try await withSQLite(location) { store in
                let read = try await store.chat(chat.id, newestMessages: 20)
                #expect(read.messages == [message])
                #expect(read.chat.title == chat.title)
            }
        }
    }

    @Test func `after closing, the database file alone holds everything`() async throws {
        try await withTemporaryFolder { folder in
            let chat = try await withSQLite(.file(folder + "/chat.db")) { store in
                let chat = try await store.createChat(titled: ChatTitle("moved"))
                _ = try await store.chat(chat.id, newestMessages: 1)
                return chat
            }
            try FileManager.default.copyItem(atPath: folder + "/chat.db", toPath: folder + "/copy.db")
            let copied = try await withSQLite(.file(folder + "/copy.db")) { store in
                try await store.chat(chat.id, newestMessages: 1).chat
            }
            #expect(copied == chat)
        }
    }

    @Test func `writes blocked by another process's lock wait together`() async throws {
        try await withTemporaryFolder { folder in
            let location = SQLiteConfiguration.Location.file(folder + "/chat.db")
            let database = try SQLiteDatabase(
                SQLiteConfiguration(location: location, busyTimeout: .milliseconds(200))
            )
            try await MigrationRunner(database).migrate(.up, to: .head)
            let other = try SQLiteDatabase(SQLiteConfiguration(location: location))
            let (locked, lock) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let holder: Void = other.writer.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    lock.finish()
                    release.wait()
                    return .rollback
                }
            }
            for await _ in locked {}
            let store = SQLiteStore(database)
            let title = try ChatTitle("late")
            var reasons: [String] = []
            let duration = await ContinuousClock().measure {
                reasons = await withTaskGroup(of: String.self) { group in
                    for _ in 0..<200 {
                        group.addTask {
                            do throws(StoreError) {
                                _ = try await store.createChat(titled: title)
                                return "it was created"
                            } catch {
                                return error.reason
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(reasons == Array(repeating: "SQLite: database is locked (5)", count: 200))
            // A batch or two waited for the lock; request by request, it would have taken 40 s.
            #expect(duration < .seconds(20))
            release.signal()
            try await holder
            _ = try await store.createChat(titled: ChatTitle("in time"))
            try other.close()
            try database.close()
        }
    }

    @Test func `the write-ahead log stays short under incessant writes and reads`() async throws {
        try await withTemporaryFolder { folder in
            let database = try SQLiteDatabase(
                SQLiteConfiguration(location: .file(folder + "/chat.db"), logPages: 256)
            )
            try await MigrationRunner(database).migrate(.up, to: .head)
            let store = SQLiteStore(database, limits: .patient)
            let chat = try await store.createChat(titled: ChatTitle("long"))
            try await withThrowingTaskGroup { group in
                for _ in 0..<2 {
                    group.addTask {
                        while !Task.isCancelled {
                            // The readers' snapshots are short, but overlap.
                            _ = try await database.writer.read { database in
                                try Int.fetchOne(
                                    database,
                                    sql: """
                                        WITH RECURSIVE n (n) AS (SELECT count(*) FROM chats UNION ALL SELECT n + 1 FROM n LIMIT 5000)
                                        SELECT max(n) FROM n
                                        """
                                )
                            }
                        }
                    }
                }
                try await post(3_000, messagesTo: chat, of: store)
                group.cancelAll()
            }
            // About 25 MB were written; the log's file never shrinks while it is open.
            let size = try FileManager.default.attributesOfItem(atPath: folder + "/chat.db-wal")[.size] as? Int
            #expect(try #require(size) < 8_000_000)
            try database.close()
        }
    }

    @Test func `writes succeed while another process reads what they replace`() async throws {
        try await withTemporaryFolder { folder in
            let location = SQLiteConfiguration.Location.file(folder + "/chat.db")
            let database = try SQLiteDatabase(SQLiteConfiguration(location: location, logPages: 256))
            try await MigrationRunner(database).migrate(.up, to: .head)
            let store = SQLiteStore(database)
            let chat = try await store.createChat(titled: ChatTitle("read for long"))
            try await post(10, messagesTo: chat, of: store)
            let other = try SQLiteDatabase(SQLiteConfiguration(location: location))
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let counts = other.writer.read { database in
                let before = try Int.fetchOne(database, sql: "SELECT count(*) FROM messages")
                start.finish()
                release.wait()
                return [before, try Int.fetchOne(database, sql: "SELECT count(*) FROM messages")]
            }
            for await _ in started {}
            try await post(500, messagesTo: chat, of: store)
            release.signal()
            #expect(try await counts == [10, 10])
            let written = try await store.chat(chat.id)
            #expect(written.lastPosition.rawValue == 510)
            try other.close()
            try database.close()
        }
    }

    @Test func `closing waits for the checkpoint and leaves no file open`() async throws {
        try await withTemporaryFolder { folder in
            func openFiles() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                    .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0) }
                    .filter { $0.hasPrefix(folder) }
            }
            let database = try SQLiteDatabase(
                SQLiteConfiguration(location: .file(folder + "/chat.db"), logPages: 1)
            )
            try await MigrationRunner(database).migrate(.up, to: .head)
            let store = SQLiteStore(database)
            let chat = try await store.createChat(titled: ChatTitle("closed"))
            try await post(100, messagesTo: chat, of: store)
            #expect(try !openFiles().isEmpty)
            try database.close()
            #expect(try openFiles().isEmpty)
        }
    }

    @Test func `created_at does not go backward when the clock does`() async throws {
        try await withTemporaryFolder { folder in
            let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
            try await MigrationRunner(database).migrate(.up, to: .head)
            let store = SQLiteStore(database)
            let chat = try await store.createChat(titled: ChatTitle("from the future"))
            let future = Instant.now().microsecondsSinceEpoch + 3_600_000_000
            try await database.writer.write { database in
                try database.execute(sql: "UPDATE chats SET last_entry_at = ?", arguments: [future])
            }
            let message = try await store.postMessage(MessageText("now"), to: chat.id)
            #expect(message.createdAt.microsecondsSinceEpoch == future)
            try database.close()
        }
    }

    @Test func `a full disk makes writes unavailable and leaves the data intact`() async throws {
        try await withTemporaryFolder { folder in
            let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
            try await MigrationRunner(database).migrate(.up, to: .head)
            let store = SQLiteStore(database)
            let chat = try await store.createChat(titled: ChatTitle("full"))
            try await database.writer.writeWithoutTransaction { database in
                let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
                try database.execute(sql: "PRAGMA max_page_count = \(pages + 8)")
            }
            let text = try MessageText(String(repeating: "x", count: 5_000))
            var stored: [Message] = []
            var failure: StoreError?
            while failure == nil, stored.count < 100 {
                do throws(StoreError) {
                    stored.append(try await store.postMessage(text, to: chat.id))
                } catch {
                    failure = error
                }
            }
            guard case .unavailable = failure else {
                Issue.record("expected the disk to be full, not \(String(describing: failure))")
                return
            }
            #expect(try await store.chat(chat.id, newestMessages: 100).messages == stored)
            try await database.writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
            let next = try await store.postMessage(text, to: chat.id)
            #expect(next.position.rawValue == Int64(stored.count) + 1)
            try database.close()
        }
    }

    @Test func `a database that cannot be opened is named in the error`() {
        let location = SQLiteConfiguration.Location.file("/nowhere/at/all/chat.db")
        #expect {
            try SQLiteDatabase(SQLiteConfiguration(location: location))
        } throws: { error in
            (error as? StoreError)?.reason.contains("/nowhere/at/all/chat.db") == true
        }
    }

    @Test func `a file that is not a database is rejected`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/notes.txt"
            try String(repeating: "no database\n", count: 1_000).write(toFile: path, atomically: true, encoding: .utf8)
            #expect(throws: StoreError.self) { try SQLiteDatabase(SQLiteConfiguration(location: .file(path))) }
            #expect(try String(contentsOfFile: path, encoding: .utf8).hasPrefix("no database"))
        }
    }

    /// Posts messages of two pages each, 50 at a time.
    private func post(_ count: Int, messagesTo chat: Chat, of store: SQLiteStore) async throws {
        let text = try MessageText(String(repeating: "x", count: 5_000))
        try await withThrowingTaskGroup { group in
            for client in 0..<50 {
                group.addTask {
                    for _ in stride(from: client, to: count, by: 50) {
                        _ = try await store.postMessage(text, to: chat.id)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
