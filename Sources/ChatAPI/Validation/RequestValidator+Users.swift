import ChatDomain
import ChatWire
import Hummingbird

/// Users, and the parts of their tokens, in requests.
extension RequestValidator {
    /// The path's `user_id`.
    mutating func userID(in context: some RequestContext) -> UserID? {
        userID(context.parameters.get("user_id")?.percentDecoded() ?? "", at: ["path", "user_id"])
    }

    /// The query parameter `ids`: comma-separated, without repetitions.
    mutating func userIDs(in request: Request) -> [UserID]? {
        guard let text = request.queryParameter("ids") else {
            note(.missing, at: ["query", "ids"], input: .null)
            return nil
        }
        let items = text.split(separator: ",", omittingEmptySubsequences: false)
        guard items.count <= UserList.maximumCount else {
            note(.rule("there are more than \(UserList.maximumCount) ids"), at: ["query", "ids"], input: .text(text))
            return nil
        }
        var ids: [UserID] = []
        for item in items {
            guard let id = userID(String(item), at: ["query", "ids"]) else { return nil }
            if !ids.contains(id) {
                ids.append(id)
            }
        }
        return ids
    }

    /// - Parameter index: The element of the location that is the id, if the location is an array.
    mutating func userID(_ text: String, at location: [String], index: Int? = nil) -> UserID? {
        if let id = UserID(text) { return id }
        note(.patternMismatch(UserID.pattern), at: location, index: index, input: .text(text))
        return nil
    }

    /// A required member that is a user's id.
    mutating func userID(_ name: String, in object: JSONValue) -> UserID? {
        string(name, in: object).flatMap { userID($0, at: ["body", name]) }
    }

    /// The body as a user's complete profile: what it leaves out gets the default.
    mutating func userProfile(in object: JSONValue) -> UserProfile? {
        let name = nullableText("name", in: object, UserName.init)
        let avatarURL = nullableText("avatar_url", in: object, AvatarURL.init)
        let metadata = metadata(in: object)
        let kind = choice("kind", in: object, default: User.Kind.person)
        let isDeactivated = boolean("deactivated", in: object, default: false)
        guard let name, let avatarURL, let metadata, let kind, let isDeactivated else { return nil }
        return UserProfile(
            name: name.value,
            avatarURL: avatarURL.value,
            metadata: metadata.applied(to: nil),
            kind: kind,
            isDeactivated: isDeactivated
        )
    }

    /// The member `ttl`: a token's lifetime in seconds.
    mutating func lifetime(in object: JSONValue, upTo maximum: Duration) -> Duration? {
        integer("ttl", in: object, range: 1...maximum.components.seconds).map { .seconds($0) }
    }

    /// The number of grants with which every token is short enough to be accepted.
    static let maximumGrants = 100

    /// The member `grants`, in the form of a token's claim.
    mutating func grants(in object: JSONValue) -> Grants? {
        guard let member = object.member("grants") else { return Grants() }
        let roles = member.members
        let problem: ValidationIssue.Problem
        if member.kind != .object {
            problem = .notADictionary
        } else if roles.count > Self.maximumGrants {
            problem = .rule("there are more than \(Self.maximumGrants) grants")
        } else if let grants = Grants(claim: roles.mapValues { ((try? $0.string()) ?? nil) ?? "" }) {
            return grants
        } else {
            problem = .rule("a grant is a chat's id or '*' with the role reader, member, moderator or owner")
        }
        note(problem, at: ["body", "grants"], input: .json(member))
        return nil
    }
}
