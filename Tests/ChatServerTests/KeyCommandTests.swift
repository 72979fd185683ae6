import ChatTestSupport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5)))
struct KeyCommandTests {
    @Test func `a key is shown once, works on a running server and can be revoked`() async throws {
        try await withTemporaryFolder { folder in
            let created = try await run("create", "--name=billing", "--scope=admin", in: folder)
            let key = created.output.trimmingCharacters(in: .newlines)
            let match = try #require(key.wholeMatch(of: /sk_([a-z0-9]{12})_([A-Za-z0-9]{43})/)).output
            let (id, secret) = (String(match.1), String(match.2))
            #expect(!created.errors.contains(secret))

            let served = try await ChatAPIProcess.serve(in: folder) { client async throws in
                let headers = ["Authorization": "Bearer \(key)"]
                #expect(try await client.send("GET", "/chats/", headers: headers).status == 200)
                // A key that is created while the server runs.
                let second = try await run("create", "--name=Read it", "--scope=read", in: folder).output
                let secondHeaders = ["Authorization": "Bearer \(second.trimmingCharacters(in: .newlines))"]
                #expect(try await client.send("GET", "/chats/", headers: secondHeaders).status == 200)
                #expect(try await run("revoke", id, in: folder).output == "revoked \(id)\n")
                while try await client.send("GET", "/chats/", headers: headers).status == 200 {}
                let refused = try await client.send("GET", "/chats/", headers: headers)
                #expect(refused.status == 401)
                #expect(try refused.json["code"] == "key_revoked")
            }
            #expect(served.errors.contains("Access: credentials required"))
            #expect(!served.errors.contains(secret))

            let list = try await run("list", in: folder).output.split(separator: "\n").map(String.init)
            #expect(list.count == 3)
            let time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/
            let columns = list.map { $0.split(separator: #/  +/#).map(String.init) }
            #expect(columns[0] == ["id", "name", "scope", "created", "last used", "revoked"])
            #expect(columns[1].prefix(3) == [id, "billing", "admin"])
            #expect(columns[1][3].wholeMatch(of: time) != nil && columns[1][5].wholeMatch(of: time) != nil)
            #expect(columns[2][1...2] == ["Read it", "read"])
            #expect(columns[2][5] == "-")
            let scopes = zip(list, ["scope", "admin", "read "]).map { $0.firstRange(of: $1)?.lowerBound }
            #expect(Set(scopes).count == 1)
        }
    }

    @Test func `an open server stays open after a key is created, and the command says so`() async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.serve(in: folder) { client async throws in
                let created = try await run("create", "--name=a", "--scope=read", in: folder)
                let note = "Note: a server that is already running in open mode stays open until you restart it.\n"
                #expect(created.errors == note)
                #expect(try await client.send("GET", "/chats/").status == 200)
            }
            _ = try await ChatAPIProcess.serve(in: folder) { client async throws in
                #expect(try await client.send("GET", "/chats/").status == 401)
            }
        }
    }

    @Test func `revoking a whole key revokes it, and does not print it`() async throws {
        try await withTemporaryFolder { folder in
            let key = try await run("create", "--name=a", "--scope=bot:helper", in: folder).output
            let revoked = try await run("revoke", key.trimmingCharacters(in: .newlines), in: folder)
            #expect(revoked.output == "revoked \(key.split(separator: "_")[1])\n")
        }
    }

    @Test(arguments: [
        (
            ["create", "--name=a", "--scope=root"],
            "--scope is 'root': it must be admin, post, read or bot:ID, such as bot:helper"
        ),
        (
            ["create", "--name=a\nb", "--scope=read"],
            "--name is invalid: it must be 1 to 200 characters without line breaks"
        ),
        (["revoke", "nothing"], "there is no such key: chat-api key list shows the ids"),
    ])
    func `a mistake gives one line`(_ arguments: [String], _ line: String) async throws {
        try await withTemporaryFolder { folder in
            _ = try await run("create", "--name=other", "--scope=read", in: folder)
            let outcome = try await ChatAPIProcess.run(arguments: ["key"] + arguments, in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.output == "")
            #expect(outcome.errors == "Error: \(line)\n")
        }
    }

    private func run(_ arguments: String..., in folder: String) async throws -> ChatAPIProcess.Outcome {
        let outcome = try await ChatAPIProcess.run(arguments: ["key"] + arguments, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }
}
