import ChatServer
import ChatTestSupport
import Foundation
import Testing

/// `.env` files, read as python-dotenv reads them.
@Suite(.timeLimit(.minutes(5)))
struct EnvironmentFileTests {
    /// Generated files and python-dotenv's results, recorded by Checks/EnvironmentFiles.
    private struct Recording: Decodable {
        struct Case: Decodable {
            let content: String
            let values: [String: String]?
            let refused_line: Int?
        }

        let environment: [String: String]
        let cases: [Case]
    }

    private func values(_ content: String, environment: [String: String] = [:]) throws -> [String: String] {
        let file = try EnvironmentFile(parsing: Array(content.utf8), environment: environment)
        return Dictionary(file.entries.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    @Test func `a file is parsed as python-dotenv parses it or rejected with the line`() throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/environment-files", withExtension: "json"))
        let recording = try JSONDecoder().decode(Recording.self, from: Data(contentsOf: url))
        #expect(recording.cases.count >= 1_000)
        for recorded in recording.cases {
            let bytes = Array(recorded.content.utf8)
            do throws(EnvironmentFile.SyntaxError) {
                let file = try EnvironmentFile(parsing: bytes, environment: recording.environment)
                let values = Dictionary(file.entries.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
                #expect(values == recorded.values, "\(recorded.content.debugDescription)")
            } catch {
                #expect(error.line == recorded.refused_line, "\(recorded.content.debugDescription)")
            }
        }
    }

    @Test(
        arguments: [
            ("A=1\r\nB=2\r\n", ["A": "1", "B": "2"]),
            ("\u{FEFF}A=1", ["A": "1"]),
            ("export A=1\n  export\tB = 2 ", ["A": "1", "B": "2"]),
            (#"A='it\'s $5 \n'"#, ["A": #"it's $5 \n"#]),
            (#"A="one\ttwo\n\"three\"""#, ["A": "one\ttwo\n\"three\""]),
            ("A=\"one\r\ntwo\" # comment\nB=3", ["A": "one\ntwo", "B": "3"]),
            ("# comment\n\nA=b c # comment\nB=b#c\nC='d'#comment", ["A": "b c", "B": "b#c", "C": "d"]),
            ("A=\nB=''\nC=\"\"", ["A": "", "B": "", "C": ""]),
            ("A=1\nA=2", ["A": "2"]),
            ("A=a\nB=${A}-${C:-c}-${D}\nC='${B}'", ["A": "a", "B": "a-c-", "C": "a-c-"]),
            ("", [:]),
        ] as [(String, [String: String])]
    )
    func `common notations are understood`(_ content: String, _ expected: [String: String]) throws {
        #expect(try values(content) == expected)
    }

    @Test func `inside values, the environment overrides the file`() throws {
        let values = try values("A=file\nB=${A}", environment: ["A": "environment"])
        #expect(values == ["A": "file", "B": "environment"])
    }

    @Test(arguments: [
        ("A=1\nsecret", 2), ("A=1\n\nDATABASE_URL: secret", 3), ("A='secret", 1), ("A=\"secret\" more", 1),
        ("=secret", 1), ("A=1\r\nB 2\r\n", 2), ("export ", 1),
    ])
    func `an invalid line is rejected with its number`(_ content: String, _ line: Int) {
        let error = #expect(throws: EnvironmentFile.SyntaxError.self) {
            try EnvironmentFile(parsing: Array(content.utf8))
        }
        #expect(error?.line == line)
        #expect(error?.reason == "it is not NAME=value")
    }

    @Test func `a line that is not UTF-8 is rejected with its number`() {
        let error = #expect(throws: EnvironmentFile.SyntaxError.self) {
            try EnvironmentFile(parsing: Array("A=1\nB=".utf8) + [0xFF] + Array("\nC=3".utf8))
        }
        #expect(error?.line == 2)
        #expect(error?.reason == "it is not UTF-8")
    }

    @Test(arguments: [
        ("DATABASE_URL=sqlite:///told.db\r\nLOG_LEVEL=info\r\n"), ("\u{FEFF}DATABASE_URL=sqlite:///told.db"),
        ("export DATABASE_URL=\"sqlite:///told.db\" # where chats are"),
        ("NAME=told\nDATABASE_URL='sqlite:///${NAME}.db'"),
    ])
    func `the program uses the database that the file names`(_ content: String) async throws {
        try await withTemporaryFolder { folder in
            try Data(content.utf8).write(to: URL(filePath: folder + "/.env"))
            try Data().write(to: URL(filePath: folder + "/told.db"))
            let outcome = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            #expect(outcome.status == 0)
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(!files.contains("chat.db"))
        }
    }

    @Test func `an invalid file stops every command with one line and no secret`() async throws {
        try await withTemporaryFolder { folder in
            try Data("LOG_LEVEL=info\nDATABASE_URL: postgresql://me:hunter2@localhost/chat\n".utf8)
                .write(to: URL(filePath: folder + "/.env"))
            for command in [["serve"], ["migrate", "upgrade"], ["export", "--all"], ["import"], ["healthcheck"]] {
                let outcome = try await ChatAPIProcess.run(arguments: command, in: folder)
                #expect(outcome.status == 1)
                #expect(outcome.errors == "Error: line 2 of .env is invalid: it is not NAME=value\n")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [".env"])
        }
    }

    @Test func `a folder named .env is ignored`() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/.env", withIntermediateDirectories: false)
            try Data().write(to: URL(filePath: folder + "/chat.db"))
            #expect(try await ChatAPIProcess.run("migrate", "upgrade", in: folder).status == 0)
        }
    }
}
