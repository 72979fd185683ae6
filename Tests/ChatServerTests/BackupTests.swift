import ChatServer
import ChatTestSupport
import Foundation
import Glibc
import SystemPackage
import Testing

/// `chat-api backup`, and the database that comes of a restored file.
@Suite(.timeLimit(.minutes(5)))
struct BackupTests {
    @Test func `a running server's database is copied and can be served`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve(in: folder) { client async throws in
                try await client.createChats()
                let backup = try await ChatAPIProcess.run("backup", "copy.db", in: folder)
                #expect(backup.status == 0)
                #expect(
                    backup.output.wholeMatch(of: /Wrote copy\.db: [0-9.]+ [kM]B in [0-9.]+ s, schema [0-9]{4}\.\n/)
                        != nil
                )
                #expect(backup.errors == "")
                let chats = try await client.send("GET", "/chats/").json["chats"]
                let names = try FileManager.default.contentsOfDirectory(atPath: folder)
                #expect(Set(names) == ["chat.db", "chat.db-wal", "chat.db-shm", "copy.db"])
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/copy.db")
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                let restored = try await ChatAPIProcess.serve("--database-url=sqlite:///copy.db", in: folder) {
                    client async throws in
                    #expect(try await client.send("GET", "/chats/").json["chats"] == chats)
                }
                #expect(restored.status == 0)
            }
            #expect(outcome.status == 0)
        }
    }

    /// Clients that have seen more than the backup holds would otherwise miss messages.
    @Test func `each restore of a backup starts a new epoch`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            func epoch(of file: String) async throws -> String {
                try await ChatAPIProcess.run("epoch", "--database-url=sqlite:///\(file)", in: folder).output
            }
            func serve(_ file: String) async throws {
                _ = try await ChatAPIProcess.serve("--database-url=sqlite:///\(file)", in: folder) { _ async throws in }
            }
            let original = try await epoch(of: "chat.db")
            #expect(try await ChatAPIProcess.run("backup", "copy.db", in: folder).status == 0)
            #expect(try await epoch(of: "copy.db") == "00000000\n")
            #expect(try await epoch(of: "chat.db") == original)
            var epochs = [original]
            for name in ["first.db", "second.db"] {
                try FileManager.default.copyItem(atPath: folder + "/copy.db", toPath: "\(folder)/\(name)")
                try await serve(name)
                epochs.append(try await epoch(of: name))
                try await serve(name)
                #expect(try await epoch(of: name) == epochs.last)
            }
            #expect(Set(epochs).count == 3)
            #expect(!epochs.contains("00000000\n"))
        }
    }

    @Test func `an existing file is replaced only with --force`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            try Data("mine".utf8).write(to: URL(filePath: folder + "/copy.db"))
            try await expectRefusal(
                "copy.db already exists: choose another name, or replace it with --force",
                of: ["copy.db"],
                in: folder
            )
            #expect(try String(contentsOfFile: folder + "/copy.db", encoding: .utf8) == "mine")
            #expect(try await ChatAPIProcess.run("backup", "--force", "copy.db", in: folder).status == 0)
            #expect(
                try await ChatAPIProcess.run("migrate", "check", "--database-url=sqlite:///copy.db", in: folder).status
                    == 0
            )
        }
    }

    @Test(arguments: [
        (["chat.db"], "chat.db belongs to the database itself"),
        (["--force", "chat.db"], "chat.db belongs to the database itself"),
        (["--force", "link.db"], "link.db belongs to the database itself"),
        (["--force", "folder"], "folder is not a regular file"),
        (["no/folder/copy.db"], "cannot write no/folder/copy.db.partial: No such file or directory"),
        (
            ["used.db"],
            "used.db-wal exists, so used.db may be a database in use: choose another name"
        ),
        (
            ["copy.db", "--database-url=sqlite:///absent.db"],
            "cannot open absent.db: there is no such file (chat-api serve, import or key create creates it)"
        ),
        (
            ["copy.db", "--database-url=sqlite:///empty.db"],
            "cannot back up empty.db to copy.db: it is not a chat-api database"
        ),
        (
            ["copy.db", "--database-url=sqlite:///text.db"],
            "cannot open text.db: SQLite: file is not a database (26)"
        ),
        (
            ["copy.db", "--database-url=sqlite::memory:"],
            "backup copies SQLite files only, not sqlite::memory:: there is no file"
        ),
        (
            ["copy.db", "--database-url=postgresql://me:hunter2@127.0.0.1:1/chat"],
            "backup copies SQLite files only, not postgresql://me@127.0.0.1:1/chat: back up PostgreSQL with pg_dump"
        ),
    ])
    func `what cannot be done is reported in one line and changes nothing`(
        _ arguments: [String],
        _ complaint: String
    ) async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            let files = FileManager.default
            try files.createSymbolicLink(atPath: folder + "/link.db", withDestinationPath: "chat.db")
            try files.createDirectory(atPath: folder + "/folder", withIntermediateDirectories: false)
            try Data().write(to: URL(filePath: folder + "/empty.db"))
            try Data(repeating: UInt8(ascii: "x"), count: 5_000).write(to: URL(filePath: folder + "/text.db"))
            try Data().write(to: URL(filePath: folder + "/used.db-wal"))
            let before = try contents(of: folder)
            try await expectRefusal(complaint, of: arguments, in: folder)
            #expect(try contents(of: folder) == before)
        }
    }

    @Test func `a full disk leaves no file`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            // A limit on the size of files is the nearest thing to a full disk that needs no privileges.
            let outcome = try await ChatAPIProcess.run(
                script: "trap '' XFSZ; ulimit -f 64; exec $0 backup copy.db",
                in: folder
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("Error: cannot back up chat.db to copy.db: SQLite: "))
            #expect(outcome.errors.split(separator: "\n").count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["chat.db"])
        }
    }

    @Test func `a damaged database is reported and leaves no file`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            try runSQLite(folder, "PRAGMA ignore_check_constraints = ON; UPDATE counters SET value = -1")
            try await expectRefusal(
                """
                cannot back up chat.db to copy.db: the copy is damaged, and so may be the database: CHECK constraint failed \
                in counters
                """,
                of: ["copy.db"],
                in: folder
            )
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["chat.db"])
        }
    }

    @Test func `leftovers of a killed backup are replaced`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            for suffix in ["", "-journal", "-wal"] {
                try Data(repeating: 0xEE, count: 50_000).write(to: URL(filePath: "\(folder)/copy.db.partial\(suffix)"))
            }
            #expect(try await ChatAPIProcess.run("backup", "copy.db", in: folder).status == 0)
            #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder)) == ["chat.db", "copy.db"])
        }
    }

    @Test func `two backups do not write the same file`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            let partial = try FileDescriptor.open(
                FilePath(folder).appending("copy.db.partial"),
                .readWrite,
                options: .create,
                permissions: .ownerReadWrite
            )
            #expect(lock(partial))
            try await expectRefusal("another process is writing copy.db.partial", of: ["copy.db"], in: folder)
            try partial.close()
            #expect(try await ChatAPIProcess.run("backup", "copy.db", in: folder).status == 0)
        }
    }

    @Test func `--keep deletes only older backups of the same name`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            let others = [
                "chat-20200101T000000Z.db.gz", "chat-2020.db", "other-20200101T000000Z.db", "chat-20200101T000000Z",
                "chat-20200101T000000Z-x.db",
            ]
            let old = (1...4).map { "chat-2020010\($0)T000000Z.db" }
            for name in others + old {
                try Data().write(to: URL(filePath: "\(folder)/\(name)"))
            }
            let outcome = try await ChatAPIProcess.run("backup", "--keep=3", "chat.db", in: folder)
            #expect(outcome.status == 0)
            #expect(outcome.output.hasSuffix("Deleted \(old[0]).\nDeleted \(old[1]).\n"))
            let names = try Set(FileManager.default.contentsOfDirectory(atPath: folder))
            let new = try #require(names.subtracting(others + old + ["chat.db"]).first)
            #expect(new.wholeMatch(of: /chat-20[0-9]{6}T[0-9]{6}Z\.db/) != nil)
            #expect(names == Set(others + old.suffix(2) + ["chat.db", new]))
        }
    }

    @Test func `the newest backup is kept even if the clock went backward`() {
        let series = BackupSeries("/var/backups/chat.db")
        let new = series.path(at: Date(timeIntervalSince1970: 1_000_000_000))
        #expect(new == "/var/backups/chat-20010909T014640Z.db")
        let names = ["chat-20010909T014640Z.db", "chat-20300101T000000Z.db", "chat-20310101T000000Z.db", "chat.db"]
        #expect(
            series.paths(besides: new, keeping: 1, among: names) == [
                "/var/backups/chat-20300101T000000Z.db", "/var/backups/chat-20310101T000000Z.db",
            ]
        )
        #expect(series.paths(besides: new, keeping: 2, among: names) == ["/var/backups/chat-20300101T000000Z.db"])
        #expect(series.paths(besides: new, keeping: 9, among: names) == [])
        #expect(BackupSeries("a.b/chat").path(at: .init(timeIntervalSince1970: 0)) == "a.b/chat-19700101T000000Z")
    }

    @Test func `a signal ends the backup without a file`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            try runSQLite(
                folder,
                """
                CREATE TABLE filler (content BLOB);
                WITH RECURSIVE numbers (number) AS (VALUES (1) UNION ALL SELECT number + 1 FROM numbers LIMIT 60)
                INSERT INTO filler SELECT zeroblob(1000000) FROM numbers
                """
            )
            // A backup may be faster than its signal.
            for _ in 1...10 {
                let outcome = try await ChatAPIProcess.run(
                    script:
                        "$0 backup copy.db & while kill -0 $! && [[ ! -e copy.db.partial ]]; do :; done; kill $!; wait $!",
                    in: folder
                )
                if outcome.status != 0 {
                    #expect(outcome.status == 1)
                    #expect(outcome.errors == "Error: interrupted: no backup was made\n")
                    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["chat.db"])
                    return
                }
                try FileManager.default.removeItem(atPath: folder + "/copy.db")
            }
            Issue.record("no backup was interrupted")
        }
    }

    private func expectRefusal(_ complaint: String, of arguments: [String], in folder: String) async throws {
        let outcome = try await ChatAPIProcess.run(arguments: ["backup"] + arguments, in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors == "Error: \(complaint)\n")
        #expect(outcome.output == "")
    }
}

/// The contents of each file in a folder, for comparing two states of it.
///
/// Without SQLite's index of the write-ahead log, which changes when the database is read.
func contents(of folder: String) throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) where !name.hasSuffix("-shm") {
        contents[name] = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
    }
    return contents
}

private func lock(_ descriptor: FileDescriptor) -> Bool {
    flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0
}
