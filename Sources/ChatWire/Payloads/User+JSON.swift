package import ChatDomain

extension User: JSONWritable {
    /// Writes a `User`; members without a value are omitted.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", id)
            writer.member("name", ifPresent: name)
            writer.member("avatar_url", ifPresent: avatarURL)
            writer.member("kind", kind.rawValue)
            writer.member("created_at", createdAt)
            writer.member("deactivated_at", ifPresent: deactivatedAt)
            writer.member("metadata", ifPresent: metadata)
        }
    }
}

/// The users that one request asked for.
package struct UserList: JSONWritable {
    /// The maximum number of users.
    package static let maximumCount = 100

    private let users: [User]

    package init(_ users: [User]) {
        self.users = users
    }

    /// Writes a `UserList`.
    package func write(to writer: inout JSONWriter) {
        writer.object { $0.member("users", users) }
    }
}

extension JSONSchema {
    /// A user, who may be deactivated.
    package static let user = component(
        "User",
        .object([
            .required("id", .userID),
            .optional("name", .string(maximum: UserName.maximumLength), "Absent if there is none."),
            .optional(
                "avatar_url",
                .string(maximum: AvatarURL.maximumLength),
                "The address of a picture, which the service never fetches. Absent if there is none."
            ),
            .required("kind", .userKind),
            .required("created_at", .instant, "When the service first heard of the user."),
            .optional("deactivated_at", .instant, "When the user lost access. Absent while the user has it."),
            .optional("metadata", .metadata),
        ])
    )

    /// Whether the user is a person or a program.
    package static let userKind = values(of: User.Kind.self, named: "UserKind")

    /// At most 100 users.
    package static let userList = component(
        "UserList",
        .object([.required("users", .array(of: .user, maximum: UserList.maximumCount), "In the order of the ids.")])
    )
}
