import ArgumentParser
import ChatDomain
import ChatIdentity

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Sign a user's token, for development.",
        discussion: """
            It signs with the first secret of CHAT_JWT_SECRET, from the environment or .env, and prints the token. In \
            production, your backend signs tokens: docs/authentication.md shows how.
            """
    )

    @Option(help: "The user's id, 1 to 128 visible ASCII characters.") var user: String
    @Option(help: "The user's role: user, guest, admin or bot.") var role = ApplicationRole.user.rawValue
    @Option(help: "The user's name, for the first request of a new user.") var name: String?
    @Option(
        help: ArgumentHelp(
            "A role in a chat, such as 42=member, or in every chat: '*=reader'. You can repeat this option.",
            valueName: "chat=role"
        )
    )
    var grant: [String] = []
    @Option(help: ArgumentHelp("Seconds until the token expires.", valueName: "seconds")) var ttl = 3_600
    @OptionGroup(title: "Authentication") var rules: TokenRuleOptions

    func run() async throws {
        let settings = try await SettingsReader(given: rules.given)
        try await settings.printWarnings()
        let rules = try TokenRules(settings)
        guard let secret = try settings.value(Settings.jwtSecrets)?.first else {
            throw CommandError(
                "\(Settings.jwtSecrets.variable) is not set: set it, here and for the server, to the output of openssl rand -hex 32"
            )
        }
        let maximumAge = rules.maximumAge.components.seconds
        guard (1...maximumAge).contains(Int64(ttl)) else {
            throw CommandError(
                """
                --ttl is '\(ttl)': it must be a number of seconds from 1 to \(maximumAge) \
                (see \(settings.name(of: Settings.tokenMaximumAge)))
                """
            )
        }
        let token = try await TokenSigner(secret: secret, rules).token(
            for: userID(),
            role: applicationRole(),
            name: name,
            grants: grants(),
            lifetime: .seconds(ttl),
            at: .now()
        )
        print(token)
    }

    private func userID() throws(CommandError) -> UserID {
        guard let id = UserID(user) else {
            throw CommandError("--user is '\(user)': it must be 1 to \(UserID.maximumLength) visible ASCII characters")
        }
        return id
    }

    private func applicationRole() throws(CommandError) -> ApplicationRole {
        guard let role = ApplicationRole(rawValue: role) else {
            let roles = ApplicationRole.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError("--role is '\(role)': it must be one of \(roles)")
        }
        return role
    }

    private func grants() throws(CommandError) -> Grants {
        var claim: [String: String] = [:]
        for grant in grant {
            let parts = grant.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, Grants(claim: [parts[0]: parts[1]]) != nil else {
                let roles = ChatRole.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandError(
                    "--grant is '\(grant)': it must be a chat's id or *, =, and one of \(roles), such as 42=member"
                )
            }
            claim[parts[0]] = parts[1]
        }
        return Grants(claim: claim) ?? Grants()
    }
}
