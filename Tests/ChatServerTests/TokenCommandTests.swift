import ChatTestSupport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5)))
struct TokenCommandTests {
    private static let environment = [
        "CHAT_JWT_SECRET": "0123456789abcdef0123456789abcdef", "CHAT_JWT_ISSUER": "https://team.example",
        "CHAT_JWT_AUDIENCE": "chat",
    ]

    @Test func `the command prints a token with the given claims`() async throws {
        let outcome = try await run(
            "--user=ada",
            "--role=guest",
            "--name=Ada",
            "--grant=42=member",
            "--grant=*=reader",
            "--ttl=60"
        )
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
        let parts = outcome.output.dropLast().split(separator: ".")
        #expect(parts.count == 3)
        let claims = try JSON(parsing: decoded(parts[1]))
        #expect(claims["sub"] == "ada")
        #expect(claims["iss"] == "https://team.example")
        #expect(claims["aud"] == "chat")
        #expect(claims["chat"] == ["role": "guest", "name": "Ada", "grants": ["42": "member", "*": "reader"]])
        let times = try JSONDecoder().decode(Times.self, from: decoded(parts[1]))
        #expect((times.exp - times.iat).rounded() == 60)
    }

    @Test(arguments: [
        (["--user=a b"], "--user is 'a b': it must be 1 to 128 visible ASCII characters"),
        (["--user=ada", "--role=owner"], "--role is 'owner': it must be one of user, guest, admin, bot"),
        (
            ["--user=ada", "--grant=42"],
            """
            --grant is '42': it must be a chat's id or *, =, and one of reader, member, moderator, owner, such as \
            42=member
            """
        ),
        (
            ["--user=ada", "--ttl=86401"],
            "--ttl is '86401': it must be a number of seconds from 1 to 86400 (see --token-max-age)"
        ),
    ])
    func `an invalid option gives one line`(_ arguments: [String], _ line: String) async throws {
        let outcome = try await ChatAPIProcess.run(
            arguments: ["token"] + arguments,
            in: NSTemporaryDirectory(),
            environment: Self.environment
        )
        #expect(outcome.status == 1)
        #expect(outcome.output == "")
        #expect(outcome.errors == "Error: \(line)\n")
    }

    @Test func `without a secret, the command says where to set it`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.run("token", "--user=ada", in: folder)
            #expect(outcome.status == 1)
            #expect(
                outcome.errors == """
                    Error: CHAT_JWT_SECRET is not set: set it, here and for the server, to the output of openssl rand -hex \
                    32\n
                    """
            )
        }
    }

    private struct Times: Decodable {
        let iat: Double
        let exp: Double
    }

    /// Decodes base64url.
    private func decoded(_ text: Substring) throws -> Data {
        let digits = text.replacing("-", with: "+").replacing("_", with: "/")
        return try #require(Data(base64Encoded: digits + String(repeating: "=", count: (4 - digits.count % 4) % 4)))
    }

    private func run(_ arguments: String...) async throws -> ChatAPIProcess.Outcome {
        try await withTemporaryFolder { folder in
            try await ChatAPIProcess.run(arguments: ["token"] + arguments, in: folder, environment: Self.environment)
        }
    }
}
