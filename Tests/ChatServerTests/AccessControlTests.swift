import ChatTestSupport
import Foundation
import Subprocess
import SystemPackage
import Testing

/// The configuration of keys and modes, seen from outside.
@Suite(.timeLimit(.minutes(5)))
struct AccessControlTests {
    private static let secret = "0123456789abcdef0123456789abcdef"
    private static let otherSecret = "fedcba9876543210fedcba9876543210"

    @Test func `without keys, a server on loopback is open and one elsewhere refuses to start`() async throws {
        try await withTemporaryFolder { folder in
            let open = try await ChatAPIProcess.serve(in: folder) { client async throws in
                #expect(try await client.send("GET", "/chats/").status == 200)
            }
            #expect(open.errors.contains("Access: open, anyone may read and write"))
            let refused = try await ChatAPIProcess.run("serve", "--host=0.0.0.0", "--port=0", in: folder)
            #expect(refused.status == 1)
            #expect(
                refused.errors == """
                    Error: cannot listen on 0.0.0.0 without keys: configure keys (run chat-api key create, or set \
                    CHAT_JWT_SECRET, CHAT_SERVER_KEY, --jwt-keys or --jwks-url), listen on a loopback address \
                    (--host 127.0.0.1), or let anyone read and write (--auth open)\n
                    """
            )
            let allowed = try await ChatAPIProcess.serve(
                "--host=0.0.0.0",
                in: folder,
                environment: ["CHAT_AUTH": "open"]
            ) { client async throws in
                #expect(try await client.send("GET", "/chats/").status == 200)
            }
            #expect(allowed.errors.contains("Access: open, anyone may read and write"))
        }
    }

    @Test(arguments: [
        ["CHAT_JWT_SECRET": secret], ["CHAT_SERVER_KEY": "sk_env_\(secret)"], ["CHAT_AUTH": "required"],
        ["CHAT_JWKS_URL": "http://127.0.0.1:1/"],
    ])
    func `with a source of keys, a credential is required`(_ environment: [String: String]) async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve(in: folder, environment: environment) { client async throws in
                let refused = try await client.send("GET", "/chats/")
                #expect(refused.status == 401)
                #expect(try refused.json["code"] == "token_missing")
                #expect(try await client.send("GET", "/health/ready").status == 200)
                if environment["CHAT_SERVER_KEY"] != nil {
                    let headers = ["Authorization": "Bearer sk_env_\(Self.secret)"]
                    #expect(try await client.send("GET", "/chats/", headers: headers).status == 200)
                }
            }
            #expect(outcome.errors.contains("Access: credentials required"))
            #expect(!outcome.errors.contains(Self.secret))
            let warning = """
                There is no key, so no credential is valid: run chat-api key create, or set CHAT_JWT_SECRET, \
                CHAT_SERVER_KEY, --jwt-keys or --jwks-url\n
                """
            #expect(outcome.errors.contains(warning) == (environment["CHAT_AUTH"] != nil))
            if environment["CHAT_JWKS_URL"] != nil {
                let warning = "Will retry: cannot use the keys in http://127.0.0.1:1/: Couldn't connect to server"
                #expect(outcome.errors.matches(of: /Couldn't connect/).count == 1)
                #expect(outcome.errors.contains(warning))
            }
        }
    }

    @Test(arguments: [
        (
            ["CHAT_JWT_SECRET": "hunter2"], [String](),
            """
            CHAT_JWT_SECRET is invalid: it must be a secret of at least 32 bytes for HS256, or several separated by \
            commas, such as the output of openssl rand -hex 32
            """
        ),
        (
            ["CHAT_JWT_SECRET": "\(secret),hunter2"], [],
            """
            CHAT_JWT_SECRET is invalid: it must be a secret of at least 32 bytes for HS256, or several separated by \
            commas, such as the output of openssl rand -hex 32
            """
        ),
        (
            ["CHAT_SERVER_KEY": "sk_hunter2"], [],
            """
            CHAT_SERVER_KEY is invalid: it must be sk_ID_SECRET, with an id of letters and digits and a secret of 32 to \
            128 letters, digits, - or _
            """
        ),
        (
            [:], ["--jwt-keys=keys.json"],
            "cannot use the keys in keys.json: No such file or directory (see --jwt-keys)"
        ),
        (
            ["CHAT_JWT_KEYS": "bad.json"], [],
            """
            cannot use the keys in bad.json: key 1 of the JWK set is too short: RSA needs 2,048 bits, HS256 32 bytes, \
            HS384 48 and HS512 64 (see CHAT_JWT_KEYS)
            """
        ),
        (
            [:], ["--jwks-url=http://id.example/hunter2"],
            """
            --jwks-url is 'http://id.example/hunter2': it must be none, or a URL such as https://id.example/jwks.json; \
            http only on localhost
            """
        ),
        (
            [:], ["--cors-origins=https://app.example:443"],
            """
            --cors-origins is 'https://app.example:443': it must be none, *, or origins such as \
            https://app.example,https://www.app.example:8443, without a path, a wildcard or the default port
            """
        ),
        (
            [:], ["--token-max-age=59"],
            "--token-max-age is '59': it must be a number of seconds from 60 to 31536000"
        ),
        ([:], ["--queue-timeout=0"], "--queue-timeout is '0': it must be a number of seconds from 0.1 to 3600"),
    ])
    func `a misconfiguration gives one line that says what to do`(
        _ environment: [String: String],
        _ arguments: [String],
        _ line: String
    ) async throws {
        try await withTemporaryFolder { folder in
            let set = Data(#"{"keys":[{"kty":"oct","k":"aHVudGVyMg"}]}"#.utf8)
            try set.write(to: URL(filePath: folder + "/bad.json"))
            let outcome = try await ChatAPIProcess.run(
                arguments: ["serve", "--port=0"] + arguments,
                in: folder,
                environment: environment
            )
            #expect(outcome.status == 1)
            #expect(outcome.errors == "Error: \(line)\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["bad.json"])
        }
    }

    @Test func `all secrets are accepted, and a token is signed with the first`() async throws {
        try await withTemporaryFolder { folder in
            let old = try await token(in: folder, secret: Self.secret)
            let new = try await token(in: folder, secret: "\(Self.otherSecret),\(Self.secret)")
            let environment = ["CHAT_JWT_SECRET": "\(Self.otherSecret),\(Self.secret)"]
            _ = try await ChatAPIProcess.serve(in: folder, environment: environment) { client async throws in
                #expect(try await status(old, client) == 200)
                #expect(try await status(new, client) == 200)
            }
            let rotated = ["CHAT_JWT_SECRET": Self.otherSecret]
            _ = try await ChatAPIProcess.serve(in: folder, environment: rotated) { client async throws in
                #expect(try await status(old, client) == 401)
                #expect(try await status(new, client) == 200)
            }
        }
    }

    @Test func `a server issues tokens signed with the first secret`() async throws {
        try await withTemporaryFolder { folder in
            let serverKey = "sk_env_\(Self.secret)"
            let environment = ["CHAT_JWT_SECRET": "\(Self.otherSecret),\(Self.secret)", "CHAT_SERVER_KEY": serverKey]
            var token: String?
            _ = try await ChatAPIProcess.serve(in: folder, environment: environment) { client async throws in
                let headers = ["Authorization": "Bearer \(serverKey)"]
                let issued = try await client.send("POST", "/users/ada/tokens", headers: headers, body: #"{"ttl":60}"#)
                #expect(issued.status == 201)
                token = try issued.json["token"]?.string
            }
            let headers = ["Authorization": "Bearer \(try #require(token))"]
            let rotated = ["CHAT_JWT_SECRET": Self.otherSecret]
            _ = try await ChatAPIProcess.serve(in: folder, environment: rotated) { client async throws in
                #expect(try await client.send("GET", "/me", headers: headers).json["user"]?["id"] == "ada")
            }
        }
    }

    @Test func `a key file is replaced while the server runs`() async throws {
        try await withTemporaryFolder { folder in
            let old = try await token(in: folder, secret: Self.secret)
            let new = try await token(in: folder, secret: Self.otherSecret)
            let file = URL(filePath: folder + "/keys.json")
            try keySet(Self.secret).write(to: file)
            let outcome = try await ChatAPIProcess.serve("--jwt-keys=keys.json", in: folder) { client async throws in
                #expect(try await status(old, client) == 200)
                #expect(try await status(new, client) == 401)
                try keySet(Self.otherSecret).write(to: file, options: .atomic)
                while try await status(new, client) == 401 {}
                #expect(try await status(old, client) == 401)
            }
            #expect(outcome.errors.contains("Using the keys in keys.json"))
        }
    }

    @Test func `keys are fetched by HTTPS from a server with a trusted certificate`() async throws {
        try await withTemporaryFolder { folder in
            let token = try await token(in: folder, secret: Self.secret)
            try keySet(Self.secret).write(to: URL(filePath: folder + "/jwks.json"))
            try await withHTTPSServer(folder) { port in
                let address = "--jwks-url=https://localhost:\(port)/jwks.json"
                let trusting = ["SSL_CERT_FILE": folder + "/certificate.pem"]
                let trusted = try await ChatAPIProcess.serve(address, in: folder, environment: trusting) {
                    client async throws in
                    #expect(try await status(token, client) == 200)
                }
                #expect(trusted.errors.contains("Using the keys in https://localhost:\(port)/jwks.json"))
                let untrusted = try await ChatAPIProcess.serve(address, in: folder) { client async throws in
                    #expect(try await status(token, client) == 401)
                }
                #expect(untrusted.errors.contains("certificate"))
            }
        }
    }

    private func token(in folder: String, secret: String) async throws -> String {
        let environment = ["CHAT_JWT_SECRET": secret]
        let outcome = try await ChatAPIProcess.run("token", "--user=ada", in: folder, environment: environment)
        #expect(outcome.status == 0 && outcome.errors == "")
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    private func status(_ token: String, _ client: HTTPTestClient) async throws -> Int {
        try await client.send("GET", "/chats/", headers: ["Authorization": "Bearer \(token)"]).status
    }

    /// A JWK set with a shared secret.
    private func keySet(_ secret: String) -> Data {
        let key = Data(secret.utf8).base64EncodedString(options: [.base64URLAlphabet, .omitPaddingCharacter])
        return Data(#"{"keys":[{"kty":"oct","k":"\#(key)"}]}"#.utf8)
    }

    /// Serves a folder by HTTPS with a new certificate for localhost, `certificate.pem`.
    private func withHTTPSServer(_ folder: String, _ body: (Int) async throws -> Void) async throws {
        let files = ["-keyout", "key.pem", "-out", "certificate.pem"]
        let certificate = try await Subprocess.run(
            .name("openssl"),
            arguments: Arguments(
                ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"] + files
                    + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
            ),
            workingDirectory: FilePath(folder),
            output: .discarded,
            error: .discarded
        )
        #expect(certificate.terminationStatus.isSuccess)
        _ = try await Subprocess.run(
            .name("openssl"),
            arguments: ["s_server", "-WWW", "-accept", "0", "-cert", "certificate.pem", "-key", "key.pem"],
            workingDirectory: FilePath(folder),
            input: .none,
            output: .sequence,
            error: .discarded
        ) { execution in
            for try await line in execution.standardOutput.strings() {
                if let match = line.firstMatch(of: /ACCEPT .*:(\d+)/), let port = Int(match.output.1) {
                    try await body(port)
                    try execution.send(signal: .terminate)
                }
            }
        }
    }
}
